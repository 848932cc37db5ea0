//! Where expressions stand, and which arguments they may use there: the table in the specification's dsl.md, "Runtime
//! Expressions".

/// A place for expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The workflow's `input.from`.
    WorkflowInput,
    /// A task's `if` and `input.from`.
    TaskInput,
    /// What a task does, and its `output.as`.
    TaskBody,
    /// A task's `export.as`.
    TaskExport,
    /// The workflow's `output.as`.
    WorkflowOutput,
}

impl Stage {
    /// The names of the arguments, without `$`.
    pub(crate) const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::WorkflowInput => &["secrets", "workflow", "runtime"],
            Self::TaskInput => &["context", "secrets", "task", "workflow", "runtime"],
            Self::TaskBody => {
                &["context", "input", "secrets", "task", "workflow", "runtime", "authorization"]
            }
            Self::TaskExport => {
                &["context", "input", "output", "secrets", "task", "workflow", "runtime", "authorization"]
            }
            Self::WorkflowOutput => &["context", "secrets", "workflow", "runtime"],
        }
    }
}
