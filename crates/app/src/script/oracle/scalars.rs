//! Makes expressions of one value: numbers, texts, yes and no, times, and what comes out of many.

use super::{
    generate::{Generator, as_condition},
    script::{Base, Expr, Ty, many, one},
    world::{OPTIONS, Val},
};

impl Generator<'_, '_> {
    /// One value out of many.
    pub(super) fn of_array(&mut self, ty: Ty, depth: usize) -> Expr {
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
            Base::Bool if self.draw.chance(20) => {
                let text = self.expr(one(Base::Text), depth - 1);
                Expr::Call("contains text", vec![text, self.leaf(one(Base::Text))])
            }
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

    pub(super) fn scalar(&mut self, base: Base, depth: usize) -> Expr {
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
            Base::Rec(table) => match self.draw.below(4) {
                0 => {
                    let number = self.expr(one(Base::Num), depth - 1);
                    Expr::Record(table, Box::new(number))
                }
                1 => {
                    let of = self.select(table, depth - 1);
                    let key_base = self.base();
                    let key = self.within(one(base), |this| this.boxed(one(key_base), depth));
                    let ordered = Expr::Order(Box::new(of), key, self.draw.chance(40));
                    Expr::Call(self.draw.pick(&["first", "last"]), vec![ordered])
                }
                _ => self.of_array(one(base), depth),
            },
        }
    }

    fn arith(&mut self, operator: char, result: Base, a: Base, b: Base, depth: usize) -> Expr {
        Expr::Arith(operator, result, self.boxed(one(a), depth), self.boxed(one(b), depth))
    }

    fn number(&mut self, depth: usize) -> Expr {
        match self.draw.below(14) {
            10 | 11 => self.linked(depth),
            12 => Expr::Call("length", vec![self.expr(one(Base::Text), depth - 1)]),
            13 => {
                let base = self.base();
                let of = self.expr(many(base), depth - 1);
                Expr::Call("index", vec![of, self.expr(one(base), depth - 1)])
            }
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
                let name = self.draw.pick(&["year", "month", "day", "weekday", "quarter"]);
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

    /// A number from the many side of a relation: `sum(R1_2.F0)`, `cnt(R1_2[…])`.
    pub(super) fn linked(&mut self, depth: usize) -> Expr {
        let target = self.table();
        let links = self.world.links_to(target);
        if links.is_empty() {
            return self.leaf(one(Base::Num));
        }
        let (table, slot) = self.draw.pick(&links);
        let of = self.leaf(one(Base::Rec(target)));
        let mut of = Expr::Reverse { of: Box::new(of), table, slot };
        if self.draw.chance(30) {
            let condition = self.within(one(Base::Rec(table)), |this| this.condition(table, depth.min(1)));
            of = Expr::Filter(Box::new(of), Box::new(as_condition(condition)));
        }
        let found = self.fields_of(table, one(Base::Num), &|| of.clone());
        if found.is_empty() || self.draw.chance(25) {
            return Expr::Call(self.draw.pick(&["cnt", "length"]), vec![of]);
        }
        let field = found[self.draw.below(found.len())].clone();
        Expr::Call(self.draw.pick(&["sum", "avg", "min", "max", "cnt", "first", "last"]), vec![field])
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
            4 if self.draw.chance(25) => {
                let text = self.expr(one(Base::Text), depth - 1);
                Expr::Call("replace", vec![text, self.leaf(one(Base::Text)), self.leaf(one(Base::Text))])
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
