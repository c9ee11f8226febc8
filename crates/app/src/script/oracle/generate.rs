//! Makes scripts that are right by their types out of choices.

use super::{
    draw::Draw,
    script::{Base, Expr, Function, Select, Ty, many, one},
    values,
    world::{Field, OPTIONS, Val, World},
};

/// A computed field of a table; it uses the fields of its record that are there.
pub(super) fn formula(world: &World, draw: &mut Draw<'_>, table: usize) -> Field {
    const BASES: [Base; 8] =
        [Base::Num, Base::Text, Base::Bool, Base::Num, Base::Date, Base::Span, Base::Choice, Base::Rec(0)];
    let base = match draw.pick(&BASES) {
        Base::Rec(_) => Base::Rec(draw.below(world.tables.len())),
        base => base,
    };
    let mut generator = Generator::new(world, draw, true);
    generator.contexts.push(one(Base::Rec(table)));
    let formula = match generator.expr(one(base), 2) {
        // In a schema, "0" stands for no formula.
        Expr::Lit(Val::Num(0.0)) => Expr::Lit(Val::Num(1.0)),
        formula => formula,
    };
    Field { base, formula: Some(formula), is_part: false }
}

/// A function of the global code, for values of any types.
pub(super) fn function(world: &World, draw: &mut Draw<'_>) -> Function {
    let mut generator = Generator::new(world, draw, true);
    // As if it stood in a loop: it is called from some.
    generator.loops = 1;
    let count = 1 + generator.draw.below(2);
    let parameters: Vec<Ty> = (0..count).map(|_| generator.any_type()).collect();
    generator.variables.clone_from(&parameters);
    let result = generator.any_type();
    let body = generator.expr(result, 2);
    Function { parameters, result, body }
}

/// A script: something about selected records, or anything at all. A flat one does not select within conditions and
/// blocks, which over many records would take its time.
pub(super) fn script(world: &World, draw: &mut Draw<'_>, is_flat: bool) -> Expr {
    let mut generator = Generator::new(world, draw, is_flat);
    let depth = if is_flat { 2 } else { 2 + generator.draw.below(3) };
    let table = generator.table();
    match generator.draw.below(8) {
        0 | 1 => generator.select(table, depth),
        2 | 3 => {
            let base = generator.draw.pick(&[Base::Num, Base::Num, Base::Text, Base::Date, Base::Moment]);
            let of = generator.of_many_records(base, depth);
            let names: &[&'static str] = match base {
                Base::Num => &["sum", "avg", "min", "max", "cnt", "length"],
                _ => &["min", "max", "cnt", "length"],
            };
            Expr::Call(generator.draw.pick(names), vec![of])
        }
        4 => {
            let of = generator.select(table, depth);
            Expr::Call(generator.draw.pick(&["cnt", "length"]), vec![of])
        }
        5 => {
            let of = generator.select(table, depth);
            let values = generator.within(one(Base::Rec(table)), |this| {
                let count = 1 + this.draw.below(3);
                (0..count)
                    .map(|_| {
                        let ty = this.any_type();
                        this.expr(ty, depth)
                    })
                    .collect()
            });
            Expr::Map(Box::new(of), Box::new(Expr::Object(values)))
        }
        _ => {
            let ty = generator.any_type();
            generator.expr(ty, depth)
        }
    }
}

pub(super) struct Generator<'g, 'b> {
    pub(super) world: &'g World,
    pub(super) draw: &'g mut Draw<'b>,
    /// What `this` is, the innermost last.
    pub(super) contexts: Vec<Ty>,
    /// What variables are; those that are out of scope are none.
    variables: Vec<Ty>,
    pub(super) is_flat: bool,
    /// Loops around.
    pub(super) loops: usize,
}

impl<'g, 'b> Generator<'g, 'b> {
    pub(super) fn new(world: &'g World, draw: &'g mut Draw<'b>, is_flat: bool) -> Self {
        Self { world, draw, contexts: Vec::new(), variables: Vec::new(), is_flat, loops: 0 }
    }
}

impl Generator<'_, '_> {
    /// What `work` makes with a new variable, and the number of that.
    pub(super) fn with_variable<T>(
        &mut self,
        ty: Ty,
        work: impl FnOnce(&mut Self, usize) -> T,
    ) -> (usize, T) {
        self.variables.push(ty);
        let n = self.variables.len() - 1;
        let made = work(self, n);
        self.variables[n] = one(Base::Rec(usize::MAX));
        (n, made)
    }

