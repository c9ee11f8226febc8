//! Wire formats. [`record`] is the only module of the server that writes record JSON, [`input`] and [`filters`]
//! the only ones that read it; [`table`] writes the public table shape, [`view`] the rows of views; [`form`] reads uploads.

pub mod filters;
pub mod form;
pub mod input;
mod names;
pub mod record;
pub mod table;
pub mod view;
