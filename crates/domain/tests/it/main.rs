//! What every checked type promises, over generated values.

mod ids;
mod numbers;
mod texts;
mod words;

use proptest::{
    strategy::Strategy,
    test_runner::{TestCaseResult, TestRunner},
};

/// Tries what must hold for every value; `what` names it when it does not.
fn for_every<S: Strategy>(what: &str, values: &S, holds: impl Fn(S::Value) -> TestCaseResult) {
    if let Err(error) = TestRunner::default().run(values, holds) {
        panic!("{what}: {error}");
    }
}
