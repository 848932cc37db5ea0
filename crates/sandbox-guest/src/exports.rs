//! What the server calls. One instance serves one request: its memory is given back as a whole.
#![expect(unsafe_code, reason = "exports have to keep their names")]

use std::{
    panic,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

static REQUEST: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static RESPONSE: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static IS_EXHAUSTED: AtomicBool = AtomicBool::new(false);

/// See [`crate::prepare`].
#[unsafe(no_mangle)]
extern "C" fn prepare() {
    crate::prepare();
    // More than a memory can ever have is refused by the standard library, with these words.
    panic::set_hook(Box::new(|panic| {
        if panic.payload_as_str() == Some("capacity overflow") {
            IS_EXHAUSTED.store(true, Ordering::Relaxed);
        }
    }));
}

/// Makes room for a request of so many bytes, and says where.
#[unsafe(no_mangle)]
extern "C" fn request(length: usize) -> *mut u8 {
    let mut request = lock(&REQUEST);
    *request = vec![0; length];
    request.as_mut_ptr()
}

/// Checks the request, and says how long the response is.
#[unsafe(no_mangle)]
extern "C" fn check() -> usize {
    respond(crate::check)
}

/// Evaluates the request, and says how long the response is.
#[unsafe(no_mangle)]
extern "C" fn evaluate() -> usize {
    respond(crate::evaluate)
}

/// Says where the response is.
#[unsafe(no_mangle)]
extern "C" fn response() -> *const u8 {
    lock(&RESPONSE).as_ptr()
}

/// Whether the last request failed because it wanted more memory than there can be.
#[unsafe(no_mangle)]
extern "C" fn is_exhausted() -> bool {
    IS_EXHAUSTED.load(Ordering::Relaxed)
}

fn respond(answer: impl FnOnce(&[u8]) -> Vec<u8>) -> usize {
    let response = answer(&lock(&REQUEST));
    let length = response.len();
    *lock(&RESPONSE) = response;
    length
}

fn lock(bytes: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    bytes.lock().unwrap_or_else(PoisonError::into_inner)
}
