//! Wire formats. [`record`] is the only module of the server that writes record JSON, [`input`] and [`filters`]
//! the only ones that read it; [`table`] writes the public table shape; [`form`] reads uploads.

pub mod filters;
pub mod form;
pub mod input;
mod names;
pub mod record;
pub mod table;
