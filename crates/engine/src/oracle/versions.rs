//! What versions tell of the parts of tables, compared with the model; and sums over links.

use std::{collections::BTreeSet, sync::Arc};

use boobook_model::Sq;
use proptest::prelude::*;

use super::{
    Both, Step,
    model::{Model, rid, tid},
    step,
};
use crate::{Part, Snapshot, Summary, Version};

/// What is left of a state for who worked something out from it: none of its tables.
struct Kept {
    versions: Vec<(usize, Part, Version)>,
    epochs: Vec<u64>,
    model: Model,
}

impl Kept {
    fn of(snapshot: &Snapshot, model: &Model) -> Self {
        let mut versions = Vec::new();
        for at in 0..model.tables() {
            let slots = (0..model.table(at).fields.len()).map(Part::Field);
            for part in slots.chain([Part::Records, Part::Meta]) {
                versions.push((at, part, snapshot.version(tid(at), part)));
            }
        }
        let epochs = (0..model.tables()).map(|at| snapshot.table(tid(at)).unwrap().epoch()).collect();
        Self { versions, epochs, model: model.clone() }
    }

    /// Where the version of a part is the same, so is what is in it.
    fn check(&self, snapshot: &Snapshot, now: &Model) {
        for (at, part, version) in &self.versions {
            if !snapshot.version(tid(*at), *part).is(version) {
                continue;
            }
            let then = &self.model;
            match part {
                Part::Field(slot) => {
                    let field = |model: &Model| model.table(*at).fields.get(*slot).map(|field| field.id);
                    let Some((id, id_then)) = field(now).zip(field(then)) else { continue };
                    for r in now.known(*at).into_iter().chain(then.known(*at)) {
                        assert_eq!(now.cell(*at, r, id), then.cell(*at, r, id_then), "{at}/{r}/{slot}");
                    }
                }
                Part::Records => assert_eq!(now.ids(*at), then.ids(*at), "records of {at}"),
                Part::Meta => {
                    for r in now.known(*at).into_iter().chain(then.known(*at)) {
                        assert_eq!(now.records.get(&(*at, r)), then.records.get(&(*at, r)), "{at}/{r}");
                    }
                }
            }
        }
    }

    /// Every record that is not as it was is in a row that has changed since.
    fn check_rows(&self, snapshot: &Snapshot, now: &Model) {
        let is_same_schema = self.model.schema_sq == now.schema_sq;
        for at in (0..self.epochs.len()).filter(|_| is_same_schema) {
            let table = snapshot.table(tid(at)).unwrap();
            if table.epoch() != self.epochs[at] {
                continue;
            }
            let changed: BTreeSet<_> = table.changed_rows(Sq(self.model.sq)).collect();
            for r in now.ids(at) {
                let is_as_it_was = now.records.get(&(at, r)) == self.model.records.get(&(at, r));
                let row = table.row(rid(r)).unwrap();
                assert!(is_as_it_was || changed.contains(&row), "{at}/{r} has changed");
            }
        }
    }
}

fn check_linked(snapshot: &Snapshot, model: &Model) {
    for (at, link, _, target) in model.references() {
        for (slot, field) in model.table(at).fields.iter().enumerate() {
            let linked = snapshot.linked(tid(at), model.slot(at, link), slot);
            for r in model.known(target).into_iter().chain([u32::MAX - 5]) {
                let mut expected = Summary::default();
                for referrer in model.reverse(at, link, r) {
                    if let Some(number) = super::check::number(model.cell(at, referrer, field.id)) {
                        expected.add(number);
                    }
                }
                let found = linked.of(rid(r));
                assert_eq!((found.count, found.sum), (expected.count, expected.sum), "{at}/{slot} of {r}");
                assert!(found.min == expected.min || found.min.is_nan() && expected.min.is_nan());
                assert!(found.max == expected.max || found.max.is_nan() && expected.max.is_nan());
            }
        }
    }
}

/// Keeps versions, not states, over some steps: what nobody looks at is changed in place, unless versions are in the
/// way.
fn check(steps: &[Step], publishes: u32) {
    let mut both = Both::start();
    let mut kept = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        if matches!(step, Step::Reload) {
            // Row numbers of another load are of no use.
            kept.clear();
        }
        both.step(step, &[]);
        // Working states have versions as well, and are changed in place most of all.
        let published: Option<Arc<Snapshot>> = (publishes >> (at % 32) & 1 == 1).then(|| both.head.publish());
        let snapshot = published.as_deref().unwrap_or_else(|| both.head.snapshot());
        for earlier in &kept {
            Kept::check(earlier, snapshot, &both.model);
            Kept::check_rows(earlier, snapshot, &both.model);
        }
        if at % 3 == 0 {
            check_linked(snapshot, &both.model);
        }
        kept.push(Kept::of(snapshot, &both.model));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 2, ..ProptestConfig::default() })]

    #[test]
    fn versions_tell_what_has_changed(
        steps in prop::collection::vec(step(), 1..16),
        publishes in any::<u32>(),
    ) {
        check(&steps, publishes);
    }
}

#[test]
fn what_is_not_written_keeps_its_version() {
    let mut both = Both::start();
    both.transact(None, &[super::create(3)], false, 0, 1_000);
    let parts = |snapshot: &Snapshot| -> Vec<Version> {
        let parts = [Part::Field(0), Part::Field(1), Part::Records, Part::Meta];
        parts.iter().map(|part| snapshot.version(tid(0), *part)).collect()
    };
    let same =
        |a: &[Version], b: &[Version]| -> Vec<bool> { a.iter().zip(b).map(|(a, b)| a.is(b)).collect() };
    let before = parts(&both.head.publish());
    let mut write = |slot: usize, value| {
        let mut tx = both.head.begin("u8K2mQ".parse().unwrap(), 2_000);
        tx.update(tid(0), rid(1), vec![(slot, value)]).unwrap();
        let writes = tx.finish().unwrap();
        both.head.apply(&writes).unwrap();
        parts(&both.head.publish())
    };
    let field = both.model.table(0).fields[0].clone();
    let value = both.model.value(&field, 7);
    let then = write(0, value);
    assert_eq!(same(&before, &then), [false, true, true, false]);
    let nowhere = [Version::default()];
    assert_eq!(same(&nowhere, &nowhere), [true]);
    assert_eq!(same(&nowhere, &before), [false]);
}
