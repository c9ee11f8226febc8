//! What a script comes to, found out as plainly as can be: every look-up is a walk, every rule of nx-language.md is
//! written out once more, and nothing is shared with what is tested.

use std::{cmp::Ordering, collections::BTreeMap};

use serde_json::{Number, Value as Json, json};

use super::{
    script::{Base, Expr, Select},
    text::{civil, clock, iso_date, iso_moment, span, text_of},
    world::{Data, OPTIONS, Val, World},
};

pub(super) const DAY: i64 = 86_400_000;

/// A walk through a script.
pub(super) struct Walk<'w> {
    pub(super) world: &'w World,
    pub(super) data: Data,
    contexts: Vec<Val>,
    variables: Vec<Val>,
    /// What was written cannot be.
    pub(super) has_failed: bool,
    /// Who links to whom, by table and slot, for as long as nobody writes.
    pub(super) links: BTreeMap<(usize, usize), BTreeMap<u64, Vec<Val>>>,
}

/// The script's value as JSON, and the records after it; nothing where it fails.
pub(super) fn answer(world: &World, data: &Data, script: &Expr) -> Option<(Json, Data)> {
    let data = data.clone();
    let (contexts, variables, links) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut walk = Walk { world, data, contexts, variables, has_failed: false, links };
    let value = walk.eval(script);
    (!walk.has_failed).then(|| (to_json(&value), walk.data))
}

