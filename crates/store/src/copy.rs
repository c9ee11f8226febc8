//! A database copied from one store into another, whatever either is.

use boobook_model::{DatabaseId, RecordId, Sq, TableId};
use sha2::{Digest, Sha256};

use crate::{
    Batch, DatabaseStore, ExportSink, Forget, Head, History, HistoryRow, Idempotency, LoadSink, Record,
    Store, StoreError,
};

/// Rows of a batch of the copy, of all kinds together.
const ROWS_MAX: usize = 5_000;
/// Bytes of a batch of the copy; one row alone may have more.
const BYTES_MAX: usize = 8 << 20;
/// Attempts at a batch whose outcome is told to be no commit.
const ATTEMPTS: u32 = 4;

/// All there is in a database, as numbers. Two databases with equal summaries are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Sequence of its last change.
    pub seq: Sq,
    /// Records that live.
    pub records: u64,
    /// Deleted ones that are remembered.
    pub tombstones: u64,
    /// Rows of history.
    pub history: u64,
    /// Answers to requests with an idempotency key.
    pub answers: u64,
    /// Work put off.
    pub put_off: u64,
    /// SHA-256 over all of that, schema and counters included, byte by byte.
    pub sha256: [u8; 32],
}

impl Summary {
    /// Reads a database from one end to the other.
    pub fn of(database: &dyn DatabaseStore) -> Result<Self, StoreError> {
        let mut counting = Counting::default();
        database.export(&mut counting)?;
        Ok(counting.finish())
    }

    /// Rows of all kinds.
    pub fn rows(&self) -> u64 {
        self.records + self.tombstones + self.history + self.answers + self.put_off
    }
}

/// Makes a database in `to` that is as `from` is: what [`DatabaseStore::export`] tells of one is told of the other.
/// Answers the summary of what was read; it is the caller who compares it with [`Summary::of`] the copy.
///
/// `to` must not have the database. A copy that was broken off stands at a lower sequence and has to be deleted; nobody
/// may open it before. `salt` is random: ids of transactions are made of it. `tell` hears how many rows are written.
///
/// ```
/// use boobook_model::Sq;
/// use boobook_store::{Batch, MemStore, Store, Summary, copy_database};
/// # fn main() -> Result<(), boobook_store::StoreError> {
/// let (here, there, id) = (MemStore::new(), MemStore::new(), "db1".parse().expect("an id"));
/// here.create_database(&id, b"{}", 0)?;
/// let database = here.open_database(&id)?;
/// database.commit(&Batch { tx_id: 1, base: Sq(1), seq: Sq(7), ..Batch::default() })?;
///
/// let copied = copy_database(&*database, &there, &id, 0x5eed, &mut |_rows| {})?;
/// assert_eq!((copied.seq, copied), (Sq(7), Summary::of(&*there.open_database(&id)?)?));
/// # Ok(())
/// # }
/// ```
pub fn copy_database(
    from: &dyn DatabaseStore,
    to: &dyn Store,
    id: &DatabaseId,
    salt: u128,
    tell: &mut dyn FnMut(u64),
) -> Result<Summary, StoreError> {
    copy_in_batches(from, to, id, salt, ROWS_MAX, tell)
}

fn copy_in_batches(
    from: &dyn DatabaseStore,
    to: &dyn Store,
    id: &DatabaseId,
    salt: u128,
    rows_max: usize,
    tell: &mut dyn FnMut(u64),
) -> Result<Summary, StoreError> {
    let batch = Batch { base: Sq(1), ..Batch::default() };
    let mut writing = Writing {
        to,
        id,
        salt,
        rows_max,
        tell,
        counting: Counting::default(),
        head: Head::default(),
        database: None,
        batch,
        more_bytes: 0,
    };
    from.export(&mut writing)?;
    writing.finish()
}

/// Counts and hashes what comes. Every row is hashed with its kind and its lengths, so that no two streams have the same
/// bytes.
#[derive(Default)]
struct Counting {
    hash: Sha256,
    summary: Summary,
}

