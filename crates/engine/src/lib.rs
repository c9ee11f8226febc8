//! Tables in memory: columns in chunks, immutable snapshots, the transaction overlay, indexes, selection.
//!
//! It is *not* a store and not a server: it does no I/O, holds no clock and no randomness, is not async, and
//! knows neither JSON nor roles. Whoever uses it makes changes durable and decides who may make them.
//!
//! * [`Snapshot`]: all tables of a database at one sequence. Readers share it; it never changes.
//! * [`Head`]: the writer's working state. [`Tx`] is an overlay over it; [`Head::apply`] makes the overlay part
//!   of it, [`Head::publish`] gives the next snapshot. Only touched chunks of 4,096 rows are copied.
//! * [`Select`]: filter, order, page; [`Condition`]s alone: [`Snapshot::ids`], [`Snapshot::count`],
//!   [`Snapshot::summary`]. [`Snapshot::changes`]: what changed since a sequence. [`Snapshot::linked`]: numbers by
//!   the record that is referred to.
//! * [`Snapshot::version`]: whether a part of a table is the same in two states, for what is worked out from it.
//! * [`Loader`]: rows from a store straight into columns.
//!
//! ```
//! use std::sync::Arc;
//! use boobook_engine::{Head, Loader, Select};
//! use boobook_model::{Cell, Schema, Sq, Value};
//!
//! let schema = Schema::from_json(serde_json::json!({"types": {"A": {"caption": "Contact", "fields": {
//!     "A": {"base": "string", "caption": "Name"}, "B": {"base": "number", "caption": "Age"}}}}})).unwrap();
//! let table = schema.table_by_key("Contact").unwrap().id;
//! let empty = Loader::new(Arc::new(schema), Sq(1), Sq(1), Sq(0), 0, Vec::new()).finish();
//!
//! let mut head = Head::new(Arc::new(empty));
//! let mut tx = head.begin("u8K2mQ".parse().unwrap(), 1_700_000_000_000);
//! let jane = tx.create(table, vec![(0, Some(Value::Text("Jane".into()))), (1, Some(Value::Number(33.0)))]).unwrap();
//! let writes = tx.finish().unwrap();
//! head.apply(&writes).unwrap();
//!
//! let snapshot = head.publish();
//! let rows = snapshot.select(table, &Select::default()).rows;
//! let contacts = snapshot.table(table).unwrap();
//! assert_eq!((rows.len(), contacts.record_id(rows[0])), (1, jane));
//! assert_eq!(contacts.cell(0, rows[0]), Cell::Text("Jane"));
//! ```

mod arena;
mod bitmap;
mod changes;
mod choices;
mod chunk;
mod column;
mod compare;
mod condition;
mod cow;
mod dictionary;
mod distinct;
mod error;
mod follow;
mod gone;
mod head;
mod hits;
mod index;
mod layout;
mod linked;
mod load;
mod log;
mod mask;
mod meta;
#[cfg(test)]
mod oracle;
mod probe;
mod reverse;
mod rows;
mod select;
mod sift;
mod snapshot;
mod summary;
mod table;
mod text;
mod tx;
mod version;

pub use changes::{ChangeItem, ChangePage, Expired};
pub use condition::{Condition, Test};
pub use error::{StaleWrites, TxError};
pub use follow::Follower;
pub use head::{Applied, AppliedChange, ChangeKind, Head};
pub use linked::Linked;
pub use load::{Loader, RowWriter};
pub use select::{Order, Select, Selected};
pub use snapshot::Snapshot;
pub use summary::Summary;
pub use table::{RecordMeta, Row, Table};
pub use tx::{TOUCHED_MAX, Tx, Writes};
pub use version::{Part, Version};
