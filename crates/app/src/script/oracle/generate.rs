//! Makes scripts that are right by their types out of choices.

use super::{
    draw::Draw,
    script::{Base, Expr, Select, Ty, many, one},
    world::{Field, OPTIONS, Val, World},
};

/// Halves and quarters, so that sums are exact in whatever order they are added up.
const NUMBERS: &[f64] = &[0.0, 1.0, 2.0, -1.0, 0.5, 3.0, 10.0, -0.25, 100.0, -8.0, 7.0, 12.0];
pub(super) const TEXTS: &[&str] =
    &["", "a", "B", "Ärger", "ab", "12", "7.5", "A1", "x y", "ﬁx", "😀", "Red", "ä", "STRASSE", " b "];

/// A value that is no text and no record.
pub(super) fn value(draw: &mut Draw<'_>, base: Base) -> Val {
    const HOUR: i64 = 3_600_000;
    let n = draw.below(16) as i64;
    match base {
        Base::Num => Val::Num(draw.pick(NUMBERS)),
        Base::Text => Val::Text(draw.pick(TEXTS).to_owned()),
        Base::Bool => Val::Bool(n % 2 == 1),
        Base::Date => Val::Date(19_782 + n - 8),
        Base::Moment => Val::Moment((19_782 + n / 4) * 24 * HOUR + n % 4 * 6 * HOUR),
        Base::Time => Val::Time(n * HOUR + n % 2 * HOUR / 2),
        Base::Span => Val::Span((n - 4) * HOUR / 2),
        Base::Choice => Val::Choice(1 + (n % 4) as u16),
        Base::Multi => Val::Multi((1..=4).filter(|option| n >> (option - 1) & 1 == 1).collect()),
        Base::Rec(_) => Val::Null,
    }
}

/// A computed field of a table; it uses the stored fields of its record.
pub(super) fn formula(world: &World, draw: &mut Draw<'_>, table: usize) -> Field {
    let base = draw.pick(&[Base::Num, Base::Text, Base::Bool]);
    let contexts = vec![one(Base::Rec(table))];
    let mut generator = Generator { world, draw, contexts, variables: Vec::new(), is_flat: true, loops: 0 };
    let formula = match generator.expr(one(base), 2) {
        // In a schema, "0" stands for no formula.
        Expr::Lit(Val::Num(0.0)) => Expr::Lit(Val::Num(1.0)),
        formula => formula,
    };
    Field { base, formula: Some(formula) }
}

