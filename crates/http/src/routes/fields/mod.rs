//! Fields of a table: rest-api.md §2.1. (Reading them by themselves is ours; the real service has no such route.)

pub(crate) mod create;
pub(crate) mod list;
