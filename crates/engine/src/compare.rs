//! The order of values.
