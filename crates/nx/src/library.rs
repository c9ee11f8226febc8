//! All scripts of a schema version, compiled: global code, formulas, triggers (nx-language.md §6).
//!
//! A script that does not compile never keeps a schema from loading. It is a [`Problem`], and comes to an error (a
//! trigger) or to nothing (a formula).

use std::{
    cell::RefCell,
    sync::{Arc, OnceLock},
};

use boobook_model::{JsonMap, Schema, TableId, TableSchema};
use boobook_nx_syntax::{
    Diagnostic,
    ast::{Block, Expr as Ast, ExprKind, Name, Script, Select, Statement, StatementKind},
    parse,
};
use rustc_hash::FxHashMap;

use crate::{
    Dependencies, Effect, Form, Right, Type,
    check::{Checked, Scope, check, codes},
    ir::{FieldAt, Program, UserFunction},
    places::{ScriptPlace, source},
    rights::Guard,
};

/// Formulas may build on formulas that build on formulas so far.
const FORMULA_CHAIN_MAX: usize = 100;

/// A script of the schema that does not compile, or not without warnings.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Where in the schema: `types.A.fields.C.fn`.
    pub place: String,
    /// The script.
    pub source: Arc<str>,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// What happens by itself when a record changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trigger {
    /// `afterCreate` of a table.
    Created(TableId),
    /// `afterUpdate` of a field.
    FieldUpdated(FieldAtKey),
    /// `afterUpdate` of a table.
    Updated(TableId),
}

/// [`FieldAt`] with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldAtKey(pub TableId, pub u16);

/// Default values of a table's fields, in the order of the fields.
pub(crate) type Defaults = Arc<[(u16, Arc<Program>)]>;

/// Keys of a field that hold its default value as a script; the vendor's documents name both.
const DEFAULT_KEYS: [&str; 2] = ["default", "defaultValue"];

#[derive(Debug)]
struct Formula {
    ty: Type,
    program: Option<Arc<Program>>,
    /// Worked out when they are asked for first.
    dependencies: OnceLock<Dependencies>,
}

/// The compiled scripts of a schema version.
#[derive(Debug)]
pub struct Library {
    /// The schema.
    pub schema: Arc<Schema>,
    /// What is wrong with scripts of the schema.
    pub problems: Vec<Problem>,
    functions: Vec<Arc<UserFunction>>,
    formulas: FxHashMap<FieldAt, Formula>,
    triggers: FxHashMap<Trigger, Arc<Program>>,
    rights: FxHashMap<Right, Guard>,
    defaults: FxHashMap<TableId, Defaults>,
}

impl Library {
    /// Compiles all scripts of a schema.
    pub fn compile(schema: Arc<Schema>) -> Self {
        Self::compile_in(schema, &|_| Form::Ids)
    }

