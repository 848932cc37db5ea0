//! A terminal that the command runs on, and what its user sees.

use std::{
    num::NonZeroU16,
    process::ExitStatus,
    sync::{Arc, Mutex},
    time::Duration,
};

use pty_process::{Command, OwnedWritePty, Size};
use tenantry_test_support::eventually;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Child,
    task::JoinHandle,
    time::timeout,
};

/// How long a command may go on after it was told to end, or has nothing left to do.
const STOP: Duration = Duration::from_secs(30);

/// A terminal with a command on it.
pub(crate) struct Terminal {
    process: Child,
    keyboard: OwnedWritePty,
    screen: Arc<Mutex<Screen>>,
    end: JoinHandle<()>,
}

struct Screen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
}

/// What was on the terminal when its command had ended.
pub(crate) struct Seen {
    pub(crate) status: ExitStatus,
    /// What the user sees.
    pub(crate) screen: String,
    /// All that was written to the terminal.
    pub(crate) written: String,
}

impl Terminal {
    pub(crate) fn run(command: Command, (rows, columns): (u16, u16)) -> Self {
        let (pty, pts) = pty_process::open().expect("a pseudo-terminal");
        pty.resize(Size::new(rows, columns)).expect("a size");
        let process = command.spawn(pts).expect("the command");
        let (mut output, keyboard) = pty.into_split();
        let size = |length| NonZeroU16::new(length).expect("some rows and columns");
        let parser = vt100::Parser::new(size(rows), size(columns), 0);
        let screen = Arc::new(Mutex::new(Screen { parser, bytes: Vec::new() }));
        let seen = Arc::clone(&screen);
        let end = tokio::spawn(async move {
            let mut bytes = [0; 4096];
            // It fails when nobody has the terminal open any more.
            while let Ok(length @ 1..) = output.read(&mut bytes).await {
                let mut seen = seen.lock().expect("no panic");
                seen.parser.process(&bytes[..length]);
                seen.bytes.extend_from_slice(&bytes[..length]);
            }
        });
        Self { process, keyboard, screen, end }
    }

    /// What its user sees.
    pub(crate) fn screen(&self) -> String {
        self.screen.lock().expect("no panic").parser.screen().contents()
    }

    /// Waits until its user sees what holds.
    pub(crate) async fn until(&mut self, what: &str, condition: impl Fn(&str) -> bool) -> String {
        eventually(what, || {
            let screen = self.screen();
            let runs = matches!(self.process.try_wait(), Ok(None));
            assert!(condition(&screen) || runs, "it ended before {what}:\n{screen}");
            std::future::ready(condition(&screen).then_some(screen))
        })
        .await
    }

    pub(crate) async fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).await.expect("a keyboard");
    }

    /// Waits until the command has ended.
    pub(crate) async fn ended(mut self) -> Seen {
        let status = timeout(STOP, self.process.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("no end:\n{}", self.screen())).expect("a status");
        timeout(STOP, self.end).await.expect("the end of what it writes").expect("no panic");
        let screen = self.screen.lock().expect("no panic");
        let written = String::from_utf8(screen.bytes.clone()).expect("UTF-8");
        Seen { status, screen: screen.parser.screen().contents(), written }
    }
}
