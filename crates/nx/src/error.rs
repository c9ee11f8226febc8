//! Why a script that compiles may still fail when it runs.

/// What went wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RunErrorKind {
    /// Too much work.
    #[error("the script takes more than {0} steps (limits.script.steps_max); is a loop without end?")]
    Steps(u64),
    /// Too much time.
    #[error("the script takes longer than it may (limits.script.ms_max)")]
    Time,
    /// Too much memory.
    #[error("the script makes more than {0} bytes of text and arrays (limits.script.bytes_max)")]
    Memory(u64),
    /// Functions call functions too deeply.
    #[error("functions call each other more than {0} deep")]
    Depth(u32),
    /// A regular expression that cannot be read.
    #[error("the regular expression /{pattern}/ cannot be read: {reason}")]
    BadRegex {
        /// The expression.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A regular expression that would take ages.
    #[error(
        "the regular expression /{0}/ takes too long on this text; simplify nested repetitions like (a+)+"
    )]
    SlowRegex(String),
    /// The host refused.
    #[error("{0}")]
    Host(String),
    /// Anything else that concerns this script only.
    #[error("{0}")]
    Other(String),
}

/// A script failed while it ran.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{kind}")]
pub struct RunError {
    /// What went wrong.
    pub kind: RunErrorKind,
    /// Where: byte offsets in the source; `None` until the evaluator, which knows, adds it.
    pub span: Option<(u32, u32)>,
    /// Whether a later run may succeed.
    pub is_transient: bool,
}

impl RunError {
    /// An error whose place is not known yet.
    pub fn new(kind: RunErrorKind) -> Self {
        Self { kind, span: None, is_transient: false }
    }

    /// An error of one's own words.
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(RunErrorKind::Other(message.into()))
    }

    /// Whether the run as a whole must end, not just the formula that failed: a limit was met, or the store is away.
    pub fn is_of_run(&self) -> bool {
        use RunErrorKind::{Depth, Memory, Steps, Time};
        self.is_transient || matches!(self.kind, Steps(_) | Time | Memory(_) | Depth(_))
    }

    /// Adds the place, unless one nearer to the cause is known.
    #[must_use]
    pub fn at(mut self, span: (u32, u32)) -> Self {
        self.span.get_or_insert(span);
        self
    }
}

impl From<crate::HostError> for RunError {
    fn from(error: crate::HostError) -> Self {
        Self { kind: RunErrorKind::Host(error.message), span: None, is_transient: error.is_transient }
    }
}
