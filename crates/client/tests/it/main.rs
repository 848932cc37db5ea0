//! The client against a server that misbehaves on demand, and the shape of what it sends.

mod contract;
mod events;
mod failures;
mod requests;
mod stand_in;
