//! What the writer runs: a transaction that can be run again, and how it is answered.

use boobook_engine::{Applied, Snapshot, Tx, TxError};
use boobook_model::UserId;
use boobook_store::Idempotency;

use crate::{
    AppError,
    script::{Deferred, Recording},
};

/// A unit of work for a database's writer. It may be run several times (after a failed group commit, and in a
/// cluster after a lost compare-and-set), each time against another state; only the last run's answer leaves.
pub(crate) trait Transaction: Send {
    /// Who is named in `modifiedBy`.
    fn actor(&self) -> &UserId;

    /// Weight in queue and batch.
    fn size_bytes(&self) -> usize;

    /// An idempotency key and request hash, where the request has one.
    fn idempotency(&self) -> Option<(&[u8], [u8; 32])> {
        None
    }

    /// What its scripts have learnt from outside, which says where each run is and whether it can end there; none where
    /// it runs no scripts.
    fn recording(&mut self) -> Option<&mut Recording> {
        None
    }

    /// Writes to the overlay. An error drops this transaction alone.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), AppError>;

    /// What the last run put off until after it is stored. Taken when it has become part of the working state; again,
    /// if that was dropped.
    fn put_off(&mut self) -> Vec<Deferred> {
        Vec::new()
    }

    /// Work put off earlier that this transaction does.
    fn done(&self) -> Option<u128> {
        None
    }

    /// Says where in the request an error of the engine comes from.
    fn explain(&self, error: TxError) -> AppError;

    /// Called when what the last run wrote has become part of the working state: the moment to write the answer, since a
    /// later transaction of the same batch may change the same records. Answers what to remember of it.
    fn applied(&mut self, snapshot: &Snapshot, applied: &Applied) -> Option<Idempotency>;

    /// Called instead of [`Self::run`] when the key was answered before.
    fn replay(&mut self, snapshot: &Snapshot, earlier: &Idempotency);

    /// Sends the answer (what [`Self::applied`] or [`Self::replay`] wrote, or the error). Called once, when the
    /// whole batch is durable.
    fn answer(self: Box<Self>, result: Result<(), AppError>);
}
