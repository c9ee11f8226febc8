//! The use cases over a store in memory, and the same over one that fails.

mod catalogue;
mod faults;
mod harness;
mod records;
mod rights;
