//! What scripts reach outside of the server: the web. Every address is looked at before it is connected to
//! ([`guard`]).

mod guard;
mod web;

pub(crate) use guard::Network;
pub(crate) use web::Web;

#[cfg(test)]
mod tests;
