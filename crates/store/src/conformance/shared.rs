//! Checks of what several nodes need. A store that is not shared passes them by having none of it.

use boobook_model::Sq;

use super::*;
use crate::{SharedDatabase, Work};

/// Two nodes with the same new database open.
struct Nodes {
    stores: [Box<dyn Store>; 2],
    databases: [Box<dyn DatabaseStore>; 2],
}

/// `None` where the store is not shared.
fn nodes(subject: &dyn Subject) -> Option<Nodes> {
    let first = new_database(subject);
    let stores = [subject.open(), subject.open()];
    if stores[0].cluster().is_none() {
        assert!(first.shared().is_none(), "databases of a store that is not shared are not either");
        return None;
    }
    let databases = [0, 1].map(|n: usize| stores[n].open_database(&database_id()).expect("opens"));
    Some(Nodes { stores, databases })
}

impl Nodes {
    fn shared(&self, node: usize) -> &dyn SharedDatabase {
        self.databases[node].shared().expect("databases of a shared store are shared")
    }

    fn since(&self, node: usize, since: u64) -> Changed {
        let mut changed = Changed::default();
        self.shared(node).load_since(Sq(since), &mut changed).expect("loads what changed");
        changed
    }
}

/// What a load of changes brought.
#[derive(Debug, Default)]
struct Changed {
    head: Option<Head>,
    /// Sequence, record, whether it is deleted, body.
    rows: Vec<(u64, String, bool, Vec<u8>)>,
}

impl LoadSink for Changed {
    fn head(&mut self, head: Head) -> Result<(), StoreError> {
        assert!(self.head.is_none() && self.rows.is_empty(), "the head comes once, and first");
        self.head = Some(head);
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
        assert!(self.head.is_some(), "the head comes first");
        assert!(self.rows.last().is_none_or(|last| last.0 < sq.0), "ascending by sequence");
        self.rows.push((sq.0, format!("{tid}{rid}"), deleted, body.to_vec()));
        Ok(())
    }
}

/// A look tells the catalogue's version and the sequences of the databases asked for, in that order, whichever node
/// moved them.
pub fn a_look_tells_where_things_stand(subject: &dyn Subject) {
    let Some(nodes) = nodes(subject) else { return };
    let missing: DatabaseId = "missing1".parse().unwrap();
    let look = |node: usize| {
        let ids = [missing.clone(), database_id(), database_id()];
        nodes.stores[node].cluster().unwrap().look(&ids).unwrap()
    };
    assert_eq!(look(0).sequences, [None, Some(Sq(1)), Some(Sq(1))]);
    assert_eq!(look(0).catalogue, nodes.stores[0].catalogue_version().unwrap());
    nodes.databases[1].commit(&batch(1, 9)).unwrap();
    let base = look(0).catalogue;
    let seq = nodes.stores[1].commit_catalogue(base, &[]).unwrap();
    assert_eq!(look(0).sequences[1], Some(Sq(9)));
    assert_eq!(look(0).catalogue, seq);
    assert_eq!(nodes.stores[0].cluster().unwrap().look(&[]).unwrap().sequences, []);
}

/// Another node gets what changed since its sequence: the newest state of each record once, tombstones too, and the
/// schema if it is newer.
pub fn what_changed_since_comes_by_sequence(subject: &dyn Subject) {
    let Some(nodes) = nodes(subject) else { return };
    let mut changes = batch(1, 5);
    for (record, sq) in [(3, 2), (2, 3), (1, 4), (4, 5)] {
        put(&mut changes, "A", record, sq, b"first");
    }
    changes.counters = vec![(tid("A"), 5)];
    changes.schema = Some((Sq(2), b"second".to_vec()));
    nodes.databases[0].commit(&changes).unwrap();
    let mut changes = batch(5, 8);
    put(&mut changes, "B", 1, 8, b"new");
    bury(&mut changes, "A", 2, 6, b"who");
    put(&mut changes, "A", 3, 7, b"again");
    nodes.databases[0].commit(&changes).unwrap();

    let row = |sq: u64, name: &str, deleted: bool, body: &[u8]| (sq, name.to_owned(), deleted, body.to_vec());
    let newer = [row(6, "A2", true, b"who"), row(7, "A3", false, b"again"), row(8, "B1", false, b"new")];
    let older = [row(4, "A1", false, b"first"), row(5, "A4", false, b"first")];
    let changed = nodes.since(1, 5);
    assert_eq!(changed.rows, newer);
    let head = changed.head.unwrap();
    let expected = load(&*nodes.databases[1]).head().clone();
    assert_eq!(head, Head { schema: Vec::new(), ..expected.clone() }, "a schema that is known does not come");
    assert_eq!(nodes.since(1, 2).head.unwrap().schema, b"", "it is known at the sequence of its change");
    let changed = nodes.since(1, 1);
    assert_eq!(changed.head.unwrap(), expected);
    assert_eq!(changed.rows, [&older[..], &newer[..]].concat());
    assert_eq!(nodes.since(1, 8).rows, []);
    assert_eq!(nodes.since(0, 7).rows, newer[2..], "of its own commits as well");
}