impl Walk<'_> {
    pub(super) fn eval(&mut self, expr: &Expr) -> Val {
        match expr {
            Expr::Lit(value) => value.clone(),
            Expr::Context(steps) => self.contexts[self.contexts.len() - 1 - steps].clone(),
            Expr::Var(n) => self.variables.get(*n).cloned().unwrap_or(Val::Null),
            Expr::Field { of, table, slot } => self.field(of, *table, *slot),
            Expr::Reverse { of, table, slot } => {
                let of = self.eval(of);
                let found = items(&of).into_iter().flat_map(|record| self.reverse(&record, *table, *slot));
                Val::List(found.collect())
            }
            Expr::Arith(operator, result, a, b) => {
                let (a, b) = (self.eval(a), self.eval(b));
                arithmetic(*operator, *result, &a, &b)
            }
            Expr::Join(a, b) => Val::Text(self.shown(a) + &self.shown(b)),
            Expr::Template(pieces) => Val::Text(pieces.iter().map(|piece| self.shown(piece)).collect()),
            Expr::Neg(a) => Val::Num(0.0 - number(&self.eval(a)).unwrap_or(0.0)),
            Expr::Compare(operator, a, b) => {
                let (a, b) = (self.eval(a), self.eval(b));
                Val::Bool(compare(operator, &a, &b))
            }
            Expr::And(a, b) => Val::Bool(self.holds(a) && self.holds(b)),
            Expr::Or(a, b) => Val::Bool(self.holds(a) || self.holds(b)),
            Expr::Not(a) => Val::Bool(!self.holds(a)),
            Expr::If(condition, then, otherwise) => {
                if self.holds(condition) {
                    self.eval(then)
                } else {
                    self.eval(otherwise)
                }
            }
            Expr::Call("text", arguments) => Val::Text(self.shown(&arguments[0])),
            Expr::Call(name, arguments) => {
                let arguments: Vec<Val> = arguments.iter().map(|argument| self.eval(argument)).collect();
                super::functions::call(name, &arguments)
            }
            Expr::Array(list) => Val::List(list.iter().map(|item| self.eval(item)).collect()),
            Expr::Object(values) => Val::Object(values.iter().map(|value| self.eval(value)).collect()),
            Expr::Select(select) => self.select(select),
            Expr::Filter(of, condition) => {
                let of = items(&self.eval(of));
                Val::List(self.keep(of, condition))
            }
            Expr::Order(of, key, descending) => {
                let of = items(&self.eval(of));
                Val::List(self.sorted(of, key, *descending))
            }
            Expr::Map(of, body) => {
                let of = items(&self.eval(of));
                let found = of.into_iter().flat_map(|item| flat(self.within(item, body)));
                Val::List(found.collect())
            }
            Expr::Item(of, at) => items(&self.eval(of)).get(*at).cloned().unwrap_or(Val::Null),
            Expr::For(n, of, body) => {
                let of = items(&self.eval(of));
                let turns = of.into_iter().map(|item| {
                    self.set_variable(*n, item);
                    self.eval(body)
                });
                Val::List(turns.collect())
            }
            Expr::ForRange(n, [from, to, step], body) => {
                let mut turns = Vec::new();
                let mut at = *from;
                while if *step > 0.0 { at < *to } else { *step < 0.0 && at > *to } {
                    self.set_variable(*n, Val::Num(at));
                    turns.push(self.eval(body));
                    at += step;
                }
                Val::List(turns)
            }
            Expr::Let(n, value, body) => {
                let value = self.eval(value);
                self.set_variable(*n, value);
                self.eval(body)
            }
            Expr::Switch(subject, cases, default) => {
                let subject = self.eval(subject);
                for (labels, body) in cases {
                    if labels.iter().any(|label| equal(&subject, &self.eval(label))) {
                        return self.eval(body);
                    }
                }
                self.eval(default)
            }
            Expr::Own(at, arguments) => {
                let arguments = arguments.iter().map(|argument| self.eval(argument)).collect();
                let world = self.world;
                self.apart(Vec::new(), arguments, &world.functions[*at].body)
            }
            Expr::Record(table, n) => match number(&self.eval(n)) {
                Some(n) if n.fract() == 0.0 && (1.0..4_294_967_295.0).contains(&n) => {
                    Val::Rec(*table, n as u64)
                }
                _ => Val::Null,
            },
            Expr::Number(of) => match self.eval(of) {
                Val::Rec(table, n) if self.exists(table, n) => Val::Num(n as f64),
                _ => Val::Null,
            },
            statement => self.statement(statement),
        }
    }

    pub(super) fn set_variable(&mut self, n: usize, value: Val) {
        if self.variables.len() <= n {
            self.variables.resize(n + 1, Val::Null);
        }
        self.variables[n] = value;
    }

    pub(super) fn exists(&self, table: usize, number: u64) -> bool {
        self.data[table].records.contains_key(&number)
    }

    /// What sees nothing of the script: a formula its record, a function its arguments.
    fn apart(&mut self, contexts: Vec<Val>, variables: Vec<Val>, body: &Expr) -> Val {
        let contexts = std::mem::replace(&mut self.contexts, contexts);
        let variables = std::mem::replace(&mut self.variables, variables);
        let value = self.eval(body);
        (self.contexts, self.variables) = (contexts, variables);
        value
    }

    fn within(&mut self, context: Val, body: &Expr) -> Val {
        self.contexts.push(context);
        let value = self.eval(body);
        self.contexts.pop();
        value
    }

    fn holds(&mut self, condition: &Expr) -> bool {
        truth(&self.eval(condition))
    }

    fn keep(&mut self, of: Vec<Val>, condition: &Expr) -> Vec<Val> {
        of.into_iter().filter(|item| truth(&self.within(item.clone(), condition))).collect()
    }

    fn sorted(&mut self, of: Vec<Val>, key: &Expr, descending: bool) -> Vec<Val> {
        let mut keyed: Vec<(Val, Val)> =
            of.into_iter().map(|item| (self.within(item.clone(), key), item)).collect();
        keyed.sort_by(|(a, _), (b, _)| if descending { order(b, a) } else { order(a, b) });
        keyed.into_iter().map(|(_, item)| item).collect()
    }

    fn select(&mut self, select: &Select) -> Val {
        let numbers = self.data[select.table].records.keys();
        let mut found: Vec<Val> = numbers.map(|&number| Val::Rec(select.table, number)).collect();
        for condition in [&select.condition, &select.filter].into_iter().flatten() {
            found = self.keep(found, condition);
        }
        if let Some((key, descending)) = &select.order {
            found = self.sorted(found, key, *descending);
        }
        if let Some((from, to)) = select.range {
            found = found.into_iter().take(to).skip(from).collect();
        }
        if let Some(limit) = select.limit {
            found.truncate(limit);
        }
        Val::List(found)
    }

    /// A field of one or of many: of many, links to nothing are left out.
    fn field(&mut self, of: &Expr, table: usize, slot: usize) -> Val {
        match self.eval(of) {
            Val::List(list) => {
                let is_link = matches!(self.world.tables[table].fields[slot].base, Base::Rec(_));
                let values = list.iter().map(|record| self.field_of(record, slot));
                Val::List(values.filter(|value| !is_link || *value != Val::Null).collect())
            }
            record => self.field_of(&record, slot),
        }
    }

    fn field_of(&mut self, record: &Val, slot: usize) -> Val {
        let Val::Rec(table, number) = record else { return Val::Null };
        let Some(values) = self.data[*table].records.get(number) else { return Val::Null };
        let world = self.world;
        match &world.tables[*table].fields[slot].formula {
            Some(formula) => self.apart(vec![record.clone()], Vec::new(), formula),
            None => values[slot].clone(),
        }
    }

    pub(super) fn reverse(&mut self, record: &Val, table: usize, slot: usize) -> Vec<Val> {
        let Val::Rec(_, number) = record else { return Vec::new() };
        let records = &self.data[table].records;
        let links = self.links.entry((table, slot)).or_insert_with(|| {
            let mut links: BTreeMap<u64, Vec<Val>> = BTreeMap::new();
            for (&from, values) in records {
                if let Val::Rec(_, to) = values[slot] {
                    links.entry(to).or_default().push(Val::Rec(table, from));
                }
            }
            links
        });
        links.get(number).cloned().unwrap_or_default()
    }

    /// As it is written in a text: a yes/no field as Yes or No.
    fn shown(&mut self, expr: &Expr) -> String {
        let is_stored = match expr {
            Expr::Field { table, slot, .. } => self.world.tables[*table].fields[*slot].formula.is_none(),
            _ => false,
        };
        match self.eval(expr) {
            Val::Bool(b) if is_stored => if b { "Yes" } else { "No" }.to_owned(),
            value => text_of(&value),
        }
    }
}

