//! Columnar tables, snapshots, the transaction overlay, indexes and selection.
#![allow(
    dead_code,
    reason = "until the column half is there"
)]

mod arena;
mod bitmap;
mod changes;
mod choices;
mod chunk;
mod column;
mod compare;
mod cow;
mod dictionary;
mod error;
mod gone;
mod head;
mod index;
mod layout;
mod load;
mod log;
mod mask;
mod meta;
mod reverse;
mod rows;
mod select;
mod snapshot;
mod table;
mod text;
mod tx;

pub use changes::{ChangeItem, ChangePage};
pub use error::TxError;
pub use head::{Applied, AppliedChange, ChangeKind, Head};
pub use load::{Loader, RowWriter};
pub use select::{FieldFilter, Order, Select, Selected};
pub use snapshot::Snapshot;
pub use table::{RecordMeta, Row, Table};
pub use tx::{TOUCHED_MAX, Tx, Writes};
