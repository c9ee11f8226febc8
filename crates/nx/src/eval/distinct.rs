//! `unique((select …).Field)`: the values of many records, of which few are different.

use super::{Evaluator, Outcome};
use crate::{
    Value,
    ir::{Expr, Kind},
};

impl Evaluator<'_, '_> {
    /// Evaluates an expression of which only the different values matter, in the order in which they come first.
    pub(super) fn different(&mut self, expr: &Expr) -> Outcome {
        let Kind::Field(of, at) = &expr.kind else { return self.eval(expr) };
        let Kind::Select(select) = &of.kind else { return self.eval(expr) };
        if at.table != select.table || self.cx.reads_by_record(*at) {
            return self.eval(expr);
        }
        let Some(mut plan) = self.plan(select)? else { return Ok(Value::from_items(Vec::new())) };
        let slot = usize::from(at.slot);
        if plan.is_for_host()
            && let Some(found) = plan.filter(|filter| self.cx.host.first_of_each(select.table, filter, slot))
        {
            self.cx.step(1)?;
            self.cx.note_found(select, found.len());
            return self.fields(&Value::Records(select.table, found.into()), *at, expr.ty);
        }
        let of = self.select_by(select, &mut plan)?;
        self.fields(&of, *at, expr.ty)
    }
}
