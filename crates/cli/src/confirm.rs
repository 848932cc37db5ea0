//! Whether somebody means it.

use std::io::{self, IsTerminal as _, Write as _};

use crate::{
    failure::{Exit, Failure},
    output::plain,
};

/// Goes on if the user has said yes, or says so now. Who is not at a terminal has to say it beforehand.
pub(crate) fn confirm(question: &str, is_given: bool) -> Result<(), Failure> {
    if is_given {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            "unconfirmed",
            format!("{question} nobody is here to say yes"),
        )
        .with_hint("add --yes if you mean it"));
    }
    write!(io::stderr().lock(), "{} [y/N] ", plain(question))?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "unconfirmed", "nothing was done"))
}
