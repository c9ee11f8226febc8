//! Branches, loops and `do` blocks (nx-language.md §2.3, §6.5).

use std::sync::Arc;

use boobook_nx_syntax::{
    Span,
    ast::{Block, DoMode, Expr as Ast},
};

use super::{Checker, Variable, codes, expr};
use crate::{
    Base, Effect, Type, Value,
    ir::{Deferred, Expr, ForIn, ForRange, Kind, Local, Program, Switch},
};

impl Checker<'_> {
    pub(super) fn if_chain(&mut self, chain: &boobook_nx_syntax::ast::If, span: Span) -> Expr {
        let otherwise = match &chain.otherwise {
            Some(block) => self.block(block),
            None => expr(Kind::Constant(Value::Null), Type::VOID, span),
        };
        let branches: Vec<(Expr, Expr)> =
            chain.branches.iter().map(|(condition, then)| (self.expr(condition), self.block(then))).collect();
        if branches.len() > super::DEPTH_MAX as usize {
            return self.error(codes::NESTED_TOO_DEEPLY, span, "too many `else if`; use `switch`");
        }
        branches.into_iter().rev().fold(otherwise, |otherwise, (condition, then)| {
            let ty = then.ty.unify(otherwise.ty);
            expr(Kind::If(Box::new([condition, then, otherwise])), ty, span)
        })
    }

    pub(super) fn switch(&mut self, switch: &boobook_nx_syntax::ast::Switch, span: Span) -> Expr {
        let subject = self.expr(&switch.subject);
        let cases: Vec<(Vec<Expr>, Expr)> = switch
            .cases
            .iter()
            .map(|case| (case.labels.iter().map(|label| self.expr(label)).collect(), self.block(&case.body)))
            .collect();
        for label in cases.iter().flat_map(|(labels, _)| labels) {
            self.note_options(subject.ty, label);
        }
        let default = switch.default.as_ref().map(|default| self.block(default));
        let types = cases.iter().map(|(_, body)| body.ty).chain(default.iter().map(|default| default.ty));
        let ty = types.reduce(Type::unify).unwrap_or(Type::VOID);
        expr(Kind::Switch(Box::new(Switch { subject, cases, default })), ty, span)
    }

    pub(super) fn for_in(&mut self, each: &boobook_nx_syntax::ast::ForIn, span: Span) -> Expr {
        let over = self.expr(&each.source);
        let (next, variables) = (self.next, self.variables.len());
        let item = self.declare(&each.name.text, over.ty.item());
        let place = each.second.as_ref().map(|name| self.declare(&name.text, Type::NUMBER));
        let body = self.loop_body(&each.body);
        self.variables.truncate(variables);
        self.next = next;
        let ty = loop_type(body.ty);
        expr(Kind::ForIn(Box::new(ForIn { item, place, over, body })), ty, span)
    }

    pub(super) fn for_range(&mut self, range: &boobook_nx_syntax::ast::ForRange, span: Span) -> Expr {
        let from = self.expr(&range.from);
        let to = self.expr(&range.to);
        let step = range.step.as_ref().map(|step| self.expr(step));
        let (next, variables) = (self.next, self.variables.len());
        let item = self.declare(&range.name.text, Type::NUMBER);
        let body = self.loop_body(&range.body);
        self.variables.truncate(variables);
        self.next = next;
        let ty = loop_type(body.ty);
        expr(Kind::ForRange(Box::new(ForRange { item, from, to, step, body })), ty, span)
    }

    pub(super) fn while_loop(&mut self, condition: &Ast, body: &Block, span: Span) -> Expr {
        let condition = self.expr(condition);
        let body = self.loop_body(body);
        expr(Kind::While(Box::new((condition, body))), Type::VOID, span)
    }

    pub(super) fn break_loop(&mut self, span: Span) -> Expr {
        if self.loops == 0 {
            return self.error(codes::BREAK_OUTSIDE_LOOP, span, "`break` stands in no loop");
        }
        expr(Kind::Break, Type::VOID, span)
    }

    fn loop_body(&mut self, body: &Block) -> Expr {
        self.loops += 1;
        let body = self.block(body);
        self.loops -= 1;
        body
    }

    fn declare(&mut self, name: &str, ty: Type) -> Local {
        let local = self.new_local();
        self.variables.push(Variable { name: name.into(), local, ty });
        local
    }

    /// The whole script is one transaction on the server already, so that `do as server` and `do as transaction` are
    /// plain blocks (§6.5). What is deferred takes all variables of its surroundings along as they are then.
    pub(super) fn do_block(&mut self, mode: &DoMode, body: &Block, span: Span) -> Expr {
        match mode {
            DoMode::Plain | DoMode::Server | DoMode::Transaction => self.block(body),
            DoMode::Database(_) => self.error(
                codes::NOT_AVAILABLE,
                span,
                "`do as database` is not available on this server; use http() with the other database's API",
            ),
            DoMode::Deferred => {
                let (effect, locals, loops) = (self.effect, self.locals, self.loops);
                let parameters = self.next;
                self.loops = 0;
                self.locals = self.next;
                let body = self.block(body);
                let program = Program { body, locals: self.locals, parameters, effect: self.effect };
                self.loops = loops;
                self.locals = locals;
                self.effect = effect.max(Effect::Writes);
                let deferred = Arc::new(Deferred {
                    program,
                    source: self.scope.source.into(),
                    this: self.scope.this,
                    place: self.deferred.len(),
                });
                self.deferred.push(Arc::clone(&deferred));
                expr(Kind::Deferred(deferred), Type::VOID, span)
            }
        }
    }
}

/// A loop is an array of what its body came to.
fn loop_type(body: Type) -> Type {
    Type::array(if body.base == Base::Void || body.is_array { Base::Any } else { body.base })
}
