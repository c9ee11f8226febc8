//! Scripts of the oracle: a small typed tree, and how it is written as NX.

use std::fmt::Write;

use super::world::{Val, caption};

/// What one value is. All choices share their options, so that they need no field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Num,
    Text,
    Bool,
    Date,
    Moment,
    Time,
    Span,
    Choice,
    Multi,
    /// A record of a table.
    Rec(usize),
}

/// What an expression is: one value or many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ty {
    pub(super) base: Base,
    pub(super) many: bool,
}

pub(super) fn one(base: Base) -> Ty {
    Ty { base, many: false }
}

pub(super) fn many(base: Base) -> Ty {
    Ty { base, many: true }
}

/// An expression. What it is is known when it is made, so that the oracle need not find it out.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    Lit(Val),
    /// `this` of the context so many steps out; only the innermost can be written.
    Context(usize),
    Var(usize),
    /// A field of a record or of many. `of` a context that is not written: `'F1'`.
    Field {
        of: Box<Expr>,
        table: usize,
        slot: usize,
    },
    /// The records of `table` whose link `slot` leads here.
    Reverse {
        of: Box<Expr>,
        table: usize,
        slot: usize,
    },
    /// `+ - * / %`; the base is that of the result.
    Arith(char, Base, Box<Expr>, Box<Expr>),
    Join(Box<Expr>, Box<Expr>),
    Template(Vec<Expr>),
    Neg(Box<Expr>),
    Compare(&'static str, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Call(&'static str, Vec<Expr>),
    Array(Vec<Expr>),
    Object(Vec<Expr>),
    Select(Box<Select>),
    Filter(Box<Expr>, Box<Expr>),
    Order(Box<Expr>, Box<Expr>, bool),
    Map(Box<Expr>, Box<Expr>),
    Item(Box<Expr>, usize),
    For(usize, Box<Expr>, Box<Expr>),
    /// From, to and step are written as they are.
    ForRange(usize, [f64; 3], Box<Expr>),
    Let(usize, Box<Expr>, Box<Expr>),
    Switch(Box<Expr>, Vec<(Vec<Expr>, Expr)>, Box<Expr>),
    /// A call of a function of the global code.
    Own(usize, Vec<Expr>),
    Record(usize, Box<Expr>),
    Number(Box<Expr>),
    /// One after the other; the value is that of the last.
    Seq(Vec<Expr>),
    SetVar(usize, Box<Expr>),
    /// The first is an [`Expr::Field`].
    SetField(Box<Expr>, Box<Expr>),
    Create(usize),
    Delete(Box<Expr>),
    Duplicate(Box<Expr>),
}

/// A function of the global code; its parameters are its first variables.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) parameters: Vec<Ty>,
    pub(super) result: Ty,
    pub(super) body: Expr,
}

#[derive(Clone, Debug)]
pub(super) struct Select {
    pub(super) table: usize,
    pub(super) condition: Option<Expr>,
    pub(super) filter: Option<Expr>,
    pub(super) order: Option<(Expr, bool)>,
    pub(super) range: Option<(usize, usize)>,
    pub(super) limit: Option<usize>,
}

/// The expression as a script. Operands stand in parentheses: what binds how is tested elsewhere.
pub(super) fn write(expr: &Expr) -> String {
    let mut out = String::new();
    put(expr, &mut out);
    out
}

fn put(expr: &Expr, out: &mut String) {
    match expr {
        Expr::Lit(value) => literal(value, out),
        Expr::Context(_) => out.push_str("this"),
        Expr::Var(n) => _ = write!(out, "v{n}"),
        Expr::Field { of, table: _, slot } => match &**of {
            Expr::Context(_) => out.push_str(&caption(*slot)),
            of => _ = write!(out, "({}).{}", write(of), caption(*slot)),
        },
        Expr::Reverse { of, table, slot } => match &**of {
            Expr::Context(_) => _ = write!(out, "R{table}_{slot}"),
            of => _ = write!(out, "({}).R{table}_{slot}", write(of)),
        },
        Expr::Arith(operator, _, a, b) => binary(a, &operator.to_string(), b, out),
        Expr::Join(a, b) => binary(a, "+", b, out),
        Expr::Template(pieces) => {
            out.push_str("---");
            for piece in pieces {
                match piece {
                    Expr::Lit(Val::Text(text)) => out.push_str(text),
                    other => _ = write!(out, "{{{}}}", write(other)),
                }
            }
            out.push_str("---");
        }
        Expr::Neg(a) => _ = write!(out, "-({})", write(a)),
        Expr::Compare(operator, a, b) => binary(a, operator, b, out),
        Expr::And(a, b) => binary(a, "and", b, out),
        Expr::Or(a, b) => binary(a, "or", b, out),
        Expr::Not(a) => _ = write!(out, "not ({})", write(a)),
        Expr::If(a, b, c) => _ = write!(out, "if {} then {} else {} end", write(a), write(b), write(c)),
        Expr::Call(name, arguments) => {
            let arguments: Vec<String> = arguments.iter().map(write).collect();
            // What stands behind the name tells the oracle which of its forms it is.
            let name = name.split(' ').next().unwrap_or(name);
            let _ = write!(out, "{name}({})", arguments.join(", "));
        }
        Expr::Array(items) => {
            let items: Vec<String> = items.iter().map(write).collect();
            let _ = write!(out, "[{}]", items.join(", "));
        }
        Expr::Object(values) => {
            let pairs = values.iter().enumerate().map(|(at, value)| format!("k{at}: {}", write(value)));
            let _ = write!(out, "{{{}}}", pairs.collect::<Vec<_>>().join(", "));
        }
        Expr::Select(select) => put_select(select, out),
        Expr::Filter(of, condition) => _ = write!(out, "({})[{}]", write(of), write(condition)),
        Expr::Order(of, key, descending) => {
            let desc = if *descending { " desc" } else { "" };
            let _ = write!(out, "(({}) order by ({}){desc})", write(of), write(key));
        }
        Expr::Map(of, body) => _ = write!(out, "({}).({})", write(of), write(body)),
        Expr::Item(of, at) => _ = write!(out, "({})[{at}]", write(of)),
        Expr::For(n, of, body) => _ = write!(out, "for v{n} in {} do {} end", write(of), write(body)),
        Expr::Let(n, value, body) => _ = write!(out, "(let v{n} := {}; {})", write(value), write(body)),
        Expr::Record(table, number) => _ = write!(out, "record(T{table}, {})", write(number)),
        Expr::Number(of) => _ = write!(out, "({}).Nr", write(of)),
        other => put_statement(other, out),
    }
}

