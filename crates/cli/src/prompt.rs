//! A secret from the user: typed at a terminal that does not show it, or read from standard input.

use std::io::{self, IsTerminal as _, Read as _, Stdin, Write as _};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use tenantry_client::Secret;

use crate::failure::{Exit, Failure};

/// The longest secret that is read, in bytes: what is longer is none.
const LONGEST: u64 = 4096;

/// Asks for a secret on a terminal, or reads all of standard input.
pub(crate) fn secret(prompt: &str) -> Result<Secret, Failure> {
    let stdin = io::stdin();
    let text = if stdin.is_terminal() { typed(&stdin, prompt)? } else { piped(&stdin)? };
    Ok(text.trim().to_owned().into())
}

fn piped(stdin: &Stdin) -> io::Result<String> {
    let mut text = String::new();
    stdin.lock().take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// What is typed up to the end of the line.
fn typed(stdin: &Stdin, prompt: &str) -> Result<String, Failure> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{prompt}: ")?;
    stderr.flush()?;
    let quiet = Quiet::new(stdin)?;
    let line = line(stdin.lock());
    drop(quiet);
    writeln!(stderr)?;
    line?.ok_or_else(|| Failure::new(Exit::Failed, "interrupted", "nothing was done"))
}

/// Reads keys up to the end of the line, or `None` when the user has had enough.
fn line(mut keys: impl io::Read) -> io::Result<Option<String>> {
    const INTERRUPT: u8 = 3;
    const END: u8 = 4;
    const BACKSPACE: [u8; 2] = [8, 127];
    const CLEAR: u8 = 21;
    let mut typed = Vec::new();
    let mut key = [0];
    while keys.read(&mut key)? == 1 {
        match key[0] {
            INTERRUPT => return Ok(None),
            END | b'\n' | b'\r' => break,
            CLEAR => typed.clear(),
            erase if BACKSPACE.contains(&erase) => {
                typed.pop();
            }
            byte => typed.push(byte),
        }
    }
    String::from_utf8(typed).map(Some).map_err(io::Error::other)
}

/// A terminal that shows nothing of what is typed and gives each key at once, Ctrl-C too: a process that it ended would leave the terminal
/// so. It is as before when this is dropped.
struct Quiet<'s> {
    terminal: &'s Stdin,
    before: Termios,
}

impl<'s> Quiet<'s> {
    fn new(terminal: &'s Stdin) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_read_what_is_typed_as_a_line() {
        let check = |keys: &[u8], expected: Option<&str>| {
            assert_eq!(line(keys).expect("text").as_deref(), expected, "{keys:?}");
        };
        check(b"tn_key\nmore", Some("tn_key"));
        check(b"tn_kez\x7fy\r", Some("tn_key"));
        check(b"wrong\x15tn_key", Some("tn_key"));
        check(b"tn_\x03", None);
        check(b"\x04", Some(""));
    }
}