impl Counting {
    fn number(&mut self, n: u64) {
        self.hash.update(n.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.hash.update(bytes);
    }

    fn finish(self) -> Summary {
        Summary { sha256: self.hash.finalize().into(), ..self.summary }
    }

    fn take_head(&mut self, head: &Head) {
        self.summary.seq = head.seq;
        for n in [head.seq.0, head.schema_sq.0, head.clock_ms as u64, head.sq_min.0] {
            self.number(n);
        }
        self.bytes(&head.schema);
        self.number(head.counters.len() as u64);
        for &(tid, next) in &head.counters {
            self.number(tid.packed().into());
            self.number(next);
        }
    }

    fn take_record(&mut self, tid: TableId, rid: RecordId, sq: Sq, deleted: bool, body: &[u8]) {
        *(if deleted { &mut self.summary.tombstones } else { &mut self.summary.records }) += 1;
        for n in [1, tid.packed().into(), rid.get().into(), sq.0, deleted.into()] {
            self.number(n);
        }
        self.bytes(body);
    }

    fn take_history(&mut self, row: &History) {
        self.summary.history += 1;
        for n in [2, row.sq.0, row.prev.0, row.at_ms as u64, row.tid.packed().into(), row.rid.get().into()] {
            self.number(n);
        }
        self.number(row.kind as u64);
        self.bytes(row.actor.as_bytes());
        self.bytes(&row.before);
    }

    fn take_answer(&mut self, key: &[u8], known: &Idempotency) {
        self.summary.answers += 1;
        self.number(3);
        self.bytes(key);
        self.hash.update(known.request_hash);
        for n in [known.tid.packed().into(), known.at_ms as u64, known.rids.len() as u64] {
            self.number(n);
        }
        for rid in &known.rids {
            self.number(rid.map_or(0, RecordId::get).into());
        }
    }

    fn take_put_off(&mut self, id: u128, body: &[u8]) {
        self.summary.put_off += 1;
        self.number(4);
        self.hash.update(id.to_le_bytes());
        self.bytes(body);
    }
}

impl LoadSink for Counting {
    fn head(&mut self, head: Head) -> Result<(), StoreError> {
        self.take_head(&head);
        Ok(())
    }

    fn record(
        &mut self,
        tid: TableId,
        rid: RecordId,
        sq: Sq,
        deleted: bool,
        body: &[u8],
    ) -> Result<(), StoreError> {
        self.take_record(tid, rid, sq, deleted, body);
        Ok(())
    }
}

impl ExportSink for Counting {
    fn history(&mut self, row: History) -> Result<(), StoreError> {
        self.take_history(&row);
        Ok(())
    }

    fn answer(&mut self, key: Vec<u8>, known: Idempotency) -> Result<(), StoreError> {
        self.take_answer(&key, &known);
        Ok(())
    }

    fn put_off(&mut self, id: u128, body: Vec<u8>) -> Result<(), StoreError> {
        self.take_put_off(id, &body);
        Ok(())
    }
}

/// Writes what comes, some thousand rows a batch. All batches but the last end at a sequence below the one the database
/// stands at, so that a copy that is broken off is never taken for a whole one.
struct Writing<'a> {
    to: &'a dyn Store,
    id: &'a DatabaseId,
    salt: u128,
    rows_max: usize,
    tell: &'a mut dyn FnMut(u64),
    counting: Counting,
    head: Head,
    database: Option<Box<dyn DatabaseStore>>,
    batch: Batch,
    /// What the batch holds besides records and history.
    more_bytes: usize,
}

impl Writing<'_> {
    fn put_bytes(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let start = self.batch.bytes.len();
        self.batch.bytes.extend_from_slice(bytes);
        start..self.batch.bytes.len()
    }

    /// Writes the batch if it is full and a sequence is left for it: a database has had a change for each of its rows,
    /// but an answer or work put off may have come without one.
    fn flush_full(&mut self) -> Result<(), StoreError> {
        let batch = &self.batch;
        let rows = batch.records.len() + batch.history.len() + batch.idempotency.len() + batch.put_off.len();
        let is_full = rows >= self.rows_max || batch.bytes.len() + self.more_bytes >= BYTES_MAX;
        let next = Sq(batch.base.0 + 1);
        if is_full && next < self.head.seq { self.flush(next) } else { Ok(()) }
    }

    fn flush(&mut self, seq: Sq) -> Result<(), StoreError> {
        let mut batch = std::mem::take(&mut self.batch);
        batch.seq = seq;
        batch.clock_ms = self.head.clock_ms;
        batch.tx_id = self.salt.wrapping_add(seq.0.into());
        let database = self.database.as_deref().ok_or_else(no_head)?;
        commit(database, &batch)?;
        self.batch.base = seq;
        self.more_bytes = 0;
        (self.tell)(self.counting.summary.rows());
        Ok(())
    }

    fn finish(mut self) -> Result<Summary, StoreError> {
        let (seq, sq_min) = (self.head.seq, self.head.sq_min);
        // One that never changed stands where it was made.
        if self.batch.base < seq {
            self.batch.schema = Some((self.head.schema_sq, std::mem::take(&mut self.head.schema)));
            self.batch.counters = std::mem::take(&mut self.head.counters);
            self.flush(seq)?;
        }
        let database = self.database.as_deref().ok_or_else(no_head)?;
        if sq_min > Sq(0) {
            forget(database, &Forget { base: seq, upto: sq_min, tombstones: Vec::new() })?;
        }
        database.release();
        Ok(self.counting.finish())
    }
}

