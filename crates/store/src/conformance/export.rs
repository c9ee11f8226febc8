//! Checks of exports, and of copies made of them.

use super::*;
use crate::{ExportSink, Forget, History, Idempotency, Summary, copy_database};

/// What an export brought.
#[derive(Debug, Default, PartialEq)]
struct Exported {
    loaded: Loaded,
    history: Vec<History>,
    answers: Vec<(Vec<u8>, Idempotency)>,
    put_off: Vec<(u128, Vec<u8>)>,
    /// Calls until one fails; never at 0.
    fails_at: usize,
    calls: usize,
}

impl Exported {
    fn call(&mut self) -> Result<(), StoreError> {
        self.calls += 1;
        assert!(self.fails_at == 0 || self.calls <= self.fails_at, "nothing comes after an error");
        if self.calls == self.fails_at { Err(StoreError::Failed("full".into())) } else { Ok(()) }
    }
}

impl LoadSink for Exported {
    fn head(&mut self, head: Head) -> Result<(), StoreError> {
        self.call()?;
        LoadSink::head(&mut self.loaded, head)
    }

    fn record(
        &mut self,
        tid: TableId,
        rid: RecordId,
        sq: Sq,
        deleted: bool,
        body: &[u8],
    ) -> Result<(), StoreError> {
        self.call()?;
        assert!(self.history.is_empty(), "records come before history");
        self.loaded.record(tid, rid, sq, deleted, body)
    }
}

impl ExportSink for Exported {
    fn history(&mut self, row: History) -> Result<(), StoreError> {
        self.call()?;
        assert!(self.answers.is_empty() && self.loaded.head.is_some());
        self.history.push(row);
        Ok(())
    }

    fn answer(&mut self, key: Vec<u8>, known: Idempotency) -> Result<(), StoreError> {
        self.call()?;
        assert!(self.put_off.is_empty() && self.loaded.head.is_some());
        self.answers.push((key, known));
        Ok(())
    }

    fn put_off(&mut self, id: u128, body: Vec<u8>) -> Result<(), StoreError> {
        self.call()?;
        self.put_off.push((id, body));
        Ok(())
    }
}

fn export(database: &dyn DatabaseStore) -> Exported {
    let mut exported = Exported::default();
    database.export(&mut exported).expect("exports");
    Exported { calls: 0, ..exported }
}

fn answer(hash: u8, at_ms: i64) -> Idempotency {
    let rids = vec![Some(rid(7)), None, Some(rid(u64::from(boobook_model::RECORD_ID_MAX)))];
    Idempotency { request_hash: [hash; 32], tid: tid("ZZZ99999"), rids, at_ms }
}

fn work(id: u128) -> (u128, Vec<u8>) {
    (id, format!("work {id}").into_bytes())
}

/// Something of each kind, several times, in an order that is none.
fn with_everything(subject: &dyn Subject) -> Box<dyn DatabaseStore> {
    let database = new_database(subject);
    let mut first = batch(1, 40);
    for (n, table) in (2..).zip(["B", "A", "ZZZ99999", "A"]) {
        put(&mut first, table, 9 - n, n, format!("body {n}").as_bytes());
    }
    bury(&mut first, "A", 20, 6, b"who");
    remember(&mut first, 2, 0, HistoryKind::Created, b"");
    remember(&mut first, 12, 2, HistoryKind::Updated, b"\0\xff");
    first.counters = vec![(tid("ZZZ99999"), 6), (tid("A"), 21)];
    first.idempotency = vec![
        (b"later".to_vec(), answer(1, CREATED_AT_MS + 5)),
        (b"b".to_vec(), answer(2, CREATED_AT_MS)),
        (b"\xffa".to_vec(), answer(3, CREATED_AT_MS)),
        (b"a".to_vec(), answer(4, CREATED_AT_MS)),
    ];
    first.put_off = vec![work(9), work(u128::MAX), work(3)];
    first.schema = Some((Sq(30), b"second".to_vec()));
    database.commit(&first).unwrap();
    let mut second = batch(40, 90);
    put(&mut second, "A", 5, 80, b"");
    remember(&mut second, 80, 12, HistoryKind::Deleted, b"before");
    second.put_off = vec![work(1)];
    second.done = vec![9];
    database.commit(&second).unwrap();
    database.forget(&Forget { base: Sq(90), upto: Sq(4), tombstones: Vec::new() }).unwrap();
    database
}

