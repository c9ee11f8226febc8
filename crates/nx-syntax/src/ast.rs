//! The syntax tree.
//!
//! It holds what a script says, not how it was laid out: parentheses are gone (a chain of `a + b + c` and the stored
//! `((a+b)+c)` are the same tree), `var` is `let`, `=` in an object is `:`. What was absent is [`ExprKind::Missing`]
//! or a name without text, so every source has a tree.
//!
//! Chains and sequences are flat lists. A script joins thousands of texts with `+`, and a tree as deep as that would
//! overflow the stack of whoever walks it.

use crate::span::Span;

/// A whole script.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Its statements.
    pub body: Block,
}

/// Statements in sequence. Its value is that of the last one.
///
/// The last statement is never itself a [`ExprKind::Block`]: it would mean the same without its parentheses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// The statements; empty ones are dropped.
    pub statements: Vec<Statement>,
    /// From the first token to the last.
    pub span: Span,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What it is.
    pub kind: StatementKind,
    /// Where it is.
    pub span: Span,
}

/// What a statement is.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `let name := value`, or `var`.
    Let {
        /// The variable.
        name: Name,
        /// Its first value.
        value: Expr,
    },
    /// `function f(x : number) do … end`.
    Function(Box<Function>),
    /// An expression; its value is that of the statement.
    Expr(Expr),
    /// A comment `// …` or `/* … */`. It is printed as a text that stands as a statement, the form in which the
    /// language keeps comments. The parser never makes it the last statement of a block, where the text would be the
    /// block's value.
    Comment(Box<str>),
}

/// A function's definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: Name,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// What it returns, if it says so.
    pub result: Option<Type>,
    /// Its statements.
    pub body: Block,
}

/// A parameter with its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub type_: Type,
}

/// A type as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Type {
    /// What it is.
    pub kind: TypeKind,
    /// Where it is.
    pub span: Span,
}

/// What a type is.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeKind {
    /// A type of the language.
    Builtin(BuiltinType),
    /// A record of the table.
    Table(Name),
    /// `nid(Table)`: a record by its whole id.
    Nid(Name),
    /// `rid(Table)`: a record by its number.
    Rid(Name),
    /// `[type]`, or `type(array)`.
    Array(Box<Type>),
}

macro_rules! builtin_types {
    ($($(#[doc = $doc:literal])? $variant:ident = $text:literal,)+) => {
        /// The types that have a word of their own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum BuiltinType { $(#[doc = concat!("`", $text, "`")] $variant,)+ }

        impl BuiltinType {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The type with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($text => Some(Self::$variant),)+ _ => None }
            }

            /// The word.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

builtin_types! {
    Text = "text", String = "string", Number = "number", Boolean = "boolean", Date = "date",
    DateTime = "datetime", Timestamp = "timestamp", Time = "time", TimeInterval = "timeinterval",
    Appointment = "appointment", Color = "color", Icon = "icon", Html = "html", Email = "email",
    Phone = "phone", Url = "url", Link = "link", Location = "location", File = "file", User = "user",
    Choice = "choice", Multi = "multi", Any = "any", Void = "void", Json = "JSON",
}

/// A name as it is written: of a variable, a field, a table, a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// Its text, without quotes.
    pub text: Box<str>,
    /// Where it is, quotes included.
    pub span: Span,
    /// Whether it stood in quotes. An unquoted name without text is a missing one.
    pub quoted: bool,
}

/// One expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it is; parentheses around it are included.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// Nothing, where something was needed. The stored form has it, too: `(x+( = A))`.
    Missing,
    /// A number, as it is written. [`str::parse`] reads every one of them.
    Number(Box<str>),
    /// `"…"`, its doubled quotes made single.
    Text(Box<str>),
    /// `---…---`.
    Template(Vec<TemplatePart>),
    /// `true` or `false`.
    Bool(bool),
    /// `yes` or `no`: the boolean, unless a variable or field has exactly that name.
    YesNo(Name),
    /// `null`.
    Null,
    /// `void`.
    Void,
    /// `this`.
    This,
    /// A variable, field or table.
    Name(Name),
    /// `f(a, b)`.
    Call {
        /// The function.
        function: Name,
        /// Its arguments.
        arguments: Vec<Expr>,
    },
    /// `[a, b]`.
    Array(Vec<Expr>),
    /// `{a: 1, b: 2}`.
    Object(Vec<Pair>),
    /// `(a; b)`. A single expression in parentheses is just that expression.
    Block(Block),
    /// `-a`, `+a`, `not a`.
    Unary {
        /// The operator.
        operator: UnaryOperator,
        /// What it is applied to.
        operand: Box<Expr>,
    },
    /// `a + b - c`: a chain of operators of one level, applied from left to right.
    Binary(Box<Binary>),
    /// `a := b`.
    Assign {
        /// The variable or field.
        target: Box<Expr>,
        /// Its new value.
        value: Box<Expr>,
    },
    /// `source order by key`.
    Order(Box<Order>),
    /// `a.b`.
    Member {
        /// The record, array or object.
        object: Box<Expr>,
        /// The field or property.
        name: Name,
    },
    /// `a.f(b)`: the call with `a` for context.
    MemberCall {
        /// What the call is evaluated in.
        object: Box<Expr>,
        /// The function.
        function: Name,
        /// Its arguments.
        arguments: Vec<Expr>,
    },
    /// `a.(b; c)`, and `a.{…}`, whose block is the object.
    RecordBlock {
        /// What becomes `this`.
        object: Box<Expr>,
        /// What is evaluated for it.
        body: Block,
    },
    /// `a[b]`.
    Filter {
        /// The array.
        object: Box<Expr>,
        /// The condition, or the place of an item.
        condition: Box<Expr>,
    },
    /// `if`, with all its `else if`.
    If(Box<If>),
    /// `switch a do case b: … end`.
    Switch(Box<Switch>),
    /// `for a in b do … end`.
    ForIn(Box<ForIn>),
    /// `for a from b to c step d do … end`.
    ForRange(Box<ForRange>),
    /// `while a do … end`.
    While {
        /// The condition.
        condition: Box<Expr>,
        /// What is repeated.
        body: Block,
    },
    /// `do … end`, `do as server … end`.
    Do {
        /// Where and when it runs.
        mode: DoMode,
        /// What runs.
        body: Block,
    },
    /// `select a where b`.
    Select(Box<Select>),
    /// `create a`.
    Create(Name),
    /// `delete a`.
    Delete(Box<Expr>),
    /// `duplicate(a)`.
    Duplicate(Box<Expr>),
    /// `break`.
    Break,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum TemplatePart {
    /// Text as it stands.
    Text(Box<str>),
    /// `{…}`.
    Hole(Block),
}

/// A pair of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Its key.
    pub key: Key,
    /// Its value.
    pub value: Expr,
}

/// The key of a pair. It is never a reference to anything, even where it is a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// `a:` or `'a b':`.
    Name(Name),
    /// `"a":`.
    Text(Box<str>, Span),
    /// `1:`.
    Number(Box<str>, Span),
}

