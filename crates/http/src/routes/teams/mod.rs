//! Teams (workspaces): rest-api.md §2.

pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod list;
