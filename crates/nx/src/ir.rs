//! A script after its names and types are known: what [`crate::eval`] walks.
//!
//! Names are gone. A variable is a place in the frame of its function; so is what `this` means inside of a bracket
//! or block, which makes every context an ordinary variable and nothing depends on where a record came from.

use std::sync::Arc;

use boobook_model::TableId;

pub use crate::arithmetic::Operator;
use crate::{Effect, FunctionDef, Overload, Type, Value, host::Test};

/// A place in a frame.
pub type Local = u16;

/// A compiled script.
#[derive(Debug)]
pub struct Program {
    /// What it computes.
    pub body: Expr,
    /// How many variables it needs, [`Self::parameters`] included.
    pub locals: u16,
    /// How many of the first locals are set by the caller: `this`, or a function's parameters.
    pub parameters: u16,
    /// The strongest effect anything in it may have, whether or not it comes to run.
    pub effect: Effect,
}

/// An expression.
#[derive(Debug)]
pub struct Expr {
    /// What it does.
    pub kind: Kind,
    /// What comes out, as far as known.
    pub ty: Type,
    /// Where it is written, as byte offsets.
    pub span: (u32, u32),
}

/// What an expression does.
#[derive(Debug)]
pub enum Kind {
    /// Is this.
    Constant(Value),
    /// A variable, or what `this` stands for.
    Local(Local),
    /// Sets a variable; is the value.
    SetLocal(Local, Box<Expr>),
    /// One after the other; is the last.
    Sequence(Vec<Expr>),
    /// Evaluates it and is nothing.
    Discard(Box<Expr>),
    /// `+ - * / %`
    Arithmetic(Operator, Box<(Expr, Expr)>),
    /// `-x`
    Negate(Box<Expr>),
    /// `= != < <= > >= like`
    Compare(Comparison, Box<(Expr, Expr)>),
    /// The right one only if the left holds.
    And(Box<(Expr, Expr)>),
    /// The right one only if the left does not hold.
    Or(Box<(Expr, Expr)>),
    /// Whether it does not hold.
    Not(Box<Expr>),
    /// Texts of these, one behind the other.
    Template(Vec<Expr>),
    /// Text of a field as the field shows it: its number format, `Yes` and `No` (§9-8, §9-9).
    Shown(Box<Expr>, FieldAt),
    /// Converted for a parameter or variable of that type; what cannot be is null.
    Convert(Box<Expr>),
    /// `if`
    If(Box<[Expr; 3]>),
    /// `switch`
    Switch(Box<Switch>),
    /// `for x in …` and `for x, i in …`
    ForIn(Box<ForIn>),
    /// `for x from … to … step …`
    ForRange(Box<ForRange>),
    /// `while`
    While(Box<(Expr, Expr)>),
    /// Leaves the innermost loop.
    Break,
    /// `[a, b]`
    Array(Vec<Expr>),
    /// `{a: b}`
    Object(Vec<(Arc<str>, Expr)>),
    /// A stored field of a record, or of each record of many.
    Field(Box<Expr>, FieldAt),
    /// A formula of a record or of each of many.
    Formula(Box<Expr>, FieldAt),
    /// The many side: records of the table whose reference at the slot is the record.
    Reverse(Box<Expr>, FieldAt),
    /// A system field of a record or of each of many.
    System(Box<Expr>, SystemField),
    /// A key of an object, or of each of many; another expression where the object has no such key.
    Key(Box<Expr>, Arc<str>, Option<Box<Expr>>),
    /// `x[n]`
    Item(Box<Expr>, usize),
    /// `x[condition]`, the item in a variable.
    Filter(Box<Expr>, Local, Box<Expr>),
    /// `x.(block)`, the item in a variable.
    Map(Box<Expr>, Local, Box<Expr>),
    /// `x order by key`, the item in a variable.
    Order(Box<Order>),
    /// `select`
    Select(Box<Select>),
    /// `cnt(select …)`, without making the records.
    Count(Box<Select>),
    /// `sum(x.Field)` of a number field, without making the numbers one by one.
    Aggregate(Aggregate, Box<Expr>, FieldAt),
    /// `… from a to b limit n`: items from a place up to another, which is left out, and how many at most (§9-5).
    Slice(Box<Slice>),
    /// A field by a name that is computed: `get(record, name)`.
    Get(Box<(Expr, Expr)>),
    /// `set(record, name, value)`
    Set(Box<[Expr; 3]>),
    /// `create T`
    Create(TableId),
    /// `delete x`
    Delete(Box<Expr>),
    /// `duplicate(x)`
    Duplicate(Box<Expr>),
    /// `record(T, n)`, `records(T, [n])`
    Record(TableId, Box<Expr>),
    /// `x.Field := value`, of each of many.
    SetField(Box<(Expr, Expr)>, FieldAt),
    /// `variable.key := value`
    SetKey(Local, Vec<Arc<str>>, Box<Expr>),
    /// A built-in function.
    Call(&'static FunctionDef, &'static Overload, Vec<Expr>),
    /// A function of the script or of the global code.
    CallUser(Arc<UserFunction>, Vec<Expr>),
    /// `do as deferred`: the block with the variables it uses, for later.
    Deferred(Arc<Deferred>),
    /// Where the script does not compile; running it is this error.
    Broken(Arc<str>),
}

