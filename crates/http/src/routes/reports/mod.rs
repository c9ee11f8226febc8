//! Reports (print layouts): rest-api.md §7. The server keeps them; it does not print.

pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod list;