    /// Compiles all scripts of a schema, each in the form that is told for its place.
    pub(crate) fn compile_in(schema: Arc<Schema>, form: &dyn Fn(&ScriptPlace) -> Form) -> Self {
        let mut problems = Vec::new();
        let functions = global_functions(&schema, form, &mut problems);
        let formulas = Formulas {
            schema: &schema,
            form,
            functions: &functions,
            states: RefCell::default(),
            problems: RefCell::new(problems),
            chain: RefCell::default(),
        };
        for table in &schema.tables {
            for (slot, field) in table.fields.iter().enumerate() {
                if field.kind.base() == "fn" {
                    // Its type is asked for again by whoever refers to it.
                    let _ = formulas.type_of(FieldAt { table: table.id, slot: slot as u16 });
                }
            }
        }
        let mut triggers = FxHashMap::default();
        let mut rights = FxHashMap::default();
        let mut defaults = FxHashMap::default();
        for table in &schema.tables {
            let mut of_table: Vec<(u16, Arc<Program>)> = Vec::new();
            let place = format!("types.{}", table.id);
            for (key, trigger) in
                [("afterCreate", Trigger::Created(table.id)), ("afterUpdate", Trigger::Updated(table.id))]
            {
                if let Some(program) = formulas.script(&table.rest, key, table.id, &place, Effect::Writes) {
                    triggers.insert(trigger, program);
                }
            }
            for (key, right) in [
                ("canRead", Right::Read(table.id)),
                ("canWrite", Right::Write(table.id)),
                ("canCreate", Right::Create(table.id)),
                ("canDelete", Right::Delete(table.id)),
            ] {
                if let Some(condition) = formulas.condition(&table.rest, key, table.id, &place) {
                    rights.insert(right, condition);
                }
            }
            for (slot, field) in table.fields.iter().enumerate() {
                let place = format!("{place}.fields.{}", field.id);
                for key in DEFAULT_KEYS {
                    let script = formulas.script(&field.rest, key, table.id, &place, Effect::Volatile);
                    of_table
                        .extend(script.filter(|_| field.is_stored()).map(|program| (slot as u16, program)));
                }
                let at = FieldAtKey(table.id, slot as u16);
                for (key, right) in [("canRead", Right::ReadField(at)), ("canWrite", Right::WriteField(at))] {
                    if let Some(condition) = formulas.condition(&field.rest, key, table.id, &place) {
                        rights.insert(right, condition);
                    }
                }
                if let Some(program) =
                    formulas.script(&field.rest, "afterUpdate", table.id, &place, Effect::Writes)
                {
                    triggers.insert(Trigger::FieldUpdated(FieldAtKey(table.id, slot as u16)), program);
                }
            }
            if !of_table.is_empty() {
                defaults.insert(table.id, Defaults::from(of_table));
            }
        }
        let Formulas { states, problems, .. } = formulas;
        let done = states.into_inner().into_iter().filter_map(|(at, state)| match state {
            State::Done(formula) => Some((at, formula)),
            State::UnderWay => None,
        });
        let formulas = done.collect();
        let mut problems = problems.into_inner();
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        Self { schema, problems, functions, formulas, triggers, rights, defaults }
    }

    /// Compiles a script of a request: `this` is a record of the table, if one is given.
    pub fn script(&self, source: &str, this: Option<TableId>) -> Checked {
        let parsed = parse(source);
        let mut checked = check(&parsed.script, &self.scope(source, this, &|at| self.type_of(at)));
        checked.diagnostics.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
        // What cannot be read comes first: what seems wrong with names and types may only follow from it.
        checked.diagnostics.splice(0..0, parsed.diagnostics);
        checked
    }

    /// Compiles a condition that records of a table pass or not (`query=` of a record list): it comes to the records
    /// that pass it.
    pub fn predicate(&self, source: &str, table: &TableSchema) -> Checked {
        let parsed = parse(source);
        let span = parsed.script.body.span;
        let condition = Ast { kind: ExprKind::Block(parsed.script.body), span };
        let mut checked = self.selecting(source, Some(condition), table, Form::Human);
        checked.diagnostics.splice(0..0, parsed.diagnostics);
        checked
    }

    /// Compiles a `select` of a table with a condition.
    pub(crate) fn selecting(
        &self,
        source: &str,
        condition: Option<Ast>,
        table: &TableSchema,
        form: Form,
    ) -> Checked {
        let span = condition.as_ref().map(|condition| condition.span).unwrap_or_default();
        let text = if form == Form::Ids { table.id.to_string() } else { table.caption.clone() };
        let name = Name { text: text.into(), span, quoted: true };
        let select = Select { table: name, filter: None, condition, order: None, range: None, limit: None };
        let select = Ast { kind: ExprKind::Select(Box::new(select)), span };
        let statement = Statement { kind: StatementKind::Expr(select), span };
        let script = Script { body: Block { statements: vec![statement], span } };
        self.check_in(source, &script, None, form)
    }

    /// Checks a script that was parsed, in the form given.
    pub(crate) fn check_in(
        &self,
        source: &str,
        script: &Script,
        this: Option<TableId>,
        form: Form,
    ) -> Checked {
        let formula_type = |at| self.type_of(at);
        check(script, &Scope { form, ..self.scope(source, this, &formula_type) })
    }