fn no_head() -> StoreError {
    StoreError::Failed("the export began without a head".into())
}

/// Commits; finds out what became of it where that is open.
fn commit(database: &dyn DatabaseStore, batch: &Batch) -> Result<(), StoreError> {
    let mut tried = 0;
    loop {
        tried += 1;
        match database.commit(batch) {
            // An attempt before this one, of which nothing was known, may have landed since.
            Err(StoreError::Unknown(_) | StoreError::Conflict)
                if database.is_committed(batch.seq, batch.tx_id)? =>
            {
                return Ok(());
            }
            Err(StoreError::Unknown(_) | StoreError::NotCommitted(_)) if tried < ATTEMPTS => {}
            done => return done,
        }
    }
}

/// Forgets; again where that is no harm, which is always.
fn forget(database: &dyn DatabaseStore, forget: &Forget) -> Result<(), StoreError> {
    let mut tried = 0;
    loop {
        tried += 1;
        match database.forget(forget) {
            Err(StoreError::Unknown(_) | StoreError::NotCommitted(_)) if tried < ATTEMPTS => {}
            done => return done,
        }
    }
}

impl LoadSink for Writing<'_> {
    fn head(&mut self, head: Head) -> Result<(), StoreError> {
        self.counting.take_head(&head);
        self.to.create_database(self.id, &head.schema, head.clock_ms)?;
        self.database = Some(self.to.open_database(self.id)?);
        self.head = head;
        Ok(())
    }

    fn record(
        &mut self,
        tid: TableId,
        rid: RecordId,
        sq: Sq,
        deleted: bool,
        body: &[u8],
    ) -> Result<(), StoreError> {
        self.counting.take_record(tid, rid, sq, deleted, body);
        let body = self.put_bytes(body);
        self.batch.records.push(Record { tid, rid, sq, deleted, body });
        self.flush_full()
    }
}

