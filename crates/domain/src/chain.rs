//! An error with all its causes, in one line.

use std::error::Error;

/// The error and what caused it, from the outside in, separated by colons. Some libraries' errors repeat their causes
/// themselves: what the line ends with already is not said again.
pub fn chain(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Outer {
        #[error("cannot connect")]
        Plain(#[source] io::Error),
        #[error("cannot connect: {0}")]
        Repeating(#[source] io::Error),
    }

    #[test]
    fn should_say_every_cause_once() {
        let refused = || io::Error::other("refused");
        assert_eq!(chain(&Outer::Plain(refused())), "cannot connect: refused");
        assert_eq!(chain(&Outer::Repeating(refused())), "cannot connect: refused");
    }
}