fn put_statement(expr: &Expr, out: &mut String) {
    match expr {
        Expr::ForRange(n, [from, to, step], body) => {
            let _ = write!(out, "for v{n} from {from} to {to} step {step} do {} end", write(body));
        }
        Expr::Switch(subject, cases, default) => {
            let _ = write!(out, "switch {} do", write(subject));
            for (labels, body) in cases {
                let labels: Vec<String> = labels.iter().map(|label| format!("({})", write(label))).collect();
                let _ = write!(out, " case {}: {};", labels.join(", "), write(body));
            }
            let _ = write!(out, " default: {} end", write(default));
        }
        Expr::Own(at, arguments) => {
            let arguments: Vec<String> = arguments.iter().map(write).collect();
            let _ = write!(out, "f{at}({})", arguments.join(", "));
        }
        Expr::Seq(statements) => {
            let statements: Vec<String> = statements.iter().map(write).collect();
            let _ = write!(out, "({})", statements.join("; "));
        }
        Expr::SetVar(n, value) => _ = write!(out, "(v{n} := {})", write(value)),
        Expr::SetField(target, value) => _ = write!(out, "({} := {})", write(target), write(value)),
        Expr::Create(table) => _ = write!(out, "(create T{table})"),
        Expr::Delete(of) => _ = write!(out, "(delete ({}))", write(of)),
        Expr::Duplicate(of) => _ = write!(out, "duplicate({})", write(of)),
        _ => {}
    }
}

/// The functions as global code.
pub(super) fn write_functions(functions: &[Function]) -> String {
    let one = |(at, function): (usize, &Function)| {
        let parameters = function.parameters.iter().enumerate();
        let parameters: Vec<String> =
            parameters.map(|(n, ty)| format!("v{n} : {}", type_name(*ty))).collect();
        format!("function f{at}({}) do {} end", parameters.join(", "), write(&function.body))
    };
    functions.iter().enumerate().map(one).collect::<Vec<_>>().join("; ")
}

fn type_name(ty: Ty) -> String {
    let base = match ty.base {
        Base::Num => "number".to_owned(),
        Base::Text => "text".to_owned(),
        Base::Bool => "boolean".to_owned(),
        Base::Date => "date".to_owned(),
        Base::Moment => "datetime".to_owned(),
        Base::Time => "time".to_owned(),
        Base::Span => "timeinterval".to_owned(),
        Base::Choice => "choice".to_owned(),
        Base::Multi => "multi".to_owned(),
        Base::Rec(table) => format!("T{table}"),
    };
    if ty.many { format!("[{base}]") } else { base }
}

fn binary(a: &Expr, operator: &str, b: &Expr, out: &mut String) {
    let _ = write!(out, "(({}) {operator} ({}))", write(a), write(b));
}

fn put_select(select: &Select, out: &mut String) {
    let _ = write!(out, "(select T{}", select.table);
    if let Some(filter) = &select.filter {
        let _ = write!(out, "[{}]", write(filter));
    }
    if let Some(condition) = &select.condition {
        let _ = write!(out, " where {}", write(condition));
    }
    if let Some((key, descending)) = &select.order {
        let _ = write!(out, " order by ({}){}", write(key), if *descending { " desc" } else { "" });
    }
    if let Some((from, to)) = select.range {
        let _ = write!(out, " from {from} to {to}");
    }
    if let Some(limit) = select.limit {
        let _ = write!(out, " limit {limit}");
    }
    out.push(')');
}

fn literal(value: &Val, out: &mut String) {
    const MINUTE: i64 = 60_000;
    let _ = match value {
        Val::Null => write!(out, "null"),
        Val::Bool(b) => write!(out, "{b}"),
        Val::Num(n) => write!(out, "{n}"),
        Val::Text(text) => write!(out, "\"{}\"", text.replace('"', "\"\"")),
        // Parts beyond their range carry on: so many days after 1970 began.
        Val::Date(days) => write!(out, "date(1970, 1, {})", days + 1),
        Val::Moment(ms) => write!(out, "datetime(1970, 1, 1, 0, {})", ms / MINUTE),
        Val::Time(ms) => write!(out, "time(0, {})", ms / MINUTE),
        Val::Span(ms) => write!(out, "timeinterval({ms})"),
        Val::Choice(n) => write!(out, "{n}"),
        Val::Rec(table, n) => write!(out, "record(T{table}, {n})"),
        Val::Multi(_) | Val::List(_) | Val::Object(_) => write!(out, "null"),
    };
}
