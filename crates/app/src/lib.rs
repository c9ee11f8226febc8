//! The use cases of boobook: who may do what, which database it concerns, and how a write becomes durable.
//!
//! It is *not* a server: it knows no HTTP and writes no JSON of records (the caller hands in how to read a
//! request and how to render the answer). It names no concrete store: it is given one. It reads no clock and no
//! randomness itself: both come through [`Host`].
//!
//! * [`App`]: authentication, teams, databases; [`App::session`] is the way into one.
//! * [`Session`]: one caller in one database; all rights are asked here.
//! * [`Database`]: an open database; readers take its snapshot without a lock, writers queue.
//! * `view`: views, evaluated. `share`: what may be read by a link, without a key.
//! * `writer`: group commit. `apart`: transactions that would hold it up. `registry`: single-flight opening and eviction. `catalogue`: teams, users, keys.
//!
//! ```
//! # use std::sync::Arc;
//! use boobook_app::{App, Limits, NewKey, SystemHost};
//! use boobook_store::MemStore;
//!
//! let app = App::start(Arc::new(MemStore::default()), Arc::new(SystemHost), Limits::default()).unwrap();
//! let team = app.catalogue().create_team("Werkstatt Nord").unwrap();
//! let (_, key) = app.catalogue().create_key(&NewKey { team: &team.id, ..NewKey::default() }).unwrap();
//! let principal = app.authenticate(key.as_bytes()).unwrap();
//! assert_eq!(app.teams(&principal)[0].name, "Werkstatt Nord");
//! # app.stop();
//! ```

mod access;
mod apart;
mod app;
mod catalogue;
mod cluster;
mod commit;
mod database;
mod error;
mod files;
mod find;
mod forget;
mod host;
mod limits;
mod position;
mod records;
mod registry;
mod schema;
mod script;
mod session;
mod share;
mod stored;
mod transaction;
mod view;
mod writer;

pub use access::TableAccess;
pub use app::{App, Caller, Named};
pub use boobook_nx::{Form, Language, Locale, Value as NxValue};
pub use catalogue::{
    Catalogue, DatabaseEntry, DatabaseState, KeyEntry, NewKey, NewUser, ShareChange, ShareEntry, ShareTarget,
    TeamEntry, UserEntry, View,
};
pub use database::Database;
pub use error::{AppError, Refusal};
pub use files::{DocumentFile, FileDownload, FilesReport, NewFile, check_files};
pub use find::Wanted;
pub use host::{Host, SystemHost};
pub use limits::Limits;
pub use records::{Prepare, RecordInput, RecordInputs, Render, WriteAnswer, WriteRequest};
pub use schema::{DocumentKind, Documents, Edited, keep_scripts};
#[cfg(any(test, feature = "oracle"))]
pub use script::check_nx_diff;
pub use script::{
    Computed, Formulas, HttpAnswer, HttpRequest, Mail, MailCounts, Outside, ScriptAnswer, ScriptError,
    ScriptLimits, ScriptProblem, ScriptRequest, Undelivered,
};
pub use session::{Changes, RecordChange, Session};
pub use share::{PasswordProof, Shared};
pub use stored::read_state;
pub use view::{Aggregate, Look, ViewCell, ViewColumn, ViewGroup, ViewProblem, ViewTable, ViewWanted};
