//! Conformance transcripts: Markdown whose fenced blocks are requests and the answers they must get.
//!
//! `conformance/README.md` describes the format. [`parse()`] turns a file into [`Section`]s and [`Step`]s,
//! [`run_folder`] runs all files against one server, each with a team and database of its own.

mod parse;
mod run;

pub use parse::{CliStep, Exchange, Expected, Request, Section, Step, parse};
pub use run::{Failure, Report, run_folder, run_folder_on_nodes};
