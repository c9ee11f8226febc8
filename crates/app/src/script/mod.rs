//! Scripts of requests (rest-api.md §6): compiled against the schema of the state they run on, run on threads of
//! their own, never on those that serve connections.

mod behalf;
mod brief;
mod compiled;
mod deferred;
mod delivery;
mod explain;
mod files;
mod formulas;
mod limits;
mod linked;
mod mail;
mod memo;
#[cfg(any(test, feature = "oracle"))]
mod oracle;
mod outside;
mod overlay;
mod reading;
mod recording;
mod sharing;
mod snapshot;
mod temporary;
mod this;
mod threads;
mod transaction;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use boobook_engine::Snapshot;
use boobook_model::{DatabaseId, Principal, Role, Schema, Sq, TableId};
use boobook_nx::{Checked, Context, Effect, Library, Reference, RunError, json};
use boobook_nx_syntax::{Diagnostic, line_column};
use tokio::sync::oneshot;

use crate::{AppError, Database, Session, TableAccess, app::Inner};

pub(crate) use behalf::{Behalf, Written};
pub(crate) use compiled::CompiledScripts;
pub(crate) use deferred::{Deferred, Parked, Then, deferred, resume};
pub use delivery::MailCounts;
pub(crate) use delivery::{MailCounters, wanted_contents};
pub(crate) use files::Contents;
pub use formulas::{Computed, Formulas};
pub use limits::ScriptLimits;
pub use mail::Mail;
pub(crate) use memo::{Memos, Recall};
#[cfg(any(test, feature = "oracle"))]
pub use oracle::check_nx_diff;
pub(crate) use outside::Reach;
pub use outside::{HttpAnswer, HttpRequest, Outside, Undelivered};
pub(crate) use recording::{Leaves, Place, Recording};
use this::This;
pub(crate) use threads::{STACK_BYTES, ScriptThreads};
use transaction::ScriptTransaction;

/// A script and how its answer is to be written.
#[derive(Debug, Clone, Default)]
pub struct ScriptRequest {
    /// The script.
    pub source: String,
    /// The record that is `this` in it, as scripts answer records: `A6`.
    pub this: Option<String>,
    /// Choices as captions instead of option ids (`choiceStyle=names`).
    pub captions: bool,
    /// The answer tells how its selections were made, and how long it took. Only scripts that read.
    pub explain: bool,
}

/// What a script came to.
#[derive(Debug, Clone)]
pub struct ScriptAnswer {
    /// The value as JSON.
    pub json: String,
    /// The state it was computed from.
    pub sq: Sq,
}

/// What is wrong with a script, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptError {
    /// What is wrong and what was expected.
    pub message: String,
    /// From 1; `None` where no place is to blame.
    pub line: Option<u32>,
    /// From 1, in characters.
    pub column: Option<u32>,
    /// The script itself does not compile.
    pub is_syntax: bool,
}

/// What is wrong with a script of the schema.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptProblem {
    /// Where in the schema: `types.A.fields.C.fn`.
    pub place: String,
    /// The script.
    pub source: String,
    /// What is wrong, and where.
    pub error: ScriptError,
    /// The script runs all the same.
    pub is_warning: bool,
}

/// Who runs a script: what it may see of the workspace.
pub(crate) struct Runner {
    /// It reads whatever conditions of the schema say.
    pub(crate) is_admin: bool,
    pub(crate) user: boobook_nx::User,
    pub(crate) users: Vec<boobook_nx::User>,
    pub(crate) team: String,
    pub(crate) database: String,
    pub(crate) public_url: String,
}

impl Runner {
    pub(crate) fn new(app: &Inner, database: &DatabaseId, principal: &Principal, role: &Role) -> Self {
        let view = app.catalogue.view();
        let database = database.as_str();
        let team = view.team_of(database).unwrap_or_default().to_owned();
        let in_team = |entry: &crate::UserEntry| {
            let role = entry.teams.iter().find(|(id, _)| *id == team).map(|(_, role)| role.as_str())?;
            let email = entry.email.as_deref().unwrap_or_default();
            // One who was given no name is known by the address.
            let address = email.split('@').next().filter(|name| !name.is_empty());
            let name = entry.name.as_deref().or(address).unwrap_or(&entry.id);
            Some(boobook_nx::User {
                id: entry.id.parse().ok()?,
                name: name.into(),
                email: email.into(),
                roles: vec![role.into()],
            })
        };
        let users: Vec<_> = view.users.iter().filter_map(|entry| in_team(entry)).collect();
        let known = users.iter().find(|user| user.id == principal.user).cloned();
        let mut user = known.unwrap_or_else(|| boobook_nx::User {
            id: principal.user.clone(),
            name: principal.user.as_str().into(),
            email: "".into(),
            roles: Vec::new(),
        });
        // A key may act in a lesser role than its user has.
        user.roles = vec![role.as_str().into()];
        let public_url = app.public_url().to_owned();
        Self { is_admin: role.is_admin(), user, users, team, database: database.to_owned(), public_url }
    }
}

