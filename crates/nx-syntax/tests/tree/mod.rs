//! Syntax trees out of bytes: the same bytes make the same tree, fewer and smaller bytes a simpler one.
//!
//! They are trees that a parser could have made: what it always simplifies (a block within a block's end, an `if` as
//! the whole `else`) is not in them, and only a whole argument or condition is ever missing.

use boobook_nx_syntax::{Span, ast::*};

/// Names as scripts have them, and names that are hard to write.
const NAMES: &[&str] = &[
    "a",
    "Name",
    "b2",
    "_x",
    "ä",
    "First Name",
    "it's",
    "if",
    "to",
    "step",
    "desc",
    "mod",
    "case",
    "default",
    "by",
    "as",
    "server",
    "yes",
    "this",
    "order",
    "end",
    "from",
    "limit",
    "text",
    "nid",
    "array",
    "in",
    "",
    "1st",
    "a.b",
    "'",
    "{",
    "---",
    "line\nbreak",
    "💥",
    "database",
    "T",
    "do",
    "void",
];

const TEXTS: &[&str] = &[
    "",
    "x",
    "a b",
    "\"",
    "''",
    "{",
    "}",
    "---",
    "-",
    "--",
    "{a}",
    "a---b",
    "// no comment",
    "/*",
    "*/",
    "\n\t",
    "ä💥",
    "end",
    "-{",
    "\\",
    "a--",
];

const NUMBERS: &[&str] = &["0", "1", "2.5", "10e3", "1E-3", "007", "123456789012345678901234567890"];

const OPERATORS: &[BinaryOperator] = &[
    BinaryOperator::Add,
    BinaryOperator::Subtract,
    BinaryOperator::Multiply,
    BinaryOperator::Divide,
    BinaryOperator::Remainder,
    BinaryOperator::Equal,
    BinaryOperator::NotEqual,
    BinaryOperator::Less,
    BinaryOperator::LessEqual,
    BinaryOperator::Greater,
    BinaryOperator::GreaterEqual,
    BinaryOperator::Like,
    BinaryOperator::And,
    BinaryOperator::Or,
];

/// The tree that the bytes stand for.
pub(crate) fn script(bytes: &[u8]) -> Script {
    Script { body: Tree { bytes, depth: 0 }.block() }
}

struct Tree<'a> {
    bytes: &'a [u8],
    depth: u32,
}

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: Span::default() }
}

fn statement(kind: StatementKind) -> Statement {
    Statement { kind, span: Span::default() }
}