    fn scope<'a>(
        &'a self,
        source: &'a str,
        this: Option<TableId>,
        formula_type: &'a dyn Fn(FieldAt) -> Result<Type, String>,
    ) -> Scope<'a> {
        Scope {
            source,
            schema: &self.schema,
            functions: &self.functions,
            formula_type,
            this,
            form: Form::Human,
        }
    }

    /// The type of a formula.
    pub fn type_of(&self, at: FieldAt) -> Result<Type, String> {
        Ok(self.formulas.get(&at).map_or(Type::ANY, |formula| formula.ty))
    }

    /// A formula; none where it does not compile.
    pub(crate) fn formula(&self, at: FieldAt) -> Option<Arc<Program>> {
        self.formulas.get(&at)?.program.clone()
    }

    /// What a formula depends on; none where it does not compile.
    pub fn dependencies(&self, FieldAtKey(table, slot): FieldAtKey) -> Option<&Dependencies> {
        let at = FieldAt { table, slot };
        let formula = self.formulas.get(&at).filter(|formula| formula.program.is_some())?;
        let program = |at| self.formulas.get(&at)?.program.as_deref();
        Some(formula.dependencies.get_or_init(|| Dependencies::of(at, &self.schema, &program)))
    }

    /// Whether what a formula comes to may be kept beyond a run.
    pub(crate) fn is_steady(&self, at: FieldAt) -> bool {
        let dependencies = self.dependencies(FieldAtKey(at.table, at.slot));
        dependencies.is_some_and(|dependencies| dependencies.restless.is_none())
    }

    /// Whether a field is a formula that compiles.
    pub fn is_formula(&self, table: TableId, slot: u16) -> bool {
        self.formula(FieldAt { table, slot }).is_some()
    }

    /// What a trigger does.
    pub(crate) fn trigger(&self, trigger: Trigger) -> Option<Arc<Program>> {
        self.triggers.get(&trigger).cloned()
    }

    /// The condition of a right, where there is one.
    pub(crate) fn guard(&self, right: Right) -> Option<Guard> {
        self.rights.get(&right).cloned()
    }

    /// What new records of a table begin with.
    pub(crate) fn defaults(&self, table: TableId) -> Option<Defaults> {
        self.defaults.get(&table).cloned()
    }

    /// Whether new records of a table begin with any values.
    pub fn has_defaults(&self, table: TableId) -> bool {
        self.defaults.contains_key(&table)
    }

    /// Whether writing a table's records rests on conditions.
    pub fn has_rights(&self, table: TableId) -> bool {
        self.rights.keys().any(|right| !right.is_to_read() && right.table() == table)
    }

    /// Whether reading any records rests on conditions.
    pub fn has_read_rights(&self) -> bool {
        self.rights.keys().any(|right| right.is_to_read())
    }

    /// Whether reading a table's records, as a whole, rests on a condition.
    pub fn hides_records(&self, table: TableId) -> bool {
        self.rights.contains_key(&Right::Read(table))
    }

    /// The fields of a table that show only on conditions, ascending.
    pub fn hidden_fields(&self, table: TableId) -> Vec<u16> {
        let of_table = self.rights.keys().filter_map(|right| match right {
            Right::ReadField(FieldAtKey(at, slot)) if *at == table => Some(*slot),
            _ => None,
        });
        let mut slots: Vec<u16> = of_table.collect();
        slots.sort_unstable();
        slots
    }

    /// Whether a table's records do anything by themselves when they change.
    pub fn has_triggers(&self, table: TableId) -> bool {
        !self.triggers.is_empty()
            && self.triggers.keys().any(|trigger| match trigger {
                Trigger::Created(at) | Trigger::Updated(at) | Trigger::FieldUpdated(FieldAtKey(at, _)) => {
                    *at == table
                }
            })
    }
}

fn global_functions(
    schema: &Schema,
    form: &dyn Fn(&ScriptPlace) -> Form,
    problems: &mut Vec<Problem>,
) -> Vec<Arc<UserFunction>> {
    let Some(text) = source(&schema.rest, "globalCode") else { return Vec::new() };
    let form = form(&ScriptPlace { path: "globalCode".into(), table: None, key: "globalCode" });
    let parsed = parse(text);
    // Formulas are not compiled yet, since they may call these functions: their types are known when they run.
    let scope =
        Scope { source: text, schema, functions: &[], formula_type: &|_| Ok(Type::ANY), this: None, form };
    let checked = check(&parsed.script, &scope);
    let mut diagnostics = parsed.diagnostics;
    diagnostics.extend(checked.diagnostics);
    if !diagnostics.is_empty() {
        problems.push(Problem { place: "globalCode".into(), source: text.into(), diagnostics });
    }
    checked.functions
}

enum State {
    UnderWay,
    Done(Formula),
}

/// Formulas while they are compiled: each when its type is asked for first.
struct Formulas<'a> {
    schema: &'a Schema,
    form: &'a dyn Fn(&ScriptPlace) -> Form,
    functions: &'a [Arc<UserFunction>],
    states: RefCell<FxHashMap<FieldAt, State>>,
    problems: RefCell<Vec<Problem>>,
    chain: RefCell<Vec<FieldAt>>,
}

