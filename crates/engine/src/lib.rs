//! Columnar tables, snapshots, the transaction overlay, indexes and selection.
#![allow(
    dead_code,
    unused,
    clippy::todo,
    clippy::needless_pass_by_value,
    reason = "until the table half is there"
)]

mod arena;
mod bitmap;
mod changes;
mod choices;
mod chunk;
mod column;
mod compare;
mod dictionary;
mod error;
mod head;
mod load;
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
pub use tx::{Tx, Writes};
