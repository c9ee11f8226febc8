//! The NX language: what names mean, types, functions, evaluation (nx-language.md).
//!
//! It is *not* the syntax (that is `boobook-nx-syntax`) and no database: it does *no* I/O, has no clock and no
//! randomness, and knows neither the engine's columns nor HTTP. All that comes through [`Host`].
//!
//! * [`Library`]: all scripts of a schema, compiled; [`Library::script`] compiles one of a request.
//! * [`check`]: from a syntax tree to a program. [`ir`]: the program. `eval`: walks it.
//! * [`functions`]: the built-in functions, a file a group. [`Value`], [`Type`]: what runs, what is known before.
//! * [`store_scripts`], [`human_scripts`]: scripts of a schema from captions to ids and back; `places` lists where they stand.
//! * [`Context`]: one run, its limits and what it has used.
//!
//! ```
//! # use std::sync::Arc;
//! use boobook_model::Schema;
//! use boobook_nx::Library;
//!
//! let library = Library::compile(Arc::new(Schema::empty("Lager")));
//! let checked = library.script("sum([1, 2, 3]) + 1", None);
//! assert!(checked.is_sound());
//! let broken = library.script("sum([1, 2, 3]", None);
//! assert!(!broken.is_sound());
//! ```

mod arithmetic;
mod brief;
pub mod check;
pub mod compare;
mod context;
mod convert;
mod deferred;
mod dependencies;
mod error;
mod eval;
mod explain;
mod files;
pub mod function;
pub mod functions;
mod host;
pub mod ir;
pub mod json;
mod kernel;
mod library;
mod locale;
mod moment;
mod names;
mod number_format;
mod places;
mod regex;
mod rights;
pub mod shown;
mod signature;
mod stored;
mod types;
mod value;
mod view;

pub use brief::BRIEF_LIMITS;
pub use check::{Checked, Form, Reference};
pub use context::{Context, RunLimits};
pub use deferred::PutOff;
pub use dependencies::{Dependencies, Part};
pub use error::{RunError, RunErrorKind};
pub use explain::{Selection, Tested};
pub use files::no_such_file;
pub use function::{Effect, FunctionDef, Overload, Run};
pub use host::{Condition, FileSource, Filter, Host, HostError, RecordMeta, Sheet, Summary, Test, User};
pub use library::{FieldAtKey, Library, Problem, Trigger};
pub use locale::{Language, Locale};
pub use places::{ScriptPlace, map_scripts};
pub use rights::Right;
pub use signature::{Param, ParamType, ResultType, Signature};
pub use stored::{
    RenamedOption, Unreadable, bare_comparison, converted, human_scripts, human_table, human_view,
    store_scripts,
};
pub use types::{Base, TextKind, Type};
pub use value::{FieldRef, Object, Value};
pub use view::ViewFilter;