    /// A variable that can be seen.
    pub(super) fn variable(&mut self) -> Option<(usize, Ty)> {
        let seen = |(n, ty): (usize, &Ty)| (ty.base != Base::Rec(usize::MAX)).then_some((n, *ty));
        let seen: Vec<_> = self.variables.iter().enumerate().filter_map(seen).collect();
        if seen.is_empty() { None } else { Some(self.draw.pick(&seen)) }
    }

    pub(super) fn table(&mut self) -> usize {
        self.draw.below(self.world.tables.len())
    }

    pub(super) fn base(&mut self) -> Base {
        match self.draw.below(12) {
            0..=2 => Base::Num,
            3 | 4 => Base::Text,
            5 => Base::Bool,
            6 => Base::Date,
            7 => Base::Moment,
            8 => [Base::Time, Base::Span][self.draw.below(2)],
            9 => [Base::Choice, Base::Multi][self.draw.below(2)],
            _ => Base::Rec(self.table()),
        }
    }

    pub(super) fn any_type(&mut self) -> Ty {
        Ty { base: self.base(), many: self.draw.chance(40) }
    }

    pub(super) fn boxed(&mut self, ty: Ty, depth: usize) -> Box<Expr> {
        Box::new(self.expr(ty, depth.saturating_sub(1)))
    }

    pub(super) fn in_loop<T>(&mut self, item: Ty, work: impl FnOnce(&mut Self) -> T) -> (usize, T) {
        self.loops += 1;
        let made = self.with_variable(item, |this, _| work(this));
        self.loops -= 1;
        made
    }

    pub(super) fn within<T>(&mut self, context: Ty, work: impl FnOnce(&mut Self) -> T) -> T {
        self.contexts.push(context);
        let done = work(self);
        self.contexts.pop();
        done
    }

    /// An expression of a type.
    pub(super) fn expr(&mut self, ty: Ty, depth: usize) -> Expr {
        if depth == 0 || self.draw.is_done() {
            return self.leaf(ty);
        }
        match self.draw.below(14) {
            0 => self.leaf(ty),
            12 => self.switch(ty, depth),
            13 => self.own(ty, depth),
            1 => {
                let condition = self.truth(depth);
                Expr::If(Box::new(condition), self.boxed(ty, depth), self.boxed(ty, depth))
            }
            2 => {
                let of = self.any_type();
                let value = self.boxed(of, depth);
                let (n, body) = self.with_variable(of, |this, _| this.boxed(ty, depth));
                Expr::Let(n, value, body)
            }
            _ if ty.many => self.array(ty.base, depth),
            3 | 4 => self.of_array(ty, depth),
            5 => self.field(ty, depth),
            _ => self.scalar(ty.base, depth),
        }
    }

    /// `switch` over a value with labels it can be compared with.
    fn switch(&mut self, ty: Ty, depth: usize) -> Expr {
        let base = self.base();
        let subject = self.boxed(one(base), depth);
        let cases = 1 + self.draw.below(2);
        let cases = (0..cases).map(|_| {
            let labels = 1 + self.draw.below(2);
            let labels = (0..labels).map(|_| self.constant(base)).collect();
            (labels, self.expr(ty, depth - 1))
        });
        let cases = cases.collect();
        Expr::Switch(subject, cases, self.boxed(ty, depth))
    }

    /// A call of a function of that type, if there is one.
    fn own(&mut self, ty: Ty, depth: usize) -> Expr {
        let world = self.world;
        match world.functions.iter().position(|function| function.result == ty) {
            Some(at) => {
                let parameters = world.functions[at].parameters.iter();
                Expr::Own(at, parameters.map(|parameter| self.expr(*parameter, depth - 1)).collect())
            }
            None => self.leaf(ty),
        }
    }

