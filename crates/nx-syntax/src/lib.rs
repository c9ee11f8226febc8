//! The NX language (Ninox script) as text: source to syntax tree and back.
//!
//! [`parse`] reads a script of either form, the one people write (`let x := Net * 2; 'First Name' + x`) and the
//! compact one that is stored (`(var x := (C*2); (A+x))`), which are one grammar. It always gives a tree, with a
//! [`Diagnostic`] for each mistake. [`print`] writes a tree in the [`Form`] asked for; as it can replace names on the
//! way, captions become ids and ids captions by parsing and printing.
//!
//! The crate does *not* know what a name means: no schema, no types, no functions, no evaluation. That is the crate
//! `nx`, which reports what it finds with the same [`Diagnostic`]. It does no I/O and has no dependencies.
//!
//! ```
//! use boobook_nx_syntax::{Form, parse, print};
//!
//! let source = "if Net>(60) then Paid:=true";
//! let parse = parse(source);
//! assert!(parse.diagnostics.is_empty());
//! assert_eq!(print(&parse.script, Form::Human, &|_| None), "if Net > 60 then\n\tPaid := true\nend");
//!
//! let id = |caption: &str| match caption { "Net" => Some("D".to_owned()), "Paid" => Some("E".to_owned()), _ => None };
//! assert_eq!(print(&parse.script, Form::Ids, &|name| id(&name.text)), "if (D > 60) then (E := true) end");
//! ```

#![allow(clippy::enum_glob_use, reason = "tables of tokens and operators are read by their rows")]

mod diagnostic;
mod dump;
mod level;
mod lexer;
mod limits;
mod parser;
mod printer;
mod span;
mod suggest;
mod token;

/// The syntax tree.
pub mod ast;

pub use diagnostic::{Diagnostic, DiagnosticCode, Severity, codes, render};
pub use dump::dump;
pub use limits::Limits;
pub use parser::{Parse, parse, parse_within};
pub use printer::{Form, print};
pub use span::{Span, line_column};
pub use suggest::suggest;
pub use token::RESERVED;