/// A script: something about selected records, or anything at all. A flat one does not select within conditions and
/// blocks, which over many records would take its time.
pub(super) fn script(world: &World, draw: &mut Draw<'_>, is_flat: bool) -> Expr {
    let mut generator =
        Generator { world, draw, contexts: Vec::new(), variables: Vec::new(), is_flat, loops: 0 };
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

struct Generator<'g, 'b> {
    world: &'g World,
    draw: &'g mut Draw<'b>,
    /// What `this` is, the innermost last.
    contexts: Vec<Ty>,
    variables: Vec<Ty>,
    is_flat: bool,
    /// Loops around.
    loops: usize,
}

impl Generator<'_, '_> {
    fn table(&mut self) -> usize {
        self.draw.below(self.world.tables.len())
    }

    fn base(&mut self) -> Base {
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

    fn any_type(&mut self) -> Ty {
        Ty { base: self.base(), many: self.draw.chance(40) }
    }

    fn boxed(&mut self, ty: Ty, depth: usize) -> Box<Expr> {
        Box::new(self.expr(ty, depth.saturating_sub(1)))
    }

    fn within<T>(&mut self, context: Ty, work: impl FnOnce(&mut Self) -> T) -> T {
        self.contexts.push(context);
        let done = work(self);
        self.contexts.pop();
        done
    }

    /// An expression of a type.
    fn expr(&mut self, ty: Ty, depth: usize) -> Expr {
        if depth == 0 || self.draw.is_done() {
            return self.leaf(ty);
        }
        match self.draw.below(12) {
            0 => self.leaf(ty),
            1 => {
                let condition = self.truth(depth);
                Expr::If(Box::new(condition), self.boxed(ty, depth), self.boxed(ty, depth))
            }
            2 => {
                let of = self.any_type();
                let value = self.boxed(of, depth);
                self.variables.push(of);
                let n = self.variables.len() - 1;
                let body = self.boxed(ty, depth);
                self.variables[n] = Ty { base: Base::Rec(usize::MAX), many: false };
                Expr::Let(n, value, body)
            }
            _ if ty.many => self.array(ty.base, depth),
            3 | 4 => self.of_array(ty, depth),
            5 => self.field(ty, depth),
            _ => self.scalar(ty.base, depth),
        }
    }

    /// What needs nothing else: a variable, a field of the record at hand, a literal.
    fn leaf(&mut self, ty: Ty) -> Expr {
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
            base => Expr::Lit(value(self.draw, base)),
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
    fn fields_of(&self, table: usize, ty: Ty, of: &dyn Fn() -> Expr) -> Vec<Expr> {
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
    fn truth(&mut self, depth: usize) -> Expr {
        let ty = if self.draw.chance(25) { self.any_type() } else { one(Base::Bool) };
        self.expr(ty, depth.saturating_sub(1))
    }

    /// `select …`
    fn select(&mut self, table: usize, depth: usize) -> Expr {
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
    fn condition(&mut self, table: usize, depth: usize) -> Expr {
        match self.draw.below(8) {
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

    /// A literal that a value of a type can be compared with.
    fn constant(&mut self, base: Base) -> Expr {
        Expr::Lit(match base {
            Base::Choice | Base::Multi => match self.draw.below(2) {
                0 => Val::Num(self.draw.below(6) as f64),
                _ => Val::Text(self.draw.pick(&["Red", "Green", "red", "12", "", "BLUE"]).to_owned()),
            },
            Base::Rec(table) => Val::Rec(table, 1 + self.draw.below(6) as u64),
            Base::Text if self.draw.chance(20) => Val::Text(String::new()),
            base => value(self.draw, base),
        })
    }

    /// What a value of a type can be compared with, of the same type or another.
    fn comparand(&mut self, base: Base, depth: usize) -> Expr {
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

    fn comparison(&mut self, base: Base, a: Expr, b: Expr) -> Expr {
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
        match self.draw.below(12) {
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
                self.variables.push(one(from));
                let n = self.variables.len() - 1;
                self.loops += 1;
                let body = self.boxed(one(base), depth);
                self.loops -= 1;
                self.variables[n] = Ty { base: Base::Rec(usize::MAX), many: false };
                Expr::For(n, of, body)
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

    /// One value out of many.
    fn of_array(&mut self, ty: Ty, depth: usize) -> Expr {
        let of = self.expr(many(ty.base), depth - 1);
        match ty.base {
            Base::Num => {
                let name = self.draw.pick(&["sum", "avg", "min", "max", "cnt", "length", "first", "last"]);
                match name {
                    "cnt" | "length" => {
                        let of_type = self.any_type();
                        Expr::Call(name, vec![self.expr(many(of_type.base), depth - 1)])
                    }
                    _ => Expr::Call(name, vec![of]),
                }
            }
            Base::Text => match self.draw.below(6) {
                0 => Expr::Call("join", vec![of, Expr::Lit(Val::Text("; ".into()))]),
                1 => Expr::Call("concat", vec![of]),
                2 => Expr::Item(Box::new(of), self.draw.below(3)),
                n => Expr::Call(["min", "max", "first"][n - 3], vec![of]),
            },
            Base::Bool => {
                let base = self.base();
                let of = self.expr(many(base), depth - 1);
                Expr::Call("contains", vec![of, self.expr(one(base), depth - 1)])
            }
            Base::Date | Base::Moment => match self.draw.below(4) {
                0 => Expr::Item(Box::new(of), self.draw.below(3)),
                n => Expr::Call(["min", "max", "last"][n - 1], vec![of]),
            },
            _ => match self.draw.below(3) {
                0 => Expr::Item(Box::new(of), self.draw.below(3)),
                n => Expr::Call(["first", "last"][n - 1], vec![of]),
            },
        }
    }

    fn scalar(&mut self, base: Base, depth: usize) -> Expr {
        match base {
            Base::Num => self.number(depth),
            Base::Text => self.text(depth),
            Base::Bool => self.boolean(depth),
            Base::Date => match self.draw.below(3) {
                0 => Expr::Call("date", vec![self.expr(one(Base::Moment), depth - 1)]),
                n => {
                    let days = Box::new(self.leaf(one(Base::Num)));
                    Expr::Arith(['+', '-'][n - 1], base, self.boxed(one(base), depth), days)
                }
            },
            Base::Moment => {
                let operator = ['+', '-'][self.draw.below(2)];
                Expr::Arith(operator, base, self.boxed(one(base), depth), self.boxed(one(Base::Span), depth))
            }
            Base::Time => Expr::Call("time", vec![self.expr(one(Base::Moment), depth - 1)]),
            Base::Span => match self.draw.below(4) {
                0 => self.arith('-', base, Base::Moment, Base::Moment, depth),
                1 => self.arith('+', base, base, base, depth),
                2 => self.arith('-', base, base, base, depth),
                _ => {
                    let factor = Box::new(self.leaf(one(Base::Num)));
                    Expr::Arith('*', base, self.boxed(one(base), depth), factor)
                }
            },
            Base::Choice | Base::Multi => self.of_array(one(base), depth),
            Base::Rec(table) => match self.draw.below(3) {
                0 => {
                    let number = self.expr(one(Base::Num), depth - 1);
                    Expr::Record(table, Box::new(number))
                }
                _ => self.of_array(one(base), depth),
            },
        }
    }

    fn arith(&mut self, operator: char, result: Base, a: Base, b: Base, depth: usize) -> Expr {
        Expr::Arith(operator, result, self.boxed(one(a), depth), self.boxed(one(b), depth))
    }

    fn number(&mut self, depth: usize) -> Expr {
        match self.draw.below(10) {
            0..=3 => {
                let operator = self.draw.pick(&['+', '-', '*', '/', '%']);
                self.arith(operator, Base::Num, Base::Num, Base::Num, depth)
            }
            4 => Expr::Neg(self.boxed(one(Base::Num), depth)),
            5 => self.arith('-', Base::Num, Base::Date, Base::Date, depth),
            6 => {
                let name = self.draw.pick(&["abs", "floor", "ceil", "sign", "round"]);
                Expr::Call(name, vec![self.expr(one(Base::Num), depth - 1)])
            }
            7 => {
                let name = self.draw.pick(&["year", "month", "day"]);
                Expr::Call(name, vec![self.expr(one(Base::Date), depth - 1)])
            }
            8 => {
                let base = self.draw.pick(&[Base::Text, Base::Bool, Base::Choice]);
                Expr::Call("number", vec![self.expr(one(base), depth - 1)])
            }
            _ => {
                let table = self.table();
                let of = self.expr(one(Base::Rec(table)), depth - 1);
                Expr::Number(Box::new(of))
            }
        }
    }

    fn text(&mut self, depth: usize) -> Expr {
        match self.draw.below(8) {
            0..=2 => {
                let other = self.draw.pick(&[
                    Base::Num,
                    Base::Text,
                    Base::Bool,
                    Base::Date,
                    Base::Moment,
                    Base::Choice,
                    Base::Multi,
                ]);
                let (a, b) = (self.boxed(one(Base::Text), depth), self.boxed(one(other), depth));
                if self.draw.chance(50) { Expr::Join(a, b) } else { Expr::Join(b, a) }
            }
            3 => {
                let pieces = (0..2).map(|_| {
                    let base = self.draw.pick(&[Base::Text, Base::Num, Base::Bool, Base::Choice]);
                    self.expr(one(base), depth - 1)
                });
                Expr::Template(pieces.collect())
            }
            4 => {
                let name = self.draw.pick(&["upper", "lower", "trim"]);
                Expr::Call(name, vec![self.expr(one(Base::Text), depth - 1)])
            }
            5 | 6 => {
                let base = self.draw.pick(&[Base::Num, Base::Bool, Base::Choice, Base::Multi, Base::Date]);
                Expr::Call("text", vec![self.expr(one(base), depth - 1)])
            }
            _ => {
                let (from, length) = (self.draw.below(3) as f64, self.draw.below(4) as f64);
                let text = self.expr(one(Base::Text), depth - 1);
                Expr::Call("substr", vec![text, Expr::Lit(Val::Num(from)), Expr::Lit(Val::Num(length))])
            }
        }
    }

    fn boolean(&mut self, depth: usize) -> Expr {
        match self.draw.below(8) {
            0..=3 => {
                let base = self.base();
                let a = self.expr(one(base), depth - 1);
                let b = self.comparand(base, depth);
                self.comparison(base, a, b)
            }
            4 => Expr::And(Box::new(self.truth(depth)), Box::new(self.truth(depth))),
            5 => Expr::Or(Box::new(self.truth(depth)), Box::new(self.truth(depth))),
            6 => Expr::Not(Box::new(self.truth(depth))),
            _ => {
                let caption = Expr::Lit(Val::Text(self.draw.pick(&OPTIONS).to_owned()));
                Expr::Call("chosen", vec![self.expr(one(Base::Multi), depth - 1), caption])
            }
        }
    }
}

/// A literal number in brackets is a place: as a condition it is written as a sum.
fn as_condition(expr: Expr) -> Expr {
    match expr {
        Expr::Lit(Val::Num(_)) | Expr::Neg(..) => {
            let zero = Expr::Lit(Val::Num(0.0));
            Expr::Arith('+', Base::Num, Box::new(expr), Box::new(zero))
        }
        other => other,
    }
}