impl Expr {
    /// Calls `visit` with every expression directly below this one. Bodies of functions are not below their calls.
    pub fn for_each_child<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        match &self.kind {
            Kind::Constant(_)
            | Kind::Local(_)
            | Kind::Break
            | Kind::Create(_)
            | Kind::Deferred(..)
            | Kind::Broken(_) => {}
            Kind::SetLocal(_, a)
            | Kind::Discard(a)
            | Kind::Negate(a)
            | Kind::Not(a)
            | Kind::Shown(a, _)
            | Kind::Convert(a)
            | Kind::Field(a, _)
            | Kind::Aggregate(_, a, _)
            | Kind::Formula(a, _)
            | Kind::Reverse(a, _)
            | Kind::System(a, _)
            | Kind::Item(a, _)
            | Kind::Delete(a)
            | Kind::Duplicate(a)
            | Kind::Record(_, a)
            | Kind::SetKey(_, _, a) => visit(a),
            Kind::Arithmetic(_, both)
            | Kind::Compare(_, both)
            | Kind::And(both)
            | Kind::Or(both)
            | Kind::While(both)
            | Kind::Get(both)
            | Kind::SetField(both, _) => {
                visit(&both.0);
                visit(&both.1);
            }
            Kind::Filter(a, _, b) | Kind::Map(a, _, b) => {
                visit(a);
                visit(b);
            }
            Kind::Key(a, _, b) => {
                visit(a);
                if let Some(b) = b {
                    visit(b);
                }
            }
            Kind::Sequence(all)
            | Kind::Template(all)
            | Kind::Array(all)
            | Kind::Call(_, _, all)
            | Kind::CallUser(_, all) => all.iter().for_each(visit),
            Kind::Object(pairs) => pairs.iter().for_each(|(_, value)| visit(value)),
            Kind::If(parts) | Kind::Set(parts) => parts.iter().for_each(visit),
            Kind::Switch(switch) => {
                visit(&switch.subject);
                for (labels, then) in &switch.cases {
                    labels.iter().for_each(&mut *visit);
                    visit(then);
                }
                switch.default.iter().for_each(visit);
            }
            Kind::ForIn(each) => {
                visit(&each.over);
                visit(&each.body);
            }
            Kind::ForRange(range) => {
                visit(&range.from);
                visit(&range.to);
                range.step.iter().for_each(&mut *visit);
                visit(&range.body);
            }
            Kind::Order(order) => {
                visit(&order.of);
                visit(&order.key);
            }
            Kind::Slice(slice) => {
                visit(&slice.of);
                if let Some((from, to)) = &slice.range {
                    visit(from);
                    visit(to);
                }
                slice.limit.iter().for_each(visit);
            }
            Kind::Select(select) | Kind::Count(select) => {
                select.conditions.iter().for_each(|planned| visit(&planned.value));
                select.residual.iter().for_each(visit);
            }
        }
    }

    /// Whether any expression in it is so, itself included.
    pub fn any(&self, is_so: &dyn Fn(&Expr) -> bool) -> bool {
        if is_so(self) {
            return true;
        }
        let mut found = false;
        self.for_each_child(&mut |child| found = found || child.any(is_so));
        found
    }
}

impl Expr {
    /// Whether it comes to the same, and changes nothing, whatever the record in `item` is and however often it is
    /// evaluated during one selection.
    pub(crate) fn is_fixed(&self, item: Local) -> bool {
        !self.any(&|part| matches!(part.kind, Kind::Local(local) if local == item) || part.is_restless())
    }

    /// The one stored field of the record in `item` that it depends on; `None` if it depends on more, or is never
    /// the same.
    pub(crate) fn only_field(&self, item: Local) -> Option<u16> {
        let field = |part: &Expr| match &part.kind {
            Kind::Field(of, at) if matches!(of.kind, Kind::Local(local) if local == item) => Some(at.slot),
            _ => None,
        };
        let (mut mentions, mut fields) = (0, Vec::new());
        let mut is_restless = false;
        self.for_each(&mut |part| {
            mentions += usize::from(matches!(part.kind, Kind::Local(local) if local == item));
            fields.extend(field(part));
            is_restless |= part.is_restless();
        });
        let first = *fields.first()?;
        (!is_restless && mentions == fields.len() && fields.iter().all(|slot| *slot == first))
            .then_some(first)
    }