impl Session {
    /// Runs a script that only reads. One that may write is refused before anything runs.
    pub async fn query(&self, request: ScriptRequest) -> Result<ScriptAnswer, AppError> {
        let snapshot = self.snapshot();
        let limits = &self.app.limits.script;
        check_source(&request, limits)?;
        if let Some(answer) = self.query_here(&snapshot, &request) {
            return Ok(answer);
        }
        let runner = self.runner();
        let accesses = self.accesses(&snapshot.schema);
        let app = Arc::clone(&self.app);
        let database = Arc::clone(&self.database);
        let (sender, receiver) = oneshot::channel();
        self.app.scripts.run(Box::new(move || {
            let outcome = read(&app, &database, &snapshot, &accesses, runner, &request);
            // The client may have gone meanwhile.
            let _ = sender.send(outcome);
        }))?;
        receiver.await.map_err(|_| AppError::Unavailable("the server is shutting down".into()))?
    }

    /// Runs a script in one transaction, all or nothing; answers when that is durable.
    pub async fn exec(&self, request: ScriptRequest) -> Result<ScriptAnswer, AppError> {
        let limits = &self.app.limits.script;
        check_source(&request, limits)?;
        if self.principal.read_only {
            return Err(AppError::Forbidden("this key is read-only".into()));
        }
        // What does not compile never reaches the writer.
        let schema = Arc::clone(&self.snapshot().schema);
        let library = self.database.library(&schema);
        let (checked, _) = compile(&self.database, &library, &self.accesses(&schema), &request)?;
        if checked.program.effect < Effect::Evaluates {
            return self.query(request).await;
        }
        if request.explain {
            return Err(AppError::bad("explain", "only a script that reads can be explained"));
        }
        let (sender, receiver) = oneshot::channel();
        self.database.submit(Box::new(ScriptTransaction::new(request, self.behalf(), sender)))?;
        receiver.await.map_err(|_| AppError::Unavailable("the server is shutting down".into()))?
    }

    /// The formulas of a table among some columns (`None`: all).
    pub fn formulas(&self, access: &TableAccess, columns: Option<&[u16]>) -> Formulas {
        let shown = |slot: &u16| columns.is_none_or(|columns| columns.contains(slot));
        self.formulas_of(access.id(), access.schema.formulas().iter().copied().filter(shown).collect())
    }

    fn formulas_of(&self, table: TableId, slots: Arc<[u16]>) -> Formulas {
        Formulas {
            app: Arc::clone(&self.app),
            database: Arc::clone(&self.database),
            principal: Arc::clone(&self.principal),
            role: self.role.clone(),
            table,
            slots,
        }
    }

    /// What is wrong with scripts of the schema. Needs the admin role.
    pub fn problems(&self, snapshot: &Snapshot) -> Result<Vec<ScriptProblem>, AppError> {
        self.require_admin()?;
        let library = self.database.library(&snapshot.schema);
        let of = |problem: &boobook_nx::Problem| {
            let place = |diagnostic: &Diagnostic| ScriptProblem {
                place: problem.place.clone(),
                source: problem.source.to_string(),
                error: does_not_compile(&problem.source, diagnostic),
                is_warning: diagnostic.severity == boobook_nx_syntax::Severity::Warning,
            };
            problem.diagnostics.iter().map(place).collect::<Vec<_>>()
        };
        Ok(library.problems.iter().flat_map(of).collect())
    }

    pub(crate) fn behalf(&self) -> Behalf {
        Behalf {
            app: Arc::clone(&self.app),
            database: Arc::clone(&self.database),
            principal: Arc::clone(&self.principal),
            role: self.role.clone(),
        }
    }

    fn runner(&self) -> Runner {
        Runner::new(&self.app, &self.database.id, &self.principal, &self.role)
    }

    pub(crate) fn accesses(&self, schema: &Schema) -> Accesses {
        Accesses::new(schema, &self.role, self.principal.read_only)
    }
}

/// The caller's rights in every table, in the schema's order.
pub(crate) struct Accesses(Vec<TableAccess>);

impl Accesses {
    pub(crate) fn new(schema: &Schema, role: &Role, read_only: bool) -> Self {
        Self(schema.tables.iter().map(|table| TableAccess::new(table, role, read_only)).collect())
    }

    pub(crate) fn of(&self, table: boobook_model::TableId) -> Option<&TableAccess> {
        self.0.binary_search_by_key(&table, TableAccess::id).ok().map(|at| &self.0[at])
    }
}