impl ExportSink for Writing<'_> {
    fn history(&mut self, row: History) -> Result<(), StoreError> {
        self.counting.take_history(&row);
        let before = self.put_bytes(&row.before);
        let History { sq, prev, at_ms, actor, tid, rid, kind, before: _ } = row;
        self.batch.history.push(HistoryRow { sq, prev, at_ms, actor, tid, rid, kind, before });
        self.flush_full()
    }

    fn answer(&mut self, key: Vec<u8>, known: Idempotency) -> Result<(), StoreError> {
        self.counting.take_answer(&key, &known);
        self.more_bytes += key.len() + size_of_val(&*known.rids);
        self.batch.idempotency.push((key, known));
        self.flush_full()
    }

    fn put_off(&mut self, id: u128, body: Vec<u8>) -> Result<(), StoreError> {
        self.counting.take_put_off(id, &body);
        self.more_bytes += body.len();
        self.batch.put_off.push((id, body));
        self.flush_full()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{Fault, FaultStore, Faults, HistoryKind, MemStore};

    /// A change of one record, with some of what may come with it.
    #[derive(Debug, Clone)]
    struct Change {
        rid: u64,
        deleted: bool,
        body: Vec<u8>,
        /// Sequences that it skips, as changes of the schema do.
        skips: u64,
        answers: u8,
        put_off: bool,
    }

    fn changes() -> impl Strategy<Value = Vec<Change>> {
        let change = (1..30u64, any::<bool>(), vec(any::<u8>(), 0..20), 0..3u64, 0..4u8, any::<bool>());
        let change = change.prop_map(|(rid, deleted, body, skips, answers, put_off)| Change {
            rid,
            deleted,
            body,
            skips,
            answers,
            put_off,
        });
        vec(change, 0..40)
    }

    fn id() -> DatabaseId {
        "copied1".parse().unwrap()
    }

    /// Commits each change as a batch.
    fn apply(database: &dyn DatabaseStore, changes: &[Change]) {
        let mut seq = 1;
        for (n, change) in changes.iter().enumerate() {
            let (base, tid) = (Sq(seq), TableId::from_packed(change.rid as u32 % 3 + 1));
            let rid = RecordId::new(change.rid).unwrap();
            seq += 1 + change.skips;
            let n = n as u128;
            let known = Idempotency { request_hash: [7; 32], tid, rids: vec![Some(rid), None], at_ms: 5 };
            let row = HistoryRow {
                sq: Sq(seq),
                prev: Sq(0),
                at_ms: seq as i64,
                actor: "jane".into(),
                tid,
                rid,
                kind: HistoryKind::Updated,
                before: 0..change.body.len(),
            };
            let body = 0..change.body.len();
            let batch = Batch {
                tx_id: n,
                base,
                seq: Sq(seq),
                clock_ms: seq as i64,
                records: vec![Record { tid, rid, sq: Sq(seq), deleted: change.deleted, body }],
                history: vec![row],
                counters: vec![(tid, change.rid + 1)],
                schema: (change.skips == 2).then(|| (Sq(seq - 1), change.body.clone())),
                idempotency: (0..change.answers).map(|k| (vec![n as u8, k], known.clone())).collect(),
                put_off: if change.put_off { vec![(n, change.body.clone())] } else { Vec::new() },
                done: Vec::new(),
                bytes: change.body.clone(),
            };
            database.commit(&batch).unwrap();
        }
        let upto = Sq(seq / 3);
        database.forget(&Forget { base: Sq(seq), upto, tombstones: Vec::new() }).unwrap();
    }

    const FAULTS: [Fault; 4] =
        [Fault::BeforeCommit, Fault::AfterCommit, Fault::UnknownNotCommitted, Fault::UnknownLandsLate];

    proptest! {
        /// Whatever is in it, however small the batches, and whatever goes wrong: the copy is the same, or it is told.
        #[test]
        fn a_copy_is_whole_or_told(
            changes in changes(),
            rows_max in 1..8usize,
            faults in vec((0..12u64, 0..FAULTS.len()), 0..5),
        ) {
            let (here, there) = (MemStore::new(), FaultStore::new(MemStore::new(), Faults::new()));
            here.create_database(&id(), b"first", 3).unwrap();
            let original = here.open_database(&id()).unwrap();
            apply(&*original, &changes);
            for &(after, fault) in &faults {
                there.faults().fail_after(after, FAULTS[fault]);
            }
            let copied = copy_in_batches(&*original, &there, &id(), 1 << 100, rows_max, &mut |_| {});
            let whole = Summary::of(&*original).unwrap();
            let copy = there.inner().open_database(&id()).unwrap();
            let found = Summary::of(&*copy).unwrap();
            match copied {
                Ok(copied) => prop_assert_eq!((copied, found), (whole, whole)),
                Err(error) => prop_assert!(faults.len() >= ATTEMPTS as usize, "{}", error),
            }
        }
    }

    #[test]
    fn a_big_database_comes_in_batches_and_a_broken_copy_stands_below() {
        let here = MemStore::new();
        here.create_database(&id(), b"{}", 0).unwrap();
        let original = here.open_database(&id()).unwrap();
        let mut batch = Batch { base: Sq(1), seq: Sq(20_001), ..Batch::default() };
        for n in 1..=20_000 {
            let (tid, rid) = (TableId::from_packed(1), RecordId::new(n).unwrap());
            batch.records.push(Record { tid, rid, sq: Sq(n + 1), deleted: false, body: 0..0 });
        }
        original.commit(&batch).unwrap();
        let there = FaultStore::new(MemStore::new(), Faults::new());
        let mut told = Vec::new();
        copy_database(&*original, &there, &id(), 1, &mut |rows| told.push(rows)).unwrap();
        assert_eq!(told, [5_000, 10_000, 15_000, 20_000, 20_000]);

        there.delete_database(&id()).unwrap();
        there.faults().fail_after(2, Fault::Persistent);
        let error = copy_database(&*original, &there, &id(), 1, &mut |_| {}).unwrap_err();
        assert!(matches!(error, StoreError::NotCommitted(_)), "{error}");
        let half = Summary::of(&*there.open_database(&id()).unwrap()).unwrap();
        assert_eq!((half.seq, half.records), (Sq(3), 10_000));
    }
}
