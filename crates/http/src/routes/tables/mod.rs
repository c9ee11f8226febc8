//! Tables in their public shape: rest-api.md §2.2.

pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod list;
