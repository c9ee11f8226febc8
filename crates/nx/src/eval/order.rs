//! `order by`, and who needs the first of many only: `first(… order by …)`, `… order by … limit 10`.

use std::cmp::Ordering;

use super::{Evaluator, Outcome, Stop};
use crate::{
    Base, Type, Value, compare,
    ir::{Expr, FieldAt, Kind, Local, Order},
};

impl Evaluator<'_, '_> {
    /// Evaluates an expression of which only the first `need` items matter.
    pub(super) fn first_of(&mut self, expr: &Expr, need: usize) -> Outcome {
        match &expr.kind {
            Kind::Order(order) => self.order(order, need),
            _ => self.eval(expr),
        }
    }

    /// The first `need` items, in order. What is equal stays in the order it had, both ways.
    pub(super) fn order(&mut self, order: &Order, need: usize) -> Outcome {
        let of = match self.first_by_host(order, need)? {
            Ok(first) => return Ok(first),
            Err(of) => of,
        };
        self.cx.step(of.item_count() as u64)?;
        if let (Value::Records(table, records), Some(at)) = (&of, numeric_field(&order.key, order.item))
            && at.table == *table
            && !self.cx.reads_by_record(at)
        {
            self.cx.charge(of.item_count() * (size_of::<f64>() + size_of::<u32>()))?;
            let mut keys = Vec::with_capacity(records.len());
            self.cx.host.numbers(at.table, usize::from(at.slot), records, &mut keys);
            let places = places(keys.len(), need, order.desc, |a, b| order_of(keys[a], keys[b]));
            return Ok(Value::Records(*table, places.into_iter().map(|at| records[at as usize]).collect()));
        }
        self.cx.charge(of.item_count() * 2 * size_of::<Value>())?;
        let mut items = Vec::with_capacity(of.item_count());
        let mut keys = Vec::with_capacity(of.item_count());
        for item in of.items() {
            self.frame[usize::from(order.item)] = item.clone();
            keys.push(self.eval(&order.key)?);
            items.push(item);
        }
        let places = places(keys.len(), need, order.desc, |a, b| compare::order(&keys[a], &keys[b]));
        let place = |at: u32| std::mem::take(&mut items[at as usize]);
        Ok(Value::from_items(places.into_iter().map(place).collect()))
    }

    /// The first records of a selection, where the host can find them without making all of it; else what is to be
    /// ordered.
    fn first_by_host(&mut self, order: &Order, need: usize) -> Result<Result<Value, Value>, Stop> {
        let (Kind::Select(select), Some(at)) = (&order.of.kind, numeric_field(&order.key, order.item)) else {
            return Ok(Err(self.eval(&order.of)?));
        };
        let Some(mut plan) = self.plan(select)? else {
            return Ok(Ok(Value::Records(select.table, [].into())));
        };
        let is_able = need <= FIRST_MAX && at.table == select.table && !self.cx.reads_by_record(at);
        if is_able
            && plan.is_for_host()
            && let slot = usize::from(at.slot)
            && let Some(found) =
                plan.filter(|filter| self.cx.host.first_by(select.table, filter, slot, order.desc, need))
        {
            self.cx.step(1)?;
            self.cx.note_found(select, found.len());
            return Ok(Ok(Value::Records(select.table, found.into())));
        }
        Ok(Err(self.select_by(select, &mut plan)?))
    }
}

/// More than this is as well found by making all of a selection.
const FIRST_MAX: usize = 1_000;

/// The stored field of numbers or times that a key is, of the item looked at.
fn numeric_field(key: &Expr, item: Local) -> Option<FieldAt> {
    let is_numeric = matches!(
        key.ty,
        Type {
            base: Base::Number | Base::Date | Base::DateTime | Base::Time | Base::Interval,
            is_array: false
        }
    );
    match &key.kind {
        Kind::Field(of, at) if is_numeric && matches!(of.kind, Kind::Local(local) if local == item) => {
            Some(*at)
        }
        _ => None,
    }
}

/// The places of the first `need` of so many keys, in order.
fn places(len: usize, need: usize, desc: bool, order: impl Fn(usize, usize) -> Ordering) -> Vec<u32> {
    let by = |a: &u32, b: &u32| {
        let order = order(*a as usize, *b as usize);
        if desc { order.reverse() } else { order }.then(a.cmp(b))
    };
    let mut places: Vec<u32> = (0..len as u32).collect();
    if need == 0 {
        return Vec::new();
    }
    if need < len {
        places.select_nth_unstable_by(need - 1, by);
        places.truncate(need);
    }
    places.sort_unstable_by(by);
    places
}

/// As [`compare::order`] has it: empty first.
fn order_of(a: f64, b: f64) -> Ordering {
    match (a.is_finite(), b.is_finite()) {
        (true, true) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (a, b) => a.cmp(&b),
    }
}