/// An export brings what a load does, and everything else in its order.
pub fn an_export_has_everything(subject: &dyn Subject) {
    let database = reopen(subject, with_everything(subject));
    let exported = export(&*database);
    assert_eq!(exported.loaded, load(&*database));
    assert_eq!(exported.loaded.head().sq_min, Sq(4));
    let chain: Vec<_> = database.history(Sq(80), Sq(0), 9).unwrap().into_iter().rev().collect();
    assert_eq!((chain.len(), exported.history), (3, chain));
    let (now, later) = (CREATED_AT_MS, CREATED_AT_MS + 5);
    let answers: [(&[u8], _); 4] = [
        (b"a", answer(4, now)),
        (b"b", answer(2, now)),
        (b"\xffa", answer(3, now)),
        (b"later", answer(1, later)),
    ];
    assert_eq!(exported.answers, answers.map(|(key, known)| (key.to_vec(), known)));
    assert_eq!(exported.put_off, [work(u128::MAX), work(3), work(1)]);
}

/// While batches are committed that have a record, a row of history and an answer each, an export has as many of each.
pub fn an_export_is_of_one_moment(subject: &dyn Subject) {
    let database = new_database(subject);
    let database = &*database;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for sq in 2..60 {
                let mut changes = batch(sq - 1, sq);
                put(&mut changes, "A", sq, sq, b"body");
                remember(&mut changes, sq, 0, HistoryKind::Created, b"");
                let key = sq.to_be_bytes().to_vec();
                changes.idempotency.push((key, answer(1, CREATED_AT_MS)));
                changes.put_off.push(work(sq.into()));
                database.commit(&changes).unwrap();
            }
        });
        loop {
            let is_last = writer.is_finished();
            let exported = export(database);
            let counts = [exported.history.len(), exported.answers.len(), exported.put_off.len()];
            let records = exported.loaded.rows.len();
            assert_eq!(exported.loaded.head().seq, Sq(1 + records as u64));
            assert_eq!(counts, [records; 3]);
            if is_last {
                break;
            }
        }
    });
}

/// Whatever a sink answers an error to, it is the last thing it gets, and the database goes on.
pub fn a_sink_can_stop_an_export(subject: &dyn Subject) {
    let database = with_everything(subject);
    let mut whole = Exported::default();
    database.export(&mut whole).unwrap();
    for fails_at in 1..=whole.calls {
        let mut stopped = Exported { fails_at, ..Exported::default() };
        assert_eq!(database.export(&mut stopped), Err(StoreError::Failed("full".into())));
        assert_eq!(stopped.calls, fails_at);
    }
    database.commit(&batch(90, 91)).unwrap();
    assert_eq!(export(&*database).loaded.head().seq, Sq(91));
}

/// Work put off stays whose it is, and nothing else changes, however often and by whatever node it is exported.
pub fn an_export_takes_nothing(subject: &dyn Subject) {
    let database = with_everything(subject);
    let other = subject.open().open_database(&database_id()).unwrap();
    let exported = export(&*database);
    assert_eq!(export(&*other), exported);
    assert_eq!(database.put_off().unwrap(), exported.put_off, "it is still the first one's");
    assert_eq!(export(&*other), exported);
}

/// A copy has all of it, at the same sequences, and goes on from there as the original would.
pub fn a_copy_is_the_same(subject: &dyn Subject) {
    let database = with_everything(subject);
    let store = subject.open();
    let id: DatabaseId = "copy1".parse().unwrap();
    let mut told = 0;
    let copied = copy_database(&*database, &*store, &id, 5, &mut |rows| told = rows).unwrap();
    let copy = store.open_database(&id).unwrap();
    assert_eq!(export(&*copy), export(&*database));
    assert_eq!((copied, told), (Summary::of(&*database).unwrap(), copied.rows()));
    assert_eq!(copied, Summary::of(&*copy).unwrap());
    let counts = [copied.records, copied.tombstones, copied.history, copied.answers, copied.put_off];
    assert_eq!((copied.seq, counts), (Sq(90), [5, 1, 3, 4, 3]));
    let (mut known, mut new) = (batch(40, 90), batch(90, 91));
    put(&mut known, "A", 1, 90, b"lost");
    put(&mut new, "A", 1, 91, b"new");
    assert_eq!(copy.commit(&known), Err(StoreError::Conflict));
    copy.commit(&new).unwrap();
    assert_ne!(Summary::of(&*copy).unwrap().sha256, copied.sha256);
    assert_eq!(Summary::of(&*database).unwrap(), copied);
}