    /// Whether this, what is below it left aside, may come to something else the next time, or does something.
    fn is_restless(&self) -> bool {
        match &self.kind {
            Kind::CallUser(..)
            | Kind::SetLocal(..)
            | Kind::SetKey(..)
            | Kind::SetField(..)
            | Kind::Set(_)
            | Kind::Create(_)
            | Kind::Delete(_)
            | Kind::Duplicate(_)
            | Kind::Deferred(..)
            | Kind::Break => true,
            // Time and user are the same all through a run; chance is not.
            Kind::Call(def, ..) => {
                def.effect > Effect::Volatile || matches!(def.name, "random" | "eval" | "get")
            }
            _ => false,
        }
    }

    /// Calls `visit` with this expression and every one in it.
    pub(crate) fn for_each<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        visit(self);
        self.for_each_child(&mut |child| child.for_each(visit));
    }
}

/// A block of `do as deferred`: its script can be compiled again when its time has come, perhaps after a restart.
#[derive(Debug)]
pub struct Deferred {
    /// The block. Its parameters are all variables of its surroundings, in their places.
    pub program: Program,
    /// The script it stands in.
    pub source: Arc<str>,
    /// What `this` is in that script.
    pub this: Option<TableId>,
    /// How many such blocks end before it.
    pub place: usize,
}

/// A function of a script.
#[derive(Debug)]
pub struct UserFunction {
    /// Its name.
    pub name: Arc<str>,
    /// Types of its parameters.
    pub parameters: Vec<Type>,
    /// What it gives: as declared, else as its body has it; [`Type::ANY`] for one that calls itself.
    pub result: std::sync::OnceLock<Type>,
    /// Its body, set once it is compiled: it may call itself.
    pub program: std::sync::OnceLock<Program>,
}

/// A field by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FieldAt {
    /// The table.
    pub table: TableId,
    /// Place among the table's fields.
    pub slot: u16,
}

/// `= != < <= > >= like`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
}

/// What every record has (§5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemField {
    /// `Id`: `"A6"`, a number in arithmetic.
    Id,
    /// `Nr`: the number.
    Number,
    /// `'Created on'`
    CreatedAt,
    /// `'Created by'`
    CreatedBy,
    /// `'Last modified on'`
    ModifiedAt,
    /// `'Last modified by'`
    ModifiedBy,
    /// `_sq`
    Sequence,
}

/// `switch`
#[derive(Debug)]
pub struct Switch {
    /// What is compared.
    pub subject: Expr,
    /// Labels and what then.
    pub cases: Vec<(Vec<Expr>, Expr)>,
    /// What else.
    pub default: Option<Expr>,
}

/// `for x, i in …`
#[derive(Debug)]
pub struct ForIn {
    /// The item.
    pub item: Local,
    /// Its place, from 0.
    pub place: Option<Local>,
    /// The items.
    pub over: Expr,
    /// What for each.
    pub body: Expr,
}

/// `for x from … to … step …`
#[derive(Debug)]
pub struct ForRange {
    /// The number.
    pub item: Local,
    /// The first.
    pub from: Expr,
    /// The end, left out.
    pub to: Expr,
    /// 1 where it is not given.
    pub step: Option<Expr>,
    /// What for each.
    pub body: Expr,
}

/// `order by`
#[derive(Debug)]
pub struct Order {
    /// What is sorted.
    pub of: Expr,
    /// The item.
    pub item: Local,
    /// By what.
    pub key: Expr,
    /// The other way round.
    pub desc: bool,
}

/// `… from a to b limit n`
#[derive(Debug)]
pub struct Slice {
    /// The items.
    pub of: Expr,
    /// From which place, up to which.
    pub range: Option<(Expr, Expr)>,
    /// How many at most.
    pub limit: Option<Expr>,
}

/// Functions of many numbers that are worked out as they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// `sum`
    Sum,
    /// `avg`
    Avg,
    /// `min`
    Min,
    /// `max`
    Max,
    /// `cnt`
    Cnt,
}

impl Aggregate {
    /// By the name of the function.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            "cnt" | "count" => Self::Cnt,
            _ => return None,
        })
    }
}

/// `select`
#[derive(Debug)]
pub struct Select {
    /// The table.
    pub table: TableId,
    /// The record looked at.
    pub item: Local,
    /// What the host can test; the values do not depend on the record looked at.
    pub conditions: Vec<Planned>,
    /// What is left to test record by record.
    pub residual: Option<Expr>,
}

/// A condition on a stored field with a value that is the same for all records.
#[derive(Debug)]
pub struct Planned {
    /// The field's slot.
    pub slot: u16,
    /// What is tested.
    pub comparison: Comparison,
    /// With what.
    pub value: Expr,
    /// Where the whole condition is written.
    pub span: (u32, u32),
}

/// What a [`Planned`] condition became once its value was known.
#[derive(Debug)]
pub enum Known {
    /// The host tests this.
    Test(Test),
    /// No record passes.
    Never,
    /// Every record passes.
    Always,
    /// It must be tested record by record.
    ByRecord,
}
