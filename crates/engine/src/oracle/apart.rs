//! Transactions made apart from the writer.

use std::sync::Arc;

use super::{
    Both, create,
    model::{rid, tid},
};
use crate::{Head, StaleWrites, Tx};

/// Made apart from the writer, a transaction stands as long as nothing it looked at has changed, and as often as it is
/// applied to such a state.
#[test]
fn a_transaction_made_apart_rests_on_the_tables_it_looked_at() {
    let mut both = Both::start();
    both.transact(None, &[create(3)], false, 0, 1_000);
    let user = || "u8K2mQ".parse().unwrap();
    let published = both.head.publish();
    let mut tx = published.begin(user(), 5);
    tx.update(tid(0), rid(1), Vec::new()).unwrap();
    let rid_made = tx.create(tid(0), Vec::new()).unwrap();
    let writes = tx.finish().unwrap().at(2_000);
    let head_of = || Head::new(Arc::clone(&published));
    for _ in 0..2 {
        let mut head = head_of();
        let mut other = head.begin(user(), 3_000);
        other.create(tid(1), Vec::new()).unwrap();
        let other = other.finish().unwrap();
        head.apply(&other).unwrap();
        let sq = head.snapshot().sq;
        let applied = head.apply(&writes).unwrap();
        assert_eq!(applied.changes.iter().map(|change| change.rid).collect::<Vec<_>>(), [rid(1), rid_made]);
        assert_eq!(applied.changes[0].sq.0, sq.0 + 1, "sequences are of where it is applied");
        assert_eq!(head.snapshot().clock_ms, 3_000, "the clock does not run backwards");
        assert_eq!(head.apply(&writes).unwrap_err(), StaleWrites, "once to each state");
        assert_eq!(head.apply(&other).unwrap_err(), StaleWrites, "made by the writer: of that state only");
    }
    type Look = fn(&Tx<'_>);
    let looks: &[Look] = &[
        |tx| assert!(!tx.exists(tid(1), rid(9))),
        |tx| assert!(tx.cell(tid(1), rid(9), 0).is_empty()),
        |tx| assert!(tx.meta(tid(1), rid(9)).is_none()),
        |tx| assert!(tx.sequence(tid(1), rid(9)).is_none()),
        |tx| assert!(tx.select(tid(1), &[]).is_empty()),
        |tx| assert_eq!(tx.count(tid(1), &[]), 0),
    ];
    for look in looks {
        let mut tx = published.begin(user(), 5);
        tx.create(tid(0), Vec::new()).unwrap();
        look(&tx);
        let writes = tx.finish().unwrap();
        let mut head = head_of();
        head.apply(&writes).unwrap();
        let mut head = head_of();
        let mut other = head.begin(user(), 0);
        other.create(tid(1), Vec::new()).unwrap();
        let other = other.finish().unwrap();
        head.apply(&other).unwrap();
        assert_eq!(head.apply(&writes).unwrap_err(), StaleWrites, "what it looked at has changed");
    }
}
