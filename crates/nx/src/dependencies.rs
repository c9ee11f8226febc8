//! What a formula depends on: read off its compiled program, and those of the functions and formulas that it uses.
//!
//! It is what decides whether a result may be kept beyond a run ([`Host::remember`](crate::Host::remember)), and when it
//! is worthless. Rather too much than too little: a part that may never come to run counts as well.

use std::collections::BTreeSet;

use boobook_model::{Schema, TableId};
use rustc_hash::FxHashSet;

use crate::{
    Base, Effect,
    ir::{Expr, FieldAt, Kind, Program, SystemField, UserFunction},
};

/// What the result of a formula rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// Stored fields of the record itself, ascending. They, and [`Self::own_meta`], change only when the record is
    /// written.
    pub own: Vec<u16>,
    /// Whether it looks at who wrote the record itself, when, or at its sequence.
    pub own_meta: bool,
    /// What it reads of other records, or of this one by way of others, ascending.
    pub others: Vec<(TableId, Part)>,
    /// Why its result is not kept: it may be another the next time though no record has changed, or for another user.
    pub restless: Option<&'static str>,
}

/// A part of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The values of the stored field in a slot; with a link, also who refers to whom.
    Field(u16),
    /// Which records there are.
    Records,
    /// Who wrote the records, when, and their sequences.
    Meta,
}

/// Where to find formulas.
pub(crate) type Formulas<'l> = dyn Fn(FieldAt) -> Option<&'l Program> + 'l;

impl Dependencies {
    /// Of a formula.
    pub(crate) fn of(at: FieldAt, schema: &Schema, formulas: &Formulas<'_>) -> Self {
        let mut walk = Walk {
            schema,
            own: BTreeSet::new(),
            others: BTreeSet::new(),
            found: Self::default(),
            bodies: Vec::new(),
            formulas_seen: FxHashSet::default(),
            functions_seen: FxHashSet::default(),
        };
        walk.formula(at, true, formulas);
        // A list of bodies and no recursion: functions call functions as long as somebody likes to write them.
        while let Some((body, is_own)) = walk.bodies.pop() {
            body.for_each(&mut |expr| walk.expr(expr, is_own, formulas));
        }
        let Walk { own, others, found, .. } = walk;
        Self { own: own.into_iter().collect(), others: others.into_iter().collect(), ..found }
    }
}

struct Walk<'s, 'l> {
    schema: &'s Schema,
    own: BTreeSet<u16>,
    others: BTreeSet<(TableId, Part)>,
    found: Dependencies,
    /// Yet to be looked at; and whether the first local is the record itself, there and all through.
    bodies: Vec<(&'l Expr, bool)>,
    formulas_seen: FxHashSet<(FieldAt, bool)>,
    functions_seen: FxHashSet<*const UserFunction>,
}

impl<'l> Walk<'_, 'l> {
    fn formula(&mut self, at: FieldAt, is_own: bool, formulas: &Formulas<'l>) {
        if self.formulas_seen.insert((at, is_own))
            && let Some(program) = formulas(at)
        {
            self.bodies.push((&program.body, is_own));
        }
    }

    fn expr(&mut self, expr: &'l Expr, is_own: bool, formulas: &Formulas<'l>) {
        let is_this = |of: &Expr| is_own && matches!(of.kind, Kind::Local(0));
        if expr.ty.base == Base::User {
            // Its text is a name of the catalogue, which is no part of the database.
            self.restless("it speaks of users, whose names are kept elsewhere");
        }
        match &expr.kind {
            Kind::Field(of, at) => self.field(*at, is_this(of)),
            Kind::Aggregate(_, _, at) => self.field(*at, false),
            Kind::Formula(of, at) => {
                let is_this = is_this(of);
                self.formula(*at, is_this, formulas);
                if !is_this {
                    self.others.insert((at.table, Part::Records));
                }
            }
            Kind::Reverse(_, at) => {
                self.others.insert((at.table, Part::Field(at.slot)));
            }
            Kind::System(of, which) => self.system(of, *which, is_this(of)),
            Kind::Select(select) | Kind::Count(select) => {
                self.others.insert((select.table, Part::Records));
                let fields = select.conditions.iter().map(|planned| Part::Field(planned.slot));
                self.others.extend(fields.map(|part| (select.table, part)));
            }
            Kind::Call(def, ..) if def.effect >= Effect::Reads => self.restless(def.name),
            Kind::CallUser(function, _) => {
                if self.functions_seen.insert(std::ptr::from_ref(&**function))
                    && let Some(program) = function.program.get()
                {
                    self.bodies.push((&program.body, false));
                }
            }
            Kind::Key(..) | Kind::Get(_) => self.restless("it names a field only when it runs"),
            Kind::SetLocal(0, _) if is_own => self.restless("it changes what `this` is"),
            Kind::Set(_)
            | Kind::Create(_)
            | Kind::Delete(_)
            | Kind::Duplicate(_)
            | Kind::SetField(..)
            | Kind::Deferred(..) => self.restless("it writes"),
            _ => {}
        }
    }

    fn field(&mut self, at: FieldAt, is_this: bool) {
        if is_this {
            self.own.insert(at.slot);
        } else {
            self.others.insert((at.table, Part::Field(at.slot)));
        }
        let field = self.schema.table(at.table).and_then(|table| table.fields.get(usize::from(at.slot)));
        if field.is_none_or(|field| field.kind.base() == "user") {
            self.restless("it speaks of users, whose names are kept elsewhere");
        }
    }

    fn system(&mut self, of: &Expr, which: SystemField, is_this: bool) {
        let part = match which {
            SystemField::Id | SystemField::Number => Part::Records,
            SystemField::CreatedBy | SystemField::ModifiedBy => {
                return self.restless("it speaks of users, whose names are kept elsewhere");
            }
            SystemField::CreatedAt | SystemField::ModifiedAt | SystemField::Sequence => Part::Meta,
        };
        match of.ty.base {
            _ if is_this => self.found.own_meta |= part == Part::Meta,
            Base::Record(table) => {
                self.others.insert((table, part));
            }
            _ => self.restless("it reads records of which table is known only when it runs"),
        }
    }

    fn restless(&mut self, why: &'static str) {
        self.found.restless.get_or_insert(why);
    }
}
