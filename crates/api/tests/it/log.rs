//! What the server logs during a test.

use std::{cell::RefCell, io, sync::Once};

use tracing_subscriber::{
    Layer as _, filter::dynamic_filter_fn, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

thread_local! {
    static HEARD: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Everything that this thread logs, of every level and crate, as long as this lives. A test's server runs on the test's own
/// thread.
pub(crate) struct Log(());

impl Log {
    /// Listens from now on.
    pub(crate) fn listen() -> Self {
        static GLOBAL: Once = Once::new();
        // One for the whole process: a subscriber of one thread can miss what another thread was the first to say.
        GLOBAL.call_once(|| {
            let listening = dynamic_filter_fn(|_, _| HEARD.with_borrow(Option::is_some));
            let lines = fmt::layer().with_ansi(false).with_writer(|| Heard).with_filter(listening);
            tracing_subscriber::registry().with(lines).init();
        });
        HEARD.set(Some(Vec::new()));
        Self(())
    }

    /// What was logged so far.
    #[expect(clippy::unused_self, reason = "who does not listen hears nothing")]
    pub(crate) fn text(&self) -> String {
        HEARD.with_borrow(|heard| String::from_utf8_lossy(heard.as_deref().unwrap_or_default()).into_owned())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        HEARD.set(None);
    }
}

struct Heard;

impl io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        HEARD.with_borrow_mut(|heard| heard.get_or_insert_default().extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
