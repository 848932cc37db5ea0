//! The definition language: the Open Workflow Specification DSL 1.0.
//!
//! [`Definition::parse`] reads a document and says everything that is wrong with it; [`interpreter::Interpreter`] runs it, step by
//! step, without a clock, randomness or input and output of its own. Facts on the language come from the specification's `dsl.md`
//! and `dsl-reference.md` and its JSON Schema.
//!
//! What of the language is supported:
//!
//! | construct | supported | refused at upload as `unsupported` |
//! |---|---|---|
//! | document | `document`, `input.from`, `do`, `output.as` | `use`, `timeout`, `schedule`, `evaluate`, `input.schema`, `output.schema` |
//! | every task | `if`, `input.from`, `output.as`, `export.as`, `then`, `metadata` | `timeout`, `input.schema`, `output.schema`, `export.schema` |
//! | tasks | `call: http`, `do`, `set`, `switch`, `wait` | every other `call`, `emit`, `for`, `fork`, `listen`, `raise`, `run`, `try` |
//! | `call: http` | `method`, `endpoint` (also `{uri}`), `headers`, `query`, `body`, `output`, `redirect` | `endpoint.authentication`, URI templates beyond simple expansion |
//! | durations | the object, ISO 8601 with weeks or less, an expression | years and months, which have no fixed length |
//! | expressions | jq, in `${ }`; bare too in `if`, `when`, `from`, `as` and `set` | |
//!
//! Architecture invariant: nothing of the specification is ignored. What is not run is refused.
//! Architecture invariant: a hostile document or a loop meets a [limit](limits) before it costs anything; no recursion is without one.
//! (What a jq program costs is bounded by its evaluator: see [`expression::Evaluator`].)

pub mod expression;
pub mod interpreter;
pub mod json;
pub mod limits;
pub mod source;

mod definition;
mod document;
mod duration;
mod http;
mod problem;
mod reader;
mod rules;
mod task;
mod uri_template;
mod workflow_error;

pub use definition::Definition;
pub use http::{BodyEncoding, HttpOutput, HttpRequest, HttpResponse};
pub use problem::{Error, Problem, ProblemCode};
pub use source::read_value;
pub use workflow_error::{ErrorType, WorkflowError};
