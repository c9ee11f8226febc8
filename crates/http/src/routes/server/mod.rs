//! The server itself: health, metrics, its own description.

pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod ready;