/// `a + b - c`.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// The first operand.
    pub first: Expr,
    /// Operators, all of one level, with their right operands; at least one. Comparisons of more than two operands
    /// (`a < b < c`) are kept as they are for the type checker to refuse; the parser does not join a comparison in
    /// parentheses with the one around it.
    pub rest: Vec<(BinaryOperator, Expr)>,
}

/// An operator before its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOperator {
    /// `-`
    Minus,
    /// `+`
    Plus,
    /// `not`
    Not,
}

impl UnaryOperator {
    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            Self::Minus => "-",
            Self::Plus => "+",
            Self::Not => "not",
        }
    }
}

/// An operator between operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOperator {
    /// `or`
    Or,
    /// `and`
    And,
    /// `=`
    Equal,
    /// `!=`, also written `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `like`
    Like,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`, also written `mod`
    Remainder,
}

impl BinaryOperator {
    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Like => "like",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// `source order by key desc`.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// What is sorted.
    pub source: Expr,
    /// By what.
    pub key: OrderKey,
}

/// What to sort by.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderKey {
    /// The value of an element.
    pub key: Expr,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// `if a then b else if c then d else e end`.
#[derive(Clone, Debug, PartialEq)]
pub struct If {
    /// The conditions in order, with what is evaluated for the first that holds; at least one.
    pub branches: Vec<(Expr, Block)>,
    /// What is evaluated if none holds. It is never a single `if`, which would be a branch.
    pub otherwise: Option<Block>,
}

/// `switch a do case b, c: d default: e end`.
#[derive(Clone, Debug, PartialEq)]
pub struct Switch {
    /// What is compared.
    pub subject: Expr,
    /// The cases in order.
    pub cases: Vec<Case>,
    /// What is evaluated if none matches.
    pub default: Option<Block>,
}

/// `case a, b: c`.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What the subject is compared with.
    pub labels: Vec<Expr>,
    /// What is evaluated if one is equal.
    pub body: Block,
}

/// `for a in b do … end`.
#[derive(Clone, Debug, PartialEq)]
pub struct ForIn {
    /// The loop's variable.
    pub name: Name,
    /// The second variable, if there is one.
    pub second: Option<Name>,
    /// What is walked.
    pub source: Expr,
    /// What is repeated.
    pub body: Block,
}

/// `for a from b to c step d do … end`.
#[derive(Clone, Debug, PartialEq)]
pub struct ForRange {
    /// The loop's variable.
    pub name: Name,
    /// Its first value.
    pub from: Expr,
    /// The value it stops before.
    pub to: Expr,
    /// By how much it grows.
    pub step: Option<Expr>,
    /// What is repeated.
    pub body: Block,
}

/// Where and when a `do` block runs.
#[derive(Clone, Debug, PartialEq)]
pub enum DoMode {
    /// `do`: here and now.
    Plain,
    /// `do as server`
    Server,
    /// `do as transaction`
    Transaction,
    /// `do as deferred`
    Deferred,
    /// `do as database X`
    Database(DatabaseName),
}

/// The database of a `do as database`.
#[derive(Clone, Debug, PartialEq)]
pub enum DatabaseName {
    /// Written as a name.
    Name(Name),
    /// Written as a text.
    Text(Box<str>, Span),
}

/// `select a[b] where c order by d from e to f limit g`.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// The table.
    pub table: Name,
    /// The condition in brackets, checked after selecting.
    pub filter: Option<Expr>,
    /// The condition behind `where`, checked while selecting.
    pub condition: Option<Expr>,
    /// What to sort by.
    pub order: Option<OrderKey>,
    /// The stretch of the result to keep.
    pub range: Option<(Expr, Expr)>,
    /// How many to keep.
    pub limit: Option<Expr>,
}