    /// What needs nothing else: a variable, a field of the record at hand, a literal.
    pub(super) fn leaf(&mut self, ty: Ty) -> Expr {
        if self.draw.chance(70) {
            let mut found: Vec<Expr> =
                (0..self.variables.len()).filter(|&n| self.variables[n] == ty).map(Expr::Var).collect();
            if self.contexts.last() == Some(&ty) {
                found.push(Expr::Context(0));
            }
            let nearest = self.contexts.iter().rev().position(|context| matches!(context.base, Base::Rec(_)));
            if let Some(steps) = nearest
                && let Base::Rec(table) = self.contexts[self.contexts.len() - 1 - steps].base
            {
                found.extend(self.fields_of(table, ty, &|| Expr::Context(steps)));
            }
            if !found.is_empty() {
                let at = self.draw.below(found.len());
                return found.swap_remove(at);
            }
        }
        let of_base = |field: &Field| field.base == ty.base;
        let tables = self.world.tables.iter();
        let with: Vec<(usize, usize)> = tables
            .enumerate()
            .filter_map(|(at, table)| Some((at, table.fields.iter().position(of_base)?)))
            .collect();
        if !with.is_empty() && self.draw.chance(50) {
            let (table, slot) = self.draw.pick(&with);
            let of = if ty.many {
                self.select(table, 0)
            } else {
                let n = Expr::Lit(Val::Num(1.0 + self.draw.below(6) as f64));
                Expr::Record(table, Box::new(n))
            };
            return Expr::Field { of: Box::new(of), table, slot };
        }
        if ty.many {
            return match ty.base {
                Base::Rec(table) => self.select(table, 0),
                Base::Multi => Expr::Filter(
                    Box::new(Expr::Array(vec![self.leaf(one(Base::Multi))])),
                    Box::new(Expr::Lit(Val::Bool(false))),
                ),
                base => Expr::Array((0..=self.draw.below(3)).map(|_| self.leaf(one(base))).collect()),
            };
        }
        match ty.base {
            Base::Rec(table) => {
                let n = Expr::Lit(Val::Num(1.0 + self.draw.below(6) as f64));
                Expr::Record(table, Box::new(n))
            }
            // There are no literals of these: a field of a record that may be there.
            Base::Choice | Base::Multi => self.stored_somewhere(ty.base),
            base => Expr::Lit(values::value(self.draw, base)),
        }
    }

    fn stored_somewhere(&mut self, base: Base) -> Expr {
        for (at, table) in self.world.tables.iter().enumerate() {
            if let Some(slot) =
                table.fields.iter().position(|field| field.base == base && field.formula.is_none())
            {
                let of = self.leaf(one(Base::Rec(at)));
                return Expr::Field { of: Box::new(of), table: at, slot };
            }
        }
        Expr::Lit(Val::Null)
    }

    /// Fields and reverse links of a type, of one record or of many.
    pub(super) fn fields_of(&self, table: usize, ty: Ty, of: &dyn Fn() -> Expr) -> Vec<Expr> {
        let mut found = Vec::new();
        if !ty.many {
            let fields = self.world.tables[table].fields.iter().enumerate();
            let fields = fields.filter(|(_, field)| field.base == ty.base);
            found.extend(fields.map(|(slot, _)| Expr::Field { of: Box::new(of()), table, slot }));
        } else if let Base::Rec(child) = ty.base {
            let links = self.world.links_to(table).into_iter().filter(|(from, _)| *from == child);
            found.extend(links.map(|(table, slot)| Expr::Reverse { of: Box::new(of()), table, slot }));
        }
        found
    }

    /// A field of a record that has to be found first.
    fn field(&mut self, ty: Ty, depth: usize) -> Expr {
        let table = self.table();
        let of = self.expr(one(Base::Rec(table)), depth - 1);
        if matches!(of, Expr::Context(_)) {
            return self.leaf(ty);
        }
        let mut found = self.fields_of(table, ty, &|| of.clone());
        if found.is_empty() {
            return self.scalar(ty.base, depth);
        }
        let at = self.draw.below(found.len());
        found.swap_remove(at)
    }

    /// Any value as a condition, mostly a boolean.
    pub(super) fn truth(&mut self, depth: usize) -> Expr {
        let ty = if self.draw.chance(25) { self.any_type() } else { one(Base::Bool) };
        self.expr(ty, depth.saturating_sub(1))
    }