/// The items of an array; of nothing none, of one thing that.
pub(super) fn items(value: &Val) -> Vec<Val> {
    match value {
        Val::Null => Vec::new(),
        Val::List(list) => list.clone(),
        one => vec![one.clone()],
    }
}

fn flat(value: Val) -> Vec<Val> {
    match value {
        Val::List(list) => list,
        one => vec![one],
    }
}

pub(super) fn is_empty(value: &Val) -> bool {
    *value == Val::Null || matches!(value, Val::Text(text) if text.is_empty())
}

/// §3.5
fn truth(value: &Val) -> bool {
    match value {
        Val::Null => false,
        Val::Bool(b) => *b,
        Val::Num(n) => *n != 0.0,
        Val::Text(text) => !text.is_empty(),
        Val::List(list) => !list.is_empty(),
        Val::Multi(options) => !options.is_empty(),
        _ => true,
    }
}

/// As a number, §4.1.
pub(super) fn number(value: &Val) -> Option<f64> {
    match value {
        Val::Num(n) => Some(*n),
        Val::Bool(b) => Some(f64::from(u8::from(*b))),
        Val::Text(text) => {
            let text = text.trim();
            let is_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
            text.parse().ok().filter(|n: &f64| is_number && n.is_finite())
        }
        Val::Date(days) => Some((days * DAY) as f64),
        Val::Moment(ms) | Val::Time(ms) | Val::Span(ms) => Some(*ms as f64),
        Val::Choice(option) => Some(f64::from(*option)),
        Val::Rec(_, n) => Some(*n as f64),
        _ => None,
    }
}

