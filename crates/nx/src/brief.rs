//! Scripts that are over before another thread would have woken up for them.

use crate::{
    Effect, RunLimits,
    functions::regex,
    ir::{Expr, Kind, Program},
};

/// Expressions that a brief program may be made of. What it is nested is at most that deep, too.
const EXPRESSIONS_MAX: usize = 64;

/// What a brief program may use before it turns out not to be one.
pub const BRIEF_LIMITS: RunLimits =
    RunLimits { steps_max: 1_000, bytes_max: 64 << 10, depth_max: 0, regex_backtracks_max: 0 };

impl Program {
    /// Whether it surely is done within some microseconds, with a small stack, and changes nothing: it has no loop, no
    /// selection, no function of a script and no formula, and is short. It still has to run within [`BRIEF_LIMITS`]; one
    /// that does not is run again, elsewhere.
    pub fn is_brief(&self) -> bool {
        let mut left = EXPRESSIONS_MAX;
        self.effect < Effect::Screen && is_brief(&self.body, &mut left)
    }
}

fn is_brief(expr: &Expr, left: &mut usize) -> bool {
    let is_plain = match &expr.kind {
        Kind::Constant(_)
        | Kind::Local(_)
        | Kind::SetLocal(..)
        | Kind::Sequence(_)
        | Kind::Discard(_)
        | Kind::Arithmetic(..)
        | Kind::Negate(_)
        | Kind::Compare(..)
        | Kind::And(_)
        | Kind::Or(_)
        | Kind::Not(_)
        | Kind::Template(_)
        | Kind::Shown(..)
        | Kind::Convert(_)
        | Kind::If(_)
        | Kind::Switch(_)
        | Kind::Array(_)
        | Kind::Object(_)
        | Kind::Field(..)
        | Kind::System(..)
        | Kind::Key(..)
        | Kind::Item(..)
        | Kind::Slice(_)
        | Kind::Record(..) => true,
        Kind::Call(def, ..) => regex::FUNCTIONS.iter().all(|slow| slow.name != def.name),
        _ => false,
    };
    if !is_plain || *left == 0 {
        return false;
    }
    *left -= 1;
    let mut is_so = true;
    expr.for_each_child(&mut |child| is_so = is_so && is_brief(child, left));
    is_so
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use boobook_model::Schema;

    use crate::Library;

    #[test]
    fn what_may_take_long_is_not_brief() {
        let schema = serde_json::json!({"types": {"A": {"caption": "Contact", "fields": {
            "A": {"base": "string", "caption": "Name"},
            "B": {"base": "fn", "caption": "Twice", "fn": "Name + Name"}}}}});
        let library = Library::compile(Arc::new(Schema::from_json(schema).unwrap()));
        let is_brief = |source: &str| {
            let checked = library.script(source, None);
            assert!(checked.is_sound(), "{source}: {:?}", checked.diagnostics);
            checked.program.is_brief()
        };
        let brief = [
            "1 + 1",
            "let n := 3; if n > 2 then upper(\"x\") else \"y\" end",
            "record(Contact, 3).Name + \"!\"",
            "switch year(today()) do case 2026: [1, 2] default: {a: 1}.a end",
        ];
        for source in brief {
            assert!(is_brief(source), "{source}");
        }
        let others = [
            "cnt(select Contact)",
            "for i from 0 to 3 do i end",
            "function f() do 1 end; f()",
            "testx(\"a\", \"a\")",
            "eval(\"1\")",
            "record(Contact, 3).Twice",
            "(create Contact).Name",
        ];
        for source in others {
            assert!(!is_brief(source), "{source}");
        }
        assert!(!is_brief(&["1"; 100].join(" + ")));
    }
}