    /// `select …`
    pub(super) fn select(&mut self, table: usize, depth: usize) -> Expr {
        if self.is_flat && (!self.contexts.is_empty() || self.loops > 0) {
            let n = Expr::Lit(Val::Num(1.0 + self.draw.below(6) as f64));
            return Expr::Array(vec![Expr::Record(table, Box::new(n))]);
        }
        let mut select =
            Select { table, condition: None, filter: None, order: None, range: None, limit: None };
        if depth > 0 {
            let context = one(Base::Rec(table));
            if self.draw.chance(80) {
                select.condition = Some(self.within(context, |this| this.condition(table, depth)));
            }
            if self.draw.chance(20) {
                select.filter = Some(self.within(context, |this| this.condition(table, depth)));
            }
            if self.draw.chance(30) {
                let base = self.base();
                let key = self.within(context, |this| this.expr(one(base), depth - 1));
                select.order = Some((key, self.draw.chance(40)));
            }
            if self.draw.chance(10) {
                select.range = Some((self.draw.below(3), self.draw.below(6)));
            }
            if self.draw.chance(10) {
                select.limit = Some(self.draw.below(4));
            }
        }
        Expr::Select(Box::new(select))
    }

    /// A condition on a record, such as the engine may test itself: a field beside a value.
    pub(super) fn condition(&mut self, table: usize, depth: usize) -> Expr {
        match self.draw.below(10) {
            8 => match self.of_link(table, depth) {
                Some((base, field)) => {
                    let value = self.constant(base);
                    self.comparison(base, field, value)
                }
                None => self.truth(depth),
            },
            9 => {
                let number = self.linked(depth.min(1));
                let value = self.constant(Base::Num);
                self.comparison(Base::Num, number, value)
            }
            0..=3 => {
                let slot = self.draw.below(self.world.tables[table].fields.len());
                let base = self.world.tables[table].fields[slot].base;
                let field = Expr::Field { of: Box::new(Expr::Context(0)), table, slot };
                if base == Base::Bool && self.draw.chance(30) {
                    return field;
                }
                let value =
                    if self.draw.chance(50) { self.constant(base) } else { self.comparand(base, depth) };
                self.comparison(base, field, value)
            }
            4 => {
                let (a, b) = (self.condition(table, depth), self.condition(table, depth));
                Expr::And(Box::new(a), Box::new(b))
            }
            5 => {
                let (a, b) = (self.condition(table, depth), self.condition(table, depth));
                Expr::Or(Box::new(a), Box::new(b))
            }
            6 => Expr::Not(Box::new(self.condition(table, depth))),
            _ => self.truth(depth),
        }
    }

    /// A field of the record that a link of this one leads to.
    fn of_link(&mut self, table: usize, depth: usize) -> Option<(Base, Expr)> {
        let links = self.world.tables[table].fields.iter().enumerate();
        let links = links.filter_map(|(slot, field)| match field.base {
            Base::Rec(target) => Some((slot, target)),
            _ => None,
        });
        let links: Vec<(usize, usize)> = links.collect();
        if links.is_empty() || depth == 0 {
            return None;
        }
        let (link, target) = self.draw.pick(&links);
        let of = Expr::Field { of: Box::new(Expr::Context(0)), table, slot: link };
        let slot = self.draw.below(self.world.tables[target].fields.len());
        let base = self.world.tables[target].fields[slot].base;
        Some((base, Expr::Field { of: Box::new(of), table: target, slot }))
    }

    /// A literal that a value of a type can be compared with.
    pub(super) fn constant(&mut self, base: Base) -> Expr {
        Expr::Lit(match base {
            Base::Choice | Base::Multi => match self.draw.below(2) {
                0 => Val::Num(self.draw.below(6) as f64),
                _ => Val::Text(self.draw.pick(&["Red", "Green", "red", "12", "", "BLUE"]).to_owned()),
            },
            Base::Rec(table) => Val::Rec(table, 1 + self.draw.below(6) as u64),
            Base::Text if self.draw.chance(20) => Val::Text(String::new()),
            base => values::value(self.draw, base),
        })
    }

    /// What a value of a type can be compared with, of the same type or another.
    pub(super) fn comparand(&mut self, base: Base, depth: usize) -> Expr {
        if self.draw.chance(10) {
            return Expr::Lit(Val::Null);
        }
        if self.draw.chance(40) {
            let other = match base {
                Base::Num => Base::Text,
                Base::Text => Base::Num,
                Base::Bool | Base::Time | Base::Span => Base::Num,
                Base::Date => Base::Moment,
                Base::Moment => Base::Date,
                Base::Choice | Base::Multi => [Base::Num, Base::Text][self.draw.below(2)],
                Base::Rec(_) => Base::Num,
            };
            if matches!(base, Base::Choice | Base::Multi) && other == Base::Text {
                return Expr::Lit(Val::Text(self.draw.pick(&OPTIONS).to_owned()));
            }
            return self.expr(one(other), depth.min(1));
        }
        self.expr(one(base), depth.saturating_sub(1))
    }