/// §3.4
pub(super) fn equal(a: &Val, b: &Val) -> bool {
    if is_empty(a) || is_empty(b) {
        return is_empty(a) && is_empty(b);
    }
    match (a, b) {
        (Val::Text(a), Val::Text(b)) => a == b,
        (Val::Choice(option), Val::Text(text)) | (Val::Text(text), Val::Choice(option)) => {
            OPTIONS[usize::from(*option) - 1] == text
        }
        (Val::Multi(a), Val::Multi(b)) => a == b,
        (Val::Multi(options), other) | (other, Val::Multi(options)) => match options[..] {
            [option] => equal(&Val::Choice(option as u16), other),
            _ => false,
        },
        (Val::Rec(table, n), Val::Text(text)) | (Val::Text(text), Val::Rec(table, n)) => {
            text_of(&Val::Rec(*table, *n)) == *text
        }
        (Val::Rec(table, n), Val::Rec(other, m)) => (table, n) == (other, m),
        (Val::List(a), Val::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        _ => matches!((number(a), number(b)), (Some(a), Some(b)) if a == b),
    }
}

fn compare(operator: &str, a: &Val, b: &Val) -> bool {
    let both_empty = is_empty(a) && is_empty(b);
    let ordering = || match (a, b) {
        _ if is_empty(a) || is_empty(b) => None,
        (Val::Text(a), Val::Text(b)) => Some(utf16(a, b)),
        _ => number(a)?.partial_cmp(&number(b)?),
    };
    match operator {
        "=" => equal(a, b),
        "!=" => !equal(a, b),
        "<" => ordering() == Some(Ordering::Less),
        ">" => ordering() == Some(Ordering::Greater),
        "<=" => both_empty || matches!(ordering(), Some(Ordering::Less | Ordering::Equal)),
        ">=" => both_empty || matches!(ordering(), Some(Ordering::Greater | Ordering::Equal)),
        _ => text_of(a).to_lowercase().contains(&text_of(b).to_lowercase()),
    }
}

fn utf16(a: &str, b: &str) -> Ordering {
    a.encode_utf16().collect::<Vec<_>>().cmp(&b.encode_utf16().collect())
}

/// The order of `order by` and `sort`: what is empty first.
pub(super) fn order(a: &Val, b: &Val) -> Ordering {
    match (is_empty(a), is_empty(b)) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Less,
        (false, true) => return Ordering::Greater,
        (false, false) => {}
    }
    match (a, b) {
        (Val::Text(a), Val::Text(b)) => utf16(a, b),
        (Val::Multi(a), Val::Multi(b)) => a.cmp(b),
        _ => number(a).partial_cmp(&number(b)).unwrap_or(Ordering::Equal),
    }
}

/// §3.6. What is empty counts as 0 beside a number; two empty ones make an empty one.
fn arithmetic(operator: char, result: Base, a: &Val, b: &Val) -> Val {
    if *a == Val::Null && *b == Val::Null {
        return Val::Null;
    }
    let (x, y) = (number(a).unwrap_or(0.0), number(b).unwrap_or(0.0));
    match result {
        Base::Num => match (a, b) {
            (Val::Date(a), Val::Date(b)) => Val::Num((a - b) as f64),
            (Val::Date(_), _) | (_, Val::Date(_)) => Val::Null,
            _ => finite(plain(operator, x, y)),
        },
        Base::Date => match a {
            Val::Date(days) => Val::Date(days + (if operator == '-' { -y } else { y }).floor() as i64),
            _ => Val::Null,
        },
        Base::Moment => match a {
            Val::Moment(ms) => Val::Moment(plain(operator, *ms as f64, y) as i64),
            _ => Val::Null,
        },
        _ => match (a, b) {
            // Between two instants; with one alone there is no interval.
            (Val::Moment(a), Val::Moment(b)) => Val::Span(a - b),
            (Val::Moment(_), _) | (_, Val::Moment(_)) => Val::Null,
            _ => Val::Span(plain(operator, x, y).round() as i64),
        },
    }
}

fn plain(operator: char, x: f64, y: f64) -> f64 {
    match operator {
        '+' => x + y,
        '-' => x - y,
        '*' => x * y,
        '/' => x / y,
        _ => x % y,
    }
}

pub(super) fn finite(n: f64) -> Val {
    if n.is_finite() { Val::Num(n) } else { Val::Null }
}

/// §7
fn to_json(value: &Val) -> Json {
    match value {
        Val::Null => Json::Null,
        Val::Bool(b) => json!(b),
        Val::Num(n) => Number::from_f64(*n).map_or(Json::Null, Json::Number),
        Val::Text(text) => json!(text),
        Val::Date(days) => iso_date(civil(*days)).into(),
        Val::Moment(ms) => iso_moment(*ms).into(),
        Val::Time(ms) => clock(*ms).into(),
        Val::Span(ms) => span(*ms).into(),
        Val::Choice(option) => json!(option),
        Val::Multi(options) => json!(options),
        Val::Rec(..) => text_of(value).into(),
        Val::List(list) => list.iter().map(to_json).collect(),
        Val::Object(values) => {
            let pairs = values.iter().enumerate().map(|(at, value)| (format!("k{at}"), to_json(value)));
            Json::Object(pairs.collect())
        }
    }
}