impl Tree<'_> {
    fn below(&mut self, n: usize) -> usize {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        usize::from(*first) % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn opt<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 1).then(|| make(self))
    }

    fn some<T>(&mut self, least: usize, most: usize, make: impl Fn(&mut Self) -> T) -> Vec<T> {
        let count = least + self.below(most - least + 1);
        (0..count).map(|_| make(self)).collect()
    }

    fn name(&mut self) -> Name {
        let text = self.pick(NAMES);
        Name { text: text.into(), span: Span::default(), quoted: true }
    }

    /// A block whose last statement is neither a comment nor a block.
    fn block(&mut self) -> Block {
        let mut statements = self.some(0, 3, Self::statement);
        if let Some(last) = statements.last_mut()
            && matches!(
                last.kind,
                StatementKind::Comment(_) | StatementKind::Expr(Expr { kind: ExprKind::Block(_), .. })
            )
        {
            *last = statement(StatementKind::Expr(expr(ExprKind::Null)));
        }
        Block { statements, span: Span::default() }
    }

    fn statement(&mut self) -> Statement {
        statement(match self.below(8) {
            0..5 => StatementKind::Expr(self.expr()),
            5 => StatementKind::Let { name: self.name(), value: self.expr() },
            6 => StatementKind::Comment(self.pick(TEXTS).into()),
            _ => StatementKind::Function(Box::new(Function {
                name: self.name(),
                parameters: self.some(0, 2, |t| Parameter { name: t.name(), type_: t.type_() }),
                result: self.opt(Self::type_),
                body: self.nested_block(),
            })),
        })
    }

    fn type_(&mut self) -> Type {
        let kind = match self.below(5) {
            0 => TypeKind::Builtin(self.pick(BuiltinType::ALL)),
            1 => TypeKind::Table(self.name()),
            2 => TypeKind::Nid(self.name()),
            3 => TypeKind::Rid(self.name()),
            _ => TypeKind::Array(Box::new(self.type_())),
        };
        Type { kind, span: Span::default() }
    }

    fn nested_block(&mut self) -> Block {
        if self.depth >= 8 {
            return Block::default();
        }
        self.depth += 1;
        let block = self.block();
        self.depth -= 1;
        block
    }

    fn boxed(&mut self) -> Box<Expr> {
        Box::new(self.expr())
    }

    fn expr(&mut self) -> Expr {
        if self.depth >= 8 || self.bytes.is_empty() {
            return expr(self.leaf());
        }
        self.depth += 1;
        let kind = match self.below(4) {
            0 => self.leaf(),
            1 => self.operation(),
            2 => self.access(),
            _ => self.construct(),
        };
        self.depth -= 1;
        expr(kind)
    }

    fn leaf(&mut self) -> ExprKind {
        match self.below(11) {
            0 => ExprKind::Name(self.name()),
            1 => ExprKind::Number(self.pick(NUMBERS).into()),
            2 => ExprKind::Text(self.pick(TEXTS).into()),
            3 => ExprKind::Bool(self.below(2) == 1),
            4 => {
                let text = self.pick(&["yes", "no"]);
                ExprKind::YesNo(Name { text: text.into(), ..Name::default() })
            }
            5 => ExprKind::Null,
            6 => ExprKind::Void,
            7 => ExprKind::This,
            8 => ExprKind::Create(self.name()),
            9 => ExprKind::Break,
            _ => ExprKind::Array(Vec::new()),
        }
    }

    fn operation(&mut self) -> ExprKind {
        match self.below(5) {
            0 | 1 => ExprKind::Binary(Box::new(self.chain())),
            2 => {
                let operator = self.pick(&[UnaryOperator::Minus, UnaryOperator::Plus, UnaryOperator::Not]);
                ExprKind::Unary { operator, operand: self.boxed() }
            }
            3 => ExprKind::Order(Box::new(Order { source: self.expr(), key: self.order_key() })),
            _ => {
                let target = match self.below(2) {
                    0 => ExprKind::Name(self.name()),
                    _ => ExprKind::Member { object: self.boxed(), name: self.name() },
                };
                ExprKind::Assign { target: Box::new(expr(target)), value: self.boxed() }
            }
        }
    }

    /// Operators of one level; more than one comparison is a mistake that the parser keeps.
    fn chain(&mut self) -> Binary {
        let operator = self.pick(OPERATORS);
        let level: &[BinaryOperator] = match operator {
            BinaryOperator::Or => &[BinaryOperator::Or],
            BinaryOperator::And => &[BinaryOperator::And],
            BinaryOperator::Add | BinaryOperator::Subtract => &OPERATORS[..2],
            BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Remainder => &OPERATORS[2..5],
            _ => &OPERATORS[5..12],
        };
        let first = self.expr();
        let mut rest = vec![(operator, self.expr())];
        rest.extend(self.some(0, 2, |t| (t.pick(level), t.expr())));
        Binary { first, rest }
    }

    fn order_key(&mut self) -> OrderKey {
        OrderKey { key: self.expr(), descending: self.below(2) == 1 }
    }

    fn access(&mut self) -> ExprKind {
        match self.below(9) {
            0 => ExprKind::Member { object: self.boxed(), name: self.name() },
            1 => ExprKind::MemberCall {
                object: self.boxed(),
                function: self.name(),
                arguments: self.some(0, 2, Self::expr),
            },
            2 => ExprKind::RecordBlock { object: self.boxed(), body: self.nested_block() },
            3 => ExprKind::Filter { object: self.boxed(), condition: self.boxed() },
            4 => ExprKind::Call { function: self.name(), arguments: self.some(0, 3, Self::expr) },
            5 => ExprKind::Array(self.some(0, 3, Self::expr)),
            6 => ExprKind::Object(self.some(0, 3, Self::pair)),
            7 => ExprKind::Duplicate(self.boxed()),
            _ => ExprKind::Template(self.template()),
        }
    }

    fn pair(&mut self) -> Pair {
        let key = match self.below(4) {
            0 | 1 => Key::Name(self.name()),
            2 => Key::Text(self.pick(TEXTS).into(), Span::default()),
            _ => Key::Number(self.pick(NUMBERS).into(), Span::default()),
        };
        Pair { key, value: self.expr() }
    }

    /// No empty text and no two texts in a row: between the dashes they would be one.
    fn template(&mut self) -> Vec<TemplatePart> {
        let mut parts: Vec<TemplatePart> = Vec::new();
        for _ in 0..self.below(4) {
            let text = self.pick(TEXTS);
            let is_hole = text.is_empty() || matches!(parts.last(), Some(TemplatePart::Text(_)));
            let part = if is_hole {
                TemplatePart::Hole(self.nested_block())
            } else {
                TemplatePart::Text(text.into())
            };
            parts.push(part);
        }
        parts
    }

    fn construct(&mut self) -> ExprKind {
        match self.below(9) {
            0 | 1 => ExprKind::If(Box::new(self.if_())),
            2 => ExprKind::Switch(Box::new(Switch {
                subject: self.expr(),
                cases: self.some(0, 2, |t| Case { labels: t.some(1, 2, Self::expr), body: t.nested_block() }),
                default: self.opt(Self::nested_block),
            })),
            3 => ExprKind::ForIn(Box::new(ForIn {
                name: self.name(),
                second: self.opt(Self::name),
                source: self.expr(),
                body: self.nested_block(),
            })),
            4 => ExprKind::ForRange(Box::new(ForRange {
                name: self.name(),
                from: self.expr(),
                to: self.expr(),
                step: self.opt(Self::expr),
                body: self.nested_block(),
            })),
            5 => ExprKind::While { condition: self.boxed(), body: self.nested_block() },
            6 => ExprKind::Do { mode: self.do_mode(), body: self.nested_block() },
            7 => match self.below(3) {
                0 => ExprKind::Delete(self.boxed()),
                _ => ExprKind::Select(Box::new(self.select())),
            },
            _ => {
                let mut block = self.nested_block();
                let count = block.statements.len();
                if count == 0 || count == 1 && matches!(block.statements[0].kind, StatementKind::Expr(_)) {
                    block.statements.insert(0, statement(StatementKind::Expr(expr(ExprKind::Null))));
                }
                if count == 0 {
                    block.statements.push(statement(StatementKind::Expr(expr(ExprKind::This))));
                }
                ExprKind::Block(block)
            }
        }
    }

    fn if_(&mut self) -> If {
        let branches = self.some(1, 3, |t| (t.expr(), t.nested_block()));
        let mut otherwise = self.opt(Self::nested_block);
        if let Some(block) = &mut otherwise
            && let [Statement { kind: StatementKind::Expr(Expr { kind: ExprKind::If(_), .. }), .. }] =
                block.statements[..]
        {
            block.statements.push(statement(StatementKind::Expr(expr(ExprKind::Void))));
        }
        If { branches, otherwise }
    }

    fn do_mode(&mut self) -> DoMode {
        match self.below(6) {
            0 => DoMode::Plain,
            1 => DoMode::Server,
            2 => DoMode::Transaction,
            3 => DoMode::Deferred,
            4 => DoMode::Database(DatabaseName::Name(self.name())),
            _ => DoMode::Database(DatabaseName::Text(self.pick(TEXTS).into(), Span::default())),
        }
    }

    fn select(&mut self) -> Select {
        Select {
            table: self.name(),
            filter: self.opt(Self::expr),
            condition: self.opt(Self::expr),
            order: self.opt(Self::order_key),
            range: self.opt(|t| (t.expr(), t.expr())),
            limit: self.opt(Self::expr),
        }
    }
}
