//! Failures: what the user is told, and the exit status for scripts. What to do about a refusal, [`hint`](crate::hint) says.

use std::{borrow::Cow, io, io::Write as _, process::ExitCode};

use tenantry_client::{Error, Problem};

use crate::{
    connection::Session,
    hint::hint,
    output::{one_line, plain},
};

/// The exit statuses that scripts hold on to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All is well.
    Done = 0,
    /// It did not work.
    Failed = 1,
    /// The command or its input is wrong.
    Usage = 2,
    /// Not authenticated, or not permitted.
    Denied = 3,
    /// There is no such thing.
    NotFound = 4,
    /// The server cannot be reached, or cannot serve now.
    Unavailable = 5,
    /// The user has left what goes on without them, with Ctrl-C.
    Left = 130,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    code: Cow<'static, str>,
    message: String,
    details: Vec<String>,
    hint: Option<String>,
    /// What the server said, if it refused.
    problem: Option<Box<Problem>>,
}

impl Failure {
    /// A failure with a stable code and a sentence.
    pub(crate) fn new(exit: Exit, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { exit, code, message, details: Vec::new(), hint: None, problem: None }
    }

    /// The user's own input is wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "invalid", message)
    }

    /// With these lines below its sentence. They may have line breaks of ours, so what they quote is [`one_line`] already.
    pub(crate) fn with_details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    /// With what to do about it.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says first where it happened, such as the name of a file.
    pub(crate) fn at(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// Whether the server has refused something, and nothing is said yet of what to do about it.
    pub(crate) fn is_refusal(&self) -> bool {
        self.problem.is_some() && self.hint.is_none()
    }

    /// With what to do about a refusal of the server's, if nothing is said of that yet.
    pub(crate) async fn advised(mut self, session: &Session) -> Self {
        if let (None, Some(problem)) = (&self.hint, &self.problem) {
            self.hint = hint(problem, session).await;
        }
        self
    }

    /// Tells the user on stderr, and gives the process its exit status.
    pub(crate) fn report(self) -> ExitCode {
        if !matches!(self.exit, Exit::Done | Exit::Left) {
            // Nobody is left to tell when stderr is closed.
            let _ = io::stderr().lock().write_all(self.to_string().as_bytes());
        }
        ExitCode::from(self.exit as u8)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "error[{}]: {}", one_line(&self.code), one_line(&self.message))?;
        self.details.iter().try_for_each(|line| writeln!(f, "{}", plain(line)))?;
        self.hint.iter().try_for_each(|hint| writeln!(f, "hint: {}", one_line(hint)))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            // The reader, such as `head`, has all that it wanted.
            return Self::new(Exit::Done, "closed_pipe", "");
        }
        Self::new(Exit::Failed, "io", error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Api(problem) => refused(problem),
            Error::Unreachable { url, source } => unreachable(&url, &source),
            Error::TimedOut { .. } => Self::new(Exit::Unavailable, "unreachable", error.to_string()),
            Error::Unexpected { status, .. } => {
                Self::new(exit_for(status), "unexpected_answer", error.to_string()).with_hint(
                    "is the URL that of a Tenantry server? `tenantry profile list` shows where it comes from",
                )
            }
            error => Self::invalid(error.to_string()),
        }
    }
}

fn refused(problem: Box<Problem>) -> Failure {
    let mut failure = Failure::new(exit_for(problem.status), problem.code.clone(), problem.message());
    failure
        .details
        .extend(problem.errors.iter().map(|defect| format!("  {}", one_line(&defect.to_string()))));
    failure.problem = Some(problem);
    failure
}

fn unreachable(url: &str, source: &(dyn std::error::Error + 'static)) -> Failure {
    let mut root = source;
    while let Some(deeper) = root.source() {
        root = deeper;
    }
    Failure::new(Exit::Unavailable, "unreachable", format!("cannot reach {url}: {root}"))
        .with_hint("is the server running? start one with `tenantry dev`")
}

fn exit_for(status: u16) -> Exit {
    match status {
        400 | 422 => Exit::Usage,
        401 | 403 => Exit::Denied,
        404 => Exit::NotFound,
        502..=504 => Exit::Unavailable,
        _ => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_be_quiet_when_the_reader_of_a_pipe_has_enough() {
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit, Exit::Done);
    }

    #[test]
    fn should_give_each_status_its_exit() {
        let check = |status, exit| assert_eq!(exit_for(status), exit, "{status}");
        check(400, Exit::Usage);
        check(401, Exit::Denied);
        check(403, Exit::Denied);
        check(404, Exit::NotFound);
        check(409, Exit::Failed);
        check(422, Exit::Usage);
        check(429, Exit::Failed);
        check(500, Exit::Failed);
        check(503, Exit::Unavailable);
    }
}
