//! Another node that takes over what the model has seen since.

use std::sync::Arc;

use boobook_model::Sq;

use super::{
    check::check_state,
    model::{Model, USERS, rid, tid},
    reload,
};
use crate::{Head, RecordMeta};

/// Follows from wherever it stands, and looks at what came of it.
pub(super) fn follow(head: &mut Head, model: &Model) {
    let since = head.snapshot().sq.0;
    if since < model.sq_min {
        // Deletions it has not seen may be forgotten by now.
        *head = Head::new(Arc::new(reload(model)));
        return;
    }
    let schema = (model.schema_sq > since).then(|| (Sq(model.schema_sq), Arc::clone(&model.schema)));
    let counters: Vec<_> = (0..model.tables()).map(|at| (tid(at), model.next[at])).collect();
    let mut follower = head.follow(schema, Sq(model.sq), Sq(model.sq_min), model.clock_ms, &counters);
    for (key, sq, _) in model.changes(None, since) {
        let (table, id) = (tid(key.0), rid(key.1));
        let record = model.records.get(&key);
        let (created, modified) = record.map_or(((0, 0), (1_000, 1)), |r| (r.created, r.modified));
        let meta = RecordMeta {
            sq: Sq(sq),
            created_at_ms: created.0,
            created_by: USERS[created.1],
            modified_at_ms: modified.0,
            modified_by: USERS[modified.1],
        };
        let values = record.map(|r| r.values.iter().map(|(field, value)| (*field, value.clone())).collect());
        follower.record(table, id, values, &meta);
    }
    follower.finish();
    check_state(&head.publish(), model);
}
