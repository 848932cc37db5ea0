//! What runs in the sandbox: jq, compiled to WebAssembly.
//!
//! The build script of `tenantry-sandbox` builds it for `wasm32-unknown-unknown`, calls [`prepare`] once and keeps the memory as it is
//! then; every evaluation starts from that memory. What it may cost is not known here: whoever runs it stops it.
//!
//! It also compiles for the machine it is built on, where the tests compare the two. Numbers beyond 32 bits are big
//! integers in WebAssembly and not there, which shows in positions alone: `.[5000000000]` is an error in the sandbox.

mod exports;
mod library;
mod program;
mod values;

use tenantry_sandbox_wire::{ERROR, Malformed, NOWHERE, Reader, Writer};

use program::Program;

/// The length of an error's message, in bytes. A program may put as much as it likes into one.
const MESSAGE_BYTES: usize = 4000;

/// What is wrong with a program or its run, and where in its text.
#[derive(Debug)]
struct Error {
    message: String,
    offset: Option<usize>,
}

impl Error {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), offset: None }
    }

    fn at(offset: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), offset: Some(offset) }
    }
}

impl From<Malformed> for Error {
    fn from(Malformed: Malformed) -> Self {
        Self::new("the request is malformed")
    }
}

/// Reads jq's library, so that no evaluation has to.
pub fn prepare() {
    library::prepare();
}

/// Compiles the program of a request; the response has no value.
pub fn check(request: &[u8]) -> Vec<u8> {
    let checked = Program::read(&mut Reader::new(request)).map(drop);
    respond(checked.map(|()| values::nothing()))
}

/// Compiles and runs the program of a request; the response has its value.
pub fn evaluate(request: &[u8]) -> Vec<u8> {
    let mut reader = Reader::new(request);
    respond(Program::read(&mut reader).and_then(|program| program.run(&mut reader)))
}

fn respond(outcome: Result<Writer, Error>) -> Vec<u8> {
    match outcome {
        Ok(value) => value.into_bytes(),
        Err(error) => {
            let mut response = Writer::default();
            response.byte(ERROR);
            response.short(error.offset.and_then(|offset| u32::try_from(offset).ok()).unwrap_or(NOWHERE));
            response.text(shortened(&error.message).as_bytes());
            response.into_bytes()
        }
    }
}

fn shortened(message: &str) -> String {
    let end = message.floor_char_boundary(MESSAGE_BYTES);
    if end == message.len() { message.to_owned() } else { format!("{}…", &message[..end]) }
}
