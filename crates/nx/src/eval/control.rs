//! Branches and loops (nx-language.md §2.3).

use super::{Evaluator, Outcome, Stop};
use crate::{
    Value, compare,
    convert::number_of,
    ir::{Comparison, Expr, ForIn, ForRange, Kind, Switch},
};

impl Evaluator<'_, '_> {
    pub(super) fn control(&mut self, kind: &Kind) -> Outcome {
        match kind {
            Kind::If(branches) => {
                let [condition, then, otherwise] = &**branches;
                let holds = self.is_true(condition)?;
                self.eval(if holds { then } else { otherwise })
            }
            Kind::Switch(switch) => self.switch(switch),
            Kind::ForIn(each) => self.for_in(each),
            Kind::ForRange(range) => self.for_range(range),
            Kind::While(parts) => {
                while self.is_true(&parts.0)? {
                    self.cx.step(1)?;
                    match self.eval(&parts.1) {
                        Err(Stop::Break) => break,
                        outcome => outcome?,
                    };
                }
                Ok(Value::Null)
            }
            _ => Err(Stop::Break),
        }
    }

    fn switch(&mut self, switch: &Switch) -> Outcome {
        let subject = self.eval(&switch.subject)?;
        for (labels, then) in &switch.cases {
            for label in labels {
                let label = self.eval(label)?;
                if compare::holds(self.cx, Comparison::Equal, &subject, &label) {
                    return self.eval(then);
                }
            }
        }
        switch.default.as_ref().map_or(Ok(Value::Null), |default| self.eval(default))
    }

    fn for_in(&mut self, each: &ForIn) -> Outcome {
        let over = self.eval(&each.over)?;
        let mut results = Vec::new();
        for (place, item) in over.items().enumerate() {
            self.frame[usize::from(each.item)] = item;
            if let Some(local) = each.place {
                self.frame[usize::from(local)] = Value::Number(place as f64);
            }
            if !self.turn(&each.body, &mut results)? {
                break;
            }
        }
        Ok(Value::from_items(results))
    }

    fn for_range(&mut self, range: &ForRange) -> Outcome {
        let from = self.number(&range.from)?;
        let to = self.number(&range.to)?;
        let step = match &range.step {
            Some(step) => self.number(step)?,
            None => 1.0,
        };
        let mut results = Vec::new();
        let mut count = 0.0;
        loop {
            // Multiplied, so that errors of fractions do not add up.
            let n = from + count * step;
            let goes_on = if step > 0.0 { n < to } else { step < 0.0 && n > to };
            if !goes_on {
                break;
            }
            self.frame[usize::from(range.item)] = Value::Number(n);
            if !self.turn(&range.body, &mut results)? {
                break;
            }
            count += 1.0;
        }
        Ok(Value::from_items(results))
    }

    /// One turn of a loop that collects what its body comes to. `false` after `break`.
    fn turn(&mut self, body: &Expr, results: &mut Vec<Value>) -> Result<bool, Stop> {
        self.cx.step(1)?;
        match self.eval(body) {
            Err(Stop::Break) => Ok(false),
            outcome => {
                self.cx.charge(size_of::<Value>())?;
                results.push(outcome?);
                Ok(true)
            }
        }
    }

    /// A bound of a loop; empty counts as 0.
    fn number(&mut self, expr: &Expr) -> Result<f64, Stop> {
        Ok(number_of(&self.eval(expr)?).unwrap_or(0.0))
    }
}