impl Formulas<'_> {
    fn type_of(&self, at: FieldAt) -> Result<Type, String> {
        match self.states.borrow().get(&at) {
            Some(State::Done(formula)) => return Ok(formula.ty),
            Some(State::UnderWay) => return Err(self.circle(at)),
            None => {}
        }
        if self.chain.borrow().len() >= FORMULA_CHAIN_MAX {
            return Err(format!("formulas build on each other more than {FORMULA_CHAIN_MAX} times"));
        }
        let Some(table) = self.schema.table(at.table) else { return Ok(Type::ANY) };
        let Some(field) = table.fields.get(usize::from(at.slot)) else { return Ok(Type::ANY) };
        let Some(text) = source(&field.rest, "fn") else { return Ok(Type::ANY) };
        self.states.borrow_mut().insert(at, State::UnderWay);
        self.chain.borrow_mut().push(at);
        let place = format!("types.{}.fields.{}.fn", table.id, field.id);
        let checked = self.compile(text, at.table, &place, "fn", Effect::Volatile);
        self.chain.borrow_mut().pop();
        let ty = checked.as_ref().map_or(Type::ANY, |checked| checked.ty);
        let program = checked.map(|checked| Arc::new(checked.program));
        self.states
            .borrow_mut()
            .insert(at, State::Done(Formula { ty, program, dependencies: OnceLock::new() }));
        Ok(ty)
    }

    fn circle(&self, at: FieldAt) -> String {
        let chain = self.chain.borrow();
        let from = chain.iter().position(|link| *link == at).unwrap_or(0);
        let name = |at: &FieldAt| {
            let table = self.schema.table(at.table)?;
            let field = table.fields.get(usize::from(at.slot))?;
            Some(format!("{}.{}", table.caption, field.caption))
        };
        let names: Vec<String> = chain[from..].iter().chain([&at]).filter_map(name).collect();
        format!("formulas refer to each other in a circle: {}", names.join(" → "))
    }

    fn script(
        &self,
        map: &JsonMap,
        key: &'static str,
        table: TableId,
        place: &str,
        effect_max: Effect,
    ) -> Option<Arc<Program>> {
        let text = source(map, key)?;
        let checked = self.compile(text, table, &format!("{place}.{key}"), key, effect_max)?;
        Some(Arc::new(checked.program))
    }

    fn condition(&self, map: &JsonMap, key: &'static str, table: TableId, place: &str) -> Option<Guard> {
        let text = source(map, key)?;
        let checked = self.compile(text, table, &format!("{place}.{key}"), key, Effect::Volatile);
        Some(checked.map_or(Guard::Broken, |checked| Guard::Condition(Arc::new(checked.program))))
    }

    /// Compiles a script of the schema; none if it does not compile or does more than it may.
    fn compile(
        &self,
        text: &str,
        table: TableId,
        place: &str,
        key: &'static str,
        effect_max: Effect,
    ) -> Option<Checked> {
        let parsed = parse(text);
        let form = (self.form)(&ScriptPlace { path: place.into(), table: Some(table), key });
        let formula_type = |at| self.type_of(at);
        let scope = Scope {
            source: text,
            schema: self.schema,
            functions: self.functions,
            formula_type: &formula_type,
            this: Some(table),
            form,
        };
        let checked = check(&parsed.script, &scope);
        let mut diagnostics = parsed.diagnostics;
        diagnostics.extend(checked.diagnostics.iter().cloned());
        let effect = checked.program.effect;
        // What `eval` makes is looked at when it runs.
        if effect > effect_max && effect != Effect::Evaluates && effect_max < Effect::Outside {
            let span = parsed.script.body.span;
            let message = "a formula or condition only reads: no assignments to fields, `create`, `delete`, http() or mail";
            diagnostics.push(Diagnostic::error(codes::READ_ONLY, span, message));
        }
        let is_sound = diagnostics.iter().all(|d| d.severity != boobook_nx_syntax::Severity::Error);
        if !diagnostics.is_empty() {
            self.problems.borrow_mut().push(Problem {
                place: place.into(),
                source: text.into(),
                diagnostics,
            });
        }
        is_sound.then_some(checked)
    }
}