    pub(super) fn comparison(&mut self, base: Base, a: Expr, b: Expr) -> Expr {
        let operators: &[&'static str] = match base {
            Base::Multi => &["=", "!="],
            Base::Text | Base::Choice | Base::Num => &["=", "!=", "<", "<=", ">", ">=", "like"],
            _ => &["=", "!=", "<", "<=", ">", ">="],
        };
        let operator = self.draw.pick(operators);
        if operator != "like" && self.draw.chance(20) {
            return Expr::Compare(operator, Box::new(b), Box::new(a));
        }
        Expr::Compare(operator, Box::new(a), Box::new(b))
    }

    /// Many values.
    fn array(&mut self, base: Base, depth: usize) -> Expr {
        match self.draw.below(16) {
            0 | 1 | 9 => {
                if let Base::Rec(table) = base {
                    return self.select(table, depth);
                }
                self.of_many_records(base, depth)
            }
            2 | 10 => self.of_many_records(base, depth),
            3 => {
                let of = self.boxed(many(base), depth);
                let condition = self.within(one(base), |this| this.truth(depth));
                Expr::Filter(of, Box::new(as_condition(condition)))
            }
            4 => {
                let of = self.boxed(many(base), depth);
                let key_base = self.base();
                let key = self.within(one(base), |this| this.expr(one(key_base), depth - 1));
                Expr::Order(of, Box::new(key), self.draw.chance(40))
            }
            5 | 6 => {
                let from = self.base();
                let of = self.boxed(many(from), depth);
                let ty = Ty { base, many: self.draw.chance(20) };
                let body = self.within(one(from), |this| this.boxed(ty, depth));
                Expr::Map(of, body)
            }
            7 => {
                let from = self.base();
                let of = self.boxed(many(from), depth);
                let (n, body) = self.in_loop(one(from), |this| this.boxed(one(base), depth));
                Expr::For(n, of, body)
            }
            12 => {
                let step = self.draw.pick(&[1.0, 2.0, -1.0, 0.5, 0.0]);
                let (from, to) = (self.draw.below(6) as f64 - 2.0, self.draw.below(7) as f64 - 2.0);
                let (n, body) = self.in_loop(one(Base::Num), |this| this.boxed(one(base), depth));
                Expr::ForRange(n, [from, to, step], body)
            }
            13 if base == Base::Num => Expr::Call("numbers", vec![self.expr(one(Base::Multi), depth - 1)]),
            13 => {
                Expr::Call("array", vec![self.expr(many(base), depth - 1), self.expr(many(base), depth - 1)])
            }
            14 => {
                let of = self.expr(many(base), depth - 1);
                let bounds = [self.draw.below(3), self.draw.below(5)].map(|n| Expr::Lit(Val::Num(n as f64)));
                Expr::Call("slice", [of].into_iter().chain(bounds).collect())
            }
            _ => {
                let name = self.draw.pick(&["unique", "sort", "rsort", "reverse"]);
                Expr::Call(name, vec![self.expr(many(base), depth - 1)])
            }
        }
    }

    /// A field of many records, `(select T).F`.
    fn of_many_records(&mut self, base: Base, depth: usize) -> Expr {
        let table = self.table();
        let of = self.expr(many(Base::Rec(table)), depth - 1);
        let mut found = self.fields_of(table, one(base), &|| of.clone());
        found.extend(self.fields_of(table, many(base), &|| of.clone()));
        if found.is_empty() {
            return self.leaf(many(base));
        }
        let at = self.draw.below(found.len());
        found.swap_remove(at)
    }
}

/// A literal number in brackets is a place: as a condition it is written as a sum.
pub(super) fn as_condition(expr: Expr) -> Expr {
    match expr {
        Expr::Lit(Val::Num(_)) | Expr::Neg(..) => {
            let zero = Expr::Lit(Val::Num(0.0));
            Expr::Arith('+', Base::Num, Box::new(expr), Box::new(zero))
        }
        other => other,
    }
}
