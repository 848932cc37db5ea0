//! How large a benchmark is: what the command line says, and else what its figures were taken with.

use std::{env, str::FromStr};

/// What follows this option on the command line, as in `tenantry-bench density --organizations 20`; else this.
///
/// # Panics
/// When what follows is not what the option takes.
pub fn size<T: FromStr>(option: &str, otherwise: T) -> T {
    let mut arguments = env::args().skip_while(|argument| argument != option).skip(1);
    let said = arguments.next().map(|said| said.parse());
    said.map_or(otherwise, |said| said.unwrap_or_else(|_| panic!("{option} takes something else")))
}
