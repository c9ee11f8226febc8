//! Makes scripts that write.

use super::{
    draw::Draw,
    generate::Generator,
    script::{Base, Expr, Ty, many, one},
    world::{Val, World},
};

/// A script that writes, and comes to something.
pub(super) fn program(world: &World, draw: &mut Draw<'_>, is_flat: bool) -> Expr {
    let mut generator = Generator::new(world, draw, is_flat);
    let ty = generator.any_type();
    let count = 1 + generator.draw.below(5);
    generator.sequence(ty, count, 2)
}

impl Generator<'_, '_> {
    /// Statements one after the other, then a value of a type.
    fn sequence(&mut self, ty: Ty, count: usize, depth: usize) -> Expr {
        let mut statements = Vec::new();
        for left in (0..count).rev() {
            if self.draw.is_done() {
                break;
            }
            if self.draw.below(5) != 1 {
                statements.push(self.statement(depth));
                continue;
            }
            // A new record with a name, for all that comes behind it.
            let table = self.table();
            let (n, rest) = self.with_variable(one(Base::Rec(table)), |this, n| {
                let count = this.draw.below(3);
                let mut begins: Vec<Expr> =
                    (0..count).map(|_| this.set_field(Expr::Var(n), table, depth)).collect();
                begins.push(this.sequence(ty, left, depth));
                Expr::Seq(begins)
            });
            statements.push(Expr::Let(n, Box::new(Expr::Create(table)), Box::new(rest)));
            return Expr::Seq(statements);
        }
        statements.push(self.expr(ty, depth));
        Expr::Seq(statements)
    }

    fn body(&mut self, depth: usize) -> Expr {
        let ty = Ty { base: self.base(), many: false };
        let count = 1 + self.draw.below(2);
        self.sequence(ty, count, depth - 1)
    }

    fn statement(&mut self, depth: usize) -> Expr {
        let table = self.table();
        match self.draw.below(if depth == 0 { 4 } else { 11 }) {
            0 => {
                let of = self.leaf(one(Base::Rec(table)));
                self.set_field(of, table, depth)
            }
            1 => Expr::Create(table),
            2 => match self.variable() {
                Some((n, ty)) => Expr::SetVar(n, Box::new(self.expr(ty, depth))),
                None => Expr::Create(table),
            },
            3 => Expr::Delete(Box::new(self.leaf(one(Base::Rec(table))))),
            4 => {
                let of = self.expr(many(Base::Rec(table)), depth);
                self.set_field(of, table, depth)
            }
            5 | 6 => {
                let of = self.boxed(many(Base::Rec(table)), depth + 1);
                let body = self.within(one(Base::Rec(table)), |this| {
                    let first = this.set_field(Expr::Context(0), table, depth);
                    let value = this.expr(one(Base::Num), depth - 1);
                    Expr::Seq(vec![first, value])
                });
                Expr::Map(of, Box::new(body))
            }
            7 => {
                let of = self.boxed(many(Base::Rec(table)), depth + 1);
                let (n, body) = self.in_loop(one(Base::Rec(table)), |this| this.body(depth));
                Expr::For(n, of, Box::new(body))
            }
            8 => {
                let to = self.draw.below(4) as f64;
                let (n, body) = self.in_loop(one(Base::Num), |this| this.body(depth));
                Expr::ForRange(n, [0.0, to, 1.0], Box::new(body))
            }
            9 => {
                let condition = self.truth(depth);
                let ty = one(Base::Num);
                let (then, otherwise) = (self.sequence(ty, 1, depth - 1), self.sequence(ty, 1, depth - 1));
                Expr::If(Box::new(condition), Box::new(then), Box::new(otherwise))
            }
            _ => self.delete_or_copy(table, depth),
        }
    }

    fn delete_or_copy(&mut self, table: usize, depth: usize) -> Expr {
        let has_parts = self
            .world
            .links_to(table)
            .iter()
            .any(|&(from, slot)| self.world.tables[from].fields[slot].is_part);
        if has_parts || self.draw.chance(50) {
            Expr::Delete(Box::new(self.expr(many(Base::Rec(table)), depth)))
        } else {
            Expr::Duplicate(Box::new(self.leaf(one(Base::Rec(table)))))
        }
    }

    /// `of.F := …`, mostly with a value of the field's type.
    fn set_field(&mut self, of: Expr, table: usize, depth: usize) -> Expr {
        let stored: Vec<(usize, Base)> =
            self.world.stored(table).map(|(slot, field)| (slot, field.base)).collect();
        let (slot, base) = self.draw.pick(&stored);
        let value = if self.draw.chance(20) { self.other(base) } else { self.expr(one(base), depth) };
        Expr::SetField(Box::new(Expr::Field { of: Box::new(of), table, slot }), Box::new(value))
    }

    /// What a field takes though it is of another type, or nothing.
    fn other(&mut self, base: Base) -> Expr {
        let option = |this: &mut Self| Expr::Lit(Val::Num(1.0 + this.draw.below(4) as f64));
        match (base, self.draw.below(3)) {
            (_, 0) => Expr::Lit(Val::Null),
            (Base::Choice | Base::Multi, 1) => option(self),
            (Base::Choice, _) => Expr::Lit(Val::Text(self.draw.pick(&["Red", "12"]).to_owned())),
            (Base::Multi, _) => Expr::Array(vec![option(self), option(self)]),
            (Base::Num, _) => Expr::Lit(Val::Text(self.draw.pick(&["12", "-7.5", "x"]).to_owned())),
            (Base::Text | Base::Bool | Base::Span, _) => self.leaf(one(Base::Num)),
            (Base::Date | Base::Time, _) => self.leaf(one(Base::Moment)),
            (Base::Moment, _) => self.leaf(one(Base::Date)),
            // Perhaps a record that is not there.
            (Base::Rec(_), _) => Expr::Lit(Val::Num(self.draw.below(12) as f64)),
        }
    }
}
