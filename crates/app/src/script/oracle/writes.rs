//! What scripts of the oracle write, on plain maps (nx-language.md §2.3, §3.2 "Assigning", §5.2).

use super::{
    naive::{DAY, Walk, is_empty, items, number},
    script::{Base, Expr},
    text::text_of,
    world::{Data, OPTIONS, Val, World},
};

/// A value that a field does not take.
struct Refused;

impl Walk<'_> {
    pub(super) fn statement(&mut self, expr: &Expr) -> Val {
        match expr {
            Expr::Seq(statements) => statements.iter().fold(Val::Null, |_, statement| self.eval(statement)),
            Expr::SetVar(n, value) => {
                let value = self.eval(value);
                self.set_variable(*n, value.clone());
                value
            }
            Expr::SetField(target, value) => self.set_field(target, value),
            Expr::Create(table) => {
                let stored = self.world.stored(*table).count();
                self.create(*table, vec![Val::Null; stored])
            }
            Expr::Delete(of) => {
                for record in items(&self.eval(of)) {
                    self.delete(&record);
                }
                Val::Null
            }
            Expr::Duplicate(of) => match self.eval(of) {
                Val::Rec(table, n) => match self.data[table].records.get(&n).cloned() {
                    Some(values) => self.create(table, values),
                    None => Val::Null,
                },
                _ => Val::Null,
            },
            _ => Val::Null,
        }
    }

    fn create(&mut self, table: usize, values: Vec<Val>) -> Val {
        if self.has_failed {
            return Val::Null;
        }
        self.links.clear();
        let rows = &mut self.data[table];
        let number = rows.next;
        rows.next += 1;
        rows.records.insert(number, values);
        Val::Rec(table, number)
    }

    fn set_field(&mut self, target: &Expr, value: &Expr) -> Val {
        let Expr::Field { of, table, slot } = target else { return Val::Null };
        let records = items(&self.eval(of));
        let value = self.eval(value);
        let base = self.world.tables[*table].fields[*slot].base;
        let Ok(taken) = taken(base, &value) else {
            self.has_failed = true;
            return value;
        };
        for record in records {
            let Val::Rec(table, n) = record else { continue };
            match self.data[table].records.get_mut(&n) {
                _ if self.has_failed => {}
                Some(values) => {
                    self.links.remove(&(table, *slot));
                    values[*slot] = taken.clone();
                }
                None => self.has_failed = true,
            }
        }
        value
    }

    /// Deletes a record and its parts; other links to it are cleared.
    fn delete(&mut self, record: &Val) {
        let Val::Rec(target, n) = record else { return };
        if self.has_failed || self.data[*target].records.remove(n).is_none() {
            return;
        }
        self.links.clear();
        for (table, slot) in self.world.links_to(*target) {
            let records = self.data[table].records.iter();
            let linked = records.filter(|(_, values)| values[slot] == *record);
            let linked: Vec<u64> = linked.map(|(number, _)| *number).collect();
            for number in linked {
                if self.world.tables[table].fields[slot].is_part {
                    self.delete(&Val::Rec(table, number));
                } else if let Some(values) = self.data[table].records.get_mut(&number) {
                    values[slot] = Val::Null;
                }
            }
        }
    }
}

/// Whether all links lead to records: else a transaction is refused at its end.
pub(super) fn is_whole(world: &World, data: &Data) -> bool {
    data.iter().enumerate().all(|(table, rows)| {
        let links: Vec<usize> = world
            .stored(table)
            .filter(|(_, field)| matches!(field.base, Base::Rec(_)))
            .map(|(slot, _)| slot)
            .collect();
        rows.records.values().all(|values| {
            links.iter().all(|&slot| match values[slot] {
                Val::Rec(target, n) => data[target].records.contains_key(&n),
                _ => true,
            })
        })
    })
}

/// A value as a field takes it.
fn taken(base: Base, value: &Val) -> Result<Val, Refused> {
    if is_empty(value) || matches!(value, Val::List(list) if list.is_empty()) {
        return Ok(Val::Null);
    }
    Ok(match (base, value) {
        (Base::Multi, Val::Multi(_)) => value.clone(),
        (Base::Multi, value) => {
            let options: Result<Vec<u32>, Refused> = items(value).iter().map(option).collect();
            let mut options = options?;
            options.sort_unstable();
            options.dedup();
            Val::Multi(options)
        }
        (Base::Choice, value) => Val::Choice(option(value)? as u16),
        (Base::Num, value) => Val::Num(number(value).ok_or(Refused)?),
        (Base::Text, Val::Text(_) | Val::Num(_)) => Val::Text(text_of(value)),
        (Base::Bool, Val::Num(n)) => Val::Bool(*n != 0.0),
        (Base::Date, Val::Moment(ms)) => Val::Date(ms.div_euclid(DAY)),
        (Base::Moment, Val::Date(days)) => Val::Moment(days * DAY),
        (Base::Moment, Val::Num(n)) => Val::Moment(*n as i64),
        (Base::Time, Val::Moment(ms)) => Val::Time(ms.rem_euclid(DAY)),
        (Base::Span, Val::Time(ms)) => Val::Span(*ms),
        (Base::Span, Val::Num(n)) => Val::Span(*n as i64),
        (Base::Rec(_), Val::Num(0.0)) => Val::Null,
        (Base::Rec(table), Val::Num(n)) if n.fract() == 0.0 && *n > 0.0 => Val::Rec(table, *n as u64),
        (Base::Bool, Val::Bool(_))
        | (Base::Date, Val::Date(_))
        | (Base::Moment, Val::Moment(_))
        | (Base::Time, Val::Time(_))
        | (Base::Span, Val::Span(_))
        | (Base::Rec(_), Val::Rec(..)) => value.clone(),
        _ => return Err(Refused),
    })
}

/// The option that a value names, by number or caption.
fn option(value: &Val) -> Result<u32, Refused> {
    match value {
        Val::Choice(option) => Ok(u32::from(*option)),
        Val::Num(n) => (1..=4).find(|option| f64::from(*option) == *n).ok_or(Refused),
        Val::Text(caption) => {
            let at = OPTIONS.iter().position(|option| option == caption).ok_or(Refused)?;
            Ok(at as u32 + 1)
        }
        _ => Err(Refused),
    }
}
