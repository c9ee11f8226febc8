//! The NX language at the command line: what its functions are, on a page or in a terminal.
//!
//! What scripts mean is decided in the crate `nx`; here is only how it is shown.

mod files;
mod functions;
mod page;

pub(crate) use files::{check, format};
pub(crate) use functions::{Entry, groups};
pub(crate) use page::{entry, page};