fn read(
    app: &Inner,
    database: &Database,
    snapshot: &Arc<Snapshot>,
    accesses: &Accesses,
    runner: Runner,
    request: &ScriptRequest,
) -> Result<ScriptAnswer, AppError> {
    let limits = &app.limits.script;
    let source = &*request.source;
    let library = database.library(&snapshot.schema);
    let (checked, this) = compile(database, &library, accesses, request)?;
    if checked.program.effect >= Effect::Outside {
        return Err(AppError::Script(ScriptError {
            message: "this script may write or reach outside; /query only reads: send it to /exec".into(),
            line: None,
            column: None,
            is_syntax: false,
        }));
    }
    let is_admin = runner.is_admin;
    let time_max = Duration::from_millis(limits.ms_max);
    let recall = Recall::new(&database.memos, snapshot, &library);
    let contents = Contents::new(app, &database.id);
    let mut reader = snapshot::Reader::new(snapshot, accesses, runner, &*app.host)
        .recalling(recall)
        .reading(contents, time_max);
    #[expect(clippy::disallowed_methods, reason = "how long a script runs is no part of what it computes")]
    let started = Instant::now();
    let is_time_up = || started.elapsed() > time_max;
    let locale = limits::locale(&snapshot.schema);
    let mut cx = Context::new(&mut reader, Arc::clone(&library), locale.clone(), limits.run(), &is_time_up);
    if !is_admin {
        cx.restrict();
    }
    if request.explain {
        cx.explain();
    }
    let arguments = this::arguments(this, source, &mut cx)?;
    let value = checked.program.run(&mut cx, arguments).map_err(|error| failed(source, &error))?;
    let mut out = String::new();
    if request.captions {
        json::write_with_captions(&value, &snapshot.schema, &locale, &mut out);
    } else {
        json::write(&value, &mut out);
    }
    if request.explain {
        let told = explain::told(source, &snapshot.schema, &cx.explained(), started.elapsed());
        out = format!("{{\"result\":{out},\"explain\":{told}}}");
    }
    check_size(&out, limits)?;
    Ok(ScriptAnswer { json: out, sq: snapshot.sq })
}

fn check_source(request: &ScriptRequest, limits: &ScriptLimits) -> Result<(), AppError> {
    if request.source.len() <= limits.source_bytes_max {
        return Ok(());
    }
    Err(AppError::TooLarge(format!(
        "the script is longer than {} bytes (limits.script.source_bytes_max)",
        limits.source_bytes_max
    )))
}

fn check_size(json: &str, limits: &ScriptLimits) -> Result<(), AppError> {
    if json.len() <= limits.result_bytes_max {
        return Ok(());
    }
    Err(AppError::Script(ScriptError {
        message: format!(
            "the result is larger than {} bytes (limits.script.result_bytes_max)",
            limits.result_bytes_max
        ),
        line: None,
        column: None,
        is_syntax: false,
    }))
}

/// Compiles a script and asks for rights in the tables and fields that it names. Answers the record that is `this`, too.
fn compile(
    database: &Database,
    library: &Arc<Library>,
    accesses: &Accesses,
    request: &ScriptRequest,
) -> Result<(Arc<Checked>, Option<This>), AppError> {
    let source = &*request.source;
    let this = this::named(request, &library.schema)?;
    let checked = match this {
        None => database.scripts.get(library, source),
        Some((table, _)) => {
            accesses.of(table).ok_or(AppError::TableNotFound)?.require_read()?;
            Arc::new(library.script(source, Some(table)))
        }
    };
    require_sound(&checked, accesses, source)?;
    Ok((checked, this))
}

/// Refuses a script that does not compile or names what the caller may not read.
pub(crate) fn require_sound(checked: &Checked, accesses: &Accesses, source: &str) -> Result<(), AppError> {
    if let Some(first) = checked.diagnostics.iter().find(|d| d.severity == boobook_nx_syntax::Severity::Error)
    {
        return Err(AppError::Script(does_not_compile(source, first)));
    }
    for (_, reference) in &checked.references {
        let (table, field) = match *reference {
            Reference::Table(table) => (table, None),
            Reference::Field(table, field) | Reference::Option(table, field) => (table, Some(field)),
        };
        let Some(access) = accesses.of(table) else { continue };
        access.require_read()?;
        let slot = field.and_then(|field| access.schema.slot(field));
        if let Some(slot) = slot.filter(|&slot| !access.may_read(slot)) {
            let caption = &access.schema.fields[slot].caption;
            return Err(AppError::Forbidden(format!("this key may not read field {caption:?}")));
        }
    }
    Ok(())
}

fn does_not_compile(source: &str, diagnostic: &Diagnostic) -> ScriptError {
    let (line, column) = line_column(source, diagnostic.span.start);
    let message = match &diagnostic.hint {
        Some(hint) => format!("{} ({hint})", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    ScriptError { message, line: Some(line), column: Some(column), is_syntax: true }
}

/// A script of the schema that does not let a request be.
pub(crate) fn refused(message: String) -> AppError {
    AppError::Script(ScriptError { message, line: None, column: None, is_syntax: false })
}

pub(crate) fn failed(source: &str, error: &RunError) -> AppError {
    if error.is_transient {
        return AppError::Unavailable(error.to_string());
    }
    let place = error.span.map(|(start, _)| line_column(source, start));
    AppError::Script(ScriptError {
        message: error.to_string(),
        line: place.map(|(line, _)| line),
        column: place.map(|(_, column)| column),
        is_syntax: false,
    })
}