/// While one node commits batches that touch every record, what another reads of changes is always of one batch.
pub fn what_changed_since_is_of_one_moment(subject: &dyn Subject) {
    const RECORDS: u64 = 40;
    let Some(nodes) = nodes(subject) else { return };
    let round = |n: u64| {
        let base = 1 + n * RECORDS;
        let mut changes = batch(base, base + RECORDS);
        for record in 1..=RECORDS {
            put(&mut changes, "A", record, base + record, &n.to_le_bytes());
        }
        changes
    };
    nodes.databases[0].commit(&round(0)).unwrap();
    let (writer, reader) = (&*nodes.databases[0], nodes.shared(1));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..30 {
                writer.commit(&round(n)).unwrap();
            }
        });
        for _ in 0..30 {
            let mut changed = Changed::default();
            reader.load_since(Sq(1), &mut changed).unwrap();
            assert_eq!(changed.rows.len(), RECORDS as usize, "no record is missing, none is there twice");
            let body = &changed.rows[0].3;
            assert!(changed.rows.iter().all(|row| row.3 == *body), "rows of several batches");
            assert_eq!(changed.rows.last().map(|row| Sq(row.0)), changed.head.map(|head| head.seq));
        }
    });
}

/// Of two nodes that commit on the same base one wins; all see the same.
pub fn nodes_compare_and_set(subject: &dyn Subject) {
    let Some(nodes) = nodes(subject) else { return };
    let commit = |node: usize, base: u64, id: u128| {
        nodes.databases[node].commit(&Batch { tx_id: id, ..batch(base, base + 1) })
    };
    for base in 1..20 {
        let results = std::thread::scope(|scope| {
            let commit = &commit;
            let other = scope.spawn(move || commit(1, base, u128::from(base) * 2));
            [commit(0, base, u128::from(base) * 2 + 1), other.join().unwrap()]
        });
        let won = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(won, 1, "{results:?}");
        assert!(results.contains(&Err(StoreError::Conflict)), "{results:?}");
        let known = [1, 0]
            .map(|odd| nodes.databases[1].is_committed(Sq(base + 1), u128::from(base) * 2 + odd).unwrap());
        assert_eq!(known, [results[0].is_ok(), results[1].is_ok()]);
    }
}

/// Who holds a database sees its newest state and commits on it, while others who knew that state as well wait, and
/// lose.
pub fn who_holds_a_database_commits_alone(subject: &dyn Subject) {
    let Some(nodes) = nodes(subject) else { return };
    let mut changes = batch(1, 2);
    put(&mut changes, "A", 1, 2, b"first");
    nodes.databases[1].commit(&changes).unwrap();
    let started = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        let mut held = nodes.shared(0).hold().unwrap();
        let other = scope.spawn(|| {
            started.wait();
            nodes.databases[1].commit(&Batch { tx_id: 77, ..batch(2, 3) })
        });
        started.wait();
        let mut changed = Changed::default();
        held.load_since(Sq(1), &mut changed).unwrap();
        assert_eq!(changed.rows.len(), 1);
        held.commit(&Batch { tx_id: 78, ..batch(2, 3) }).unwrap();
        assert_eq!(other.join().unwrap(), Err(StoreError::Conflict));
    });
    assert!(nodes.databases[1].is_committed(Sq(3), 78).unwrap());
    // On a base that has passed it is a conflict all the same.
    let held = nodes.shared(1).hold().unwrap();
    assert_eq!(held.commit(&batch(2, 4)), Err(StoreError::Conflict));
    nodes.databases[0].commit(&batch(3, 4)).unwrap();
}

/// Who lets go of a database without a commit leaves it as it was.
pub fn who_holds_a_database_may_let_it_go(subject: &dyn Subject) {
    let Some(nodes) = nodes(subject) else { return };
    for node in [0, 1, 0] {
        drop(nodes.shared(node).hold().unwrap());
    }
    nodes.databases[1].commit(&batch(1, 2)).unwrap();
    assert_eq!(load(&*nodes.databases[0]).head().seq, Sq(2));
}

/// Work is the node's that put it off, until that leaves; then it is another's, once.
pub fn work_belongs_to_one_node(subject: &dyn Subject) {
    let Some(nodes) = nodes(subject) else { return };
    let work = |id: u128| (id, format!("work {id}").into_bytes());
    let theirs = |id: u128| Work { database: database_id(), id, body: work(id).1 };
    let cluster = |node: usize| nodes.stores[node].cluster().unwrap();
    nodes.databases[0].commit(&Batch { put_off: vec![work(5), work(3)], ..batch(1, 2) }).unwrap();
    assert_eq!(nodes.databases[1].put_off().unwrap(), [], "the other one has it");
    assert_eq!(cluster(1).take_over().unwrap(), []);
    assert_eq!(cluster(0).take_over().unwrap(), [], "it knows of its own");
    assert_eq!(nodes.databases[0].put_off().unwrap(), [work(5), work(3)]);
    for node in [0, 1] {
        assert_eq!(nodes.shared(node).all_put_off().unwrap(), [work(5), work(3)], "anybody may look at it");
        assert_eq!(nodes.shared(node).are_put_off(&[5, 4, 3]).unwrap(), [true, false, true]);
        assert!(nodes.shared(node).are_put_off(&[]).unwrap().is_empty());
    }
    nodes.databases[0].commit(&Batch { done: vec![5], ..batch(2, 3) }).unwrap();
    assert_eq!(nodes.shared(1).are_put_off(&[5, 3]).unwrap(), [false, true]);

    cluster(0).leave().unwrap();
    assert_eq!(nodes.shared(1).all_put_off().unwrap(), [work(3)]);
    assert_eq!(cluster(1).take_over().unwrap(), [theirs(3)], "looking at it has not taken it");
    assert_eq!(cluster(1).take_over().unwrap(), []);
    assert_eq!(cluster(0).take_over().unwrap(), []);
    assert_eq!(nodes.databases[1].put_off().unwrap(), [work(3)]);
    cluster(1).leave().unwrap();
    assert_eq!(nodes.databases[0].put_off().unwrap(), [work(3)], "opening a database takes its work as well");
    assert_eq!(cluster(1).take_over().unwrap(), []);
}
