//! The application: authentication, teams, databases, and the way into one.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use boobook_files::{Blobs, Thumbnails};
use boobook_model::{DatabaseId, JsonMap, Principal, Role, Schema, Sq, UserId};
use boobook_store::Store;

use crate::{
    AppError, Catalogue, Database, DatabaseState, Host, Limits, Outside, Session, catalogue,
    cluster::{Looks, Seen},
    files::{COLLECT_EVERY, Files, from_blob},
    limits::CATALOGUE_POLL,
    registry::Registry,
    script::{MailCounters, MailCounts, ScriptThreads, resume},
    share::Passwords,
    writer::WriterPool,
};

/// The server without its network. Clones share everything.
#[derive(Clone)]
pub struct App {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) registry: Registry,
    pub(crate) store: Arc<dyn Store>,
    /// Where the store has other servers too.
    pub(crate) looks: Option<Arc<Looks>>,
    pub(crate) pool: Arc<WriterPool>,
    pub(crate) scripts: ScriptThreads,
    pub(crate) outside: OnceLock<Arc<dyn Outside>>,
    pub(crate) files: OnceLock<Files>,
    /// Where people reach this server, without a slash at the end.
    public_url: OnceLock<String>,
    pub(crate) mail: MailCounters,
    pub(crate) passwords: Passwords,
    looked_at_ms: AtomicI64,
}

/// Requests that name what is not there make the catalogue be read again at most this often.
const LOOK_AGAIN_AFTER_MS: i64 = 20;

/// Transactions that run apart at a time, at least: most of them only wait for the web.
const APART_THREADS: usize = 8;

/// Who makes a request, and what was seen of the store when it came.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub principal: Arc<Principal>,
    seen: Option<(DatabaseId, Seen)>,
}

/// A team or database as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

impl Inner {
    /// The beginning of links; empty where nobody told it.
    pub(crate) fn public_url(&self) -> &str {
        self.public_url.get().map_or("", String::as_str)
    }
}

impl App {
    /// Opens the catalogue and starts the writer threads.
    pub fn start(store: Arc<dyn Store>, host: Arc<dyn Host>, limits: Limits) -> Result<Self, AppError> {
        let threads = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 16));
        let app = Self::assemble(store, host, limits, threads)?;
        if let Some(looks) = &app.inner.looks {
            looks.start();
        }
        Ok(app)
    }

    /// `writers`: threads that write; none in a test that does their work itself.
    pub(crate) fn assemble(
        store: Arc<dyn Store>,
        host: Arc<dyn Host>,
        limits: Limits,
        writers: usize,
    ) -> Result<Self, AppError> {
        let catalogue = Arc::new(Catalogue::open(Arc::clone(&store), Arc::clone(&host))?);
        catalogue.drop_unfinished()?;
        let limits = Arc::new(limits);
        let threads = writers.max(1);
        let waiting_max = limits.script.waiting_max;
        let no_scripts = |e| AppError::Unavailable(format!("script threads cannot start: {e}"));
        let apart =
            ScriptThreads::start("apart", (4 * writers).clamp(1, APART_THREADS.max(threads)), waiting_max)
                .map_err(no_scripts)?;
        let pool = WriterPool::start(writers, Arc::clone(&host), apart)
            .map_err(|e| AppError::Unavailable(format!("writer threads cannot start: {e}")))?;
        let scripts = ScriptThreads::start("script", threads, waiting_max).map_err(no_scripts)?;
        let passwords = Passwords::new(&*host);
        let looks = store.cluster().is_some().then(|| Looks::new(Arc::clone(&store), Arc::clone(&host)));
        let registry =
            Registry::new(Arc::clone(&store), Arc::clone(&host), Arc::clone(&limits), Arc::clone(&pool));
        Ok(Self {
            inner: Arc::new(Inner {
                catalogue,
                host,
                limits,
                registry,
                store,
                looks,
                pool,
                scripts,
                outside: OnceLock::new(),
                files: OnceLock::new(),
                public_url: OnceLock::new(),
                mail: MailCounters::default(),
                passwords,
                looked_at_ms: AtomicI64::new(0),
            }),
        })
    }

    /// Gives scripts a way out; without one, functions that need it are an error. The first one stays.
    pub fn reach_outside(&self, outside: Arc<dyn Outside>) {
        // Whoever comes later changes nothing, as the comment above says.
        let _ = self.inner.outside.set(outside);
    }

    /// Gives files a place; without one, end-points of files are an error. The first one stays. Called within the runtime
    /// on which scripts have contents read.
    pub fn keep_files(&self, blobs: Blobs, thumbnails: Thumbnails) {
        let runtime = tokio::runtime::Handle::current();
        // Whoever comes later changes nothing, as the comment above says.
        let _ = self.inner.files.set(Files { blobs, thumbnails, runtime });
    }

    /// Tells where people reach this server, for links that scripts make; without it those begin at the root of this
    /// server (`/share/…`). The first one stays.
    pub fn be_reached_at(&self, url: &str) {
        // Whoever comes later changes nothing, as the comment above says.
        let _ = self.inner.public_url.set(url.trim_end_matches('/').to_owned());
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// The catalogue, for the demo and tests.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.inner.catalogue
    }

    /// Number of open databases, and the bytes they hold.
    pub fn usage(&self) -> (usize, usize) {
        self.inner.registry.usage()
    }

    /// Number of databases that could not be opened when they were asked for last.
    pub fn unreadable(&self) -> usize {
        self.inner.registry.unreadable()
    }

    /// What became of messages of `sendEmail()`.
    pub fn mails(&self) -> MailCounts {
        self.inner.mail.read()
    }

    /// Who a bearer key belongs to, as far as this process knows.
    pub fn authenticate(&self, bearer: &[u8]) -> Result<Arc<Principal>, AppError> {
        self.inner.catalogue.authenticate(bearer)
    }

    /// As [`Self::authenticate`], but a key that is not known is looked for in the store first: the command line
    /// may have made it a moment ago. `path` names team and database, where the request goes to one. In a cluster, what
    /// the catalogue and that database have come to by now is seen first.
    pub async fn caller(&self, bearer: &[u8], path: Option<(&str, &str)>) -> Result<Caller, AppError> {
        let seen = match &self.inner.looks {
            Some(looks) => self.look(looks, path).await?,
            None => None,
        };
        let principal = match self.authenticate(bearer) {
            Err(AppError::Unauthorized) if self.look_again().await => self.authenticate(bearer)?,
            known => known?,
        };
        Ok(Caller { principal, seen })
    }

    /// Looks where the catalogue stands, and the database that a path names, and reads the catalogue anew if it is not
    /// the one that is known. Nothing is asked where the database's memory is young enough for a read.
    pub(crate) async fn look(
        &self,
        looks: &Arc<Looks>,
        path: Option<(&str, &str)>,
    ) -> Result<Option<(DatabaseId, Seen)>, AppError> {
        // Names may be others' in a newer catalogue.
        for _ in 0..3 {
            let named = self.named(path);
            if let Some(database) = named.as_ref().and_then(|id| self.inner.registry.opened(id.as_str()))
                && self.is_young(&database)
            {
                return Ok(None);
            }
            let seen = looks.ask(named.clone()).await?;
            if self.inner.catalogue.view().seq < seen.catalogue {
                let catalogue = Arc::clone(&self.inner.catalogue);
                blocking(move || catalogue.refresh()).await?;
            }
            if self.named(path) == named {
                return Ok(named.map(|id| (id, seen)));
            }
        }
        Err(AppError::Busy("databases are being renamed; try again".into()))
    }

    /// The database that a path names, as far as this process knows.
    fn named(&self, path: Option<(&str, &str)>) -> Option<DatabaseId> {
        let (team, database) = path?;
        let view = self.inner.catalogue.view();
        let entry = view.database(&view.team(team)?.id, database)?;
        catalogue::database_id(entry).ok()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// Reads the catalogue again before its next turn, but not for every request that names nothing; whether it did.
    /// What was missing may be known then even if nothing was new: the regular turn may have read it meanwhile.
    pub(crate) async fn look_again(&self) -> bool {
        let now_ms = self.inner.host.now_ms();
        let last_ms = self.inner.looked_at_ms.load(Ordering::Relaxed);
        if (last_ms..last_ms + LOOK_AGAIN_AFTER_MS).contains(&now_ms) {
            return false;
        }
        self.inner.looked_at_ms.store(now_ms, Ordering::Relaxed);
        let catalogue = Arc::clone(&self.inner.catalogue);
        blocking(move || catalogue.refresh()).await.is_ok()
    }

    /// The teams the caller may see.
    pub fn teams(&self, principal: &Principal) -> Vec<Named> {
        let view = self.inner.catalogue.view();
        let visible = view.teams.iter().filter(|t| principal.role_in(&t.id).is_some());
        visible.map(|t| Named { id: t.id.clone(), name: t.name.clone() }).collect()
    }

    /// One of them.
    pub fn team(&self, principal: &Principal, key: &str) -> Result<Named, AppError> {
        let view = self.inner.catalogue.view();
        let (team, _) = visible_team(&view, principal, key)?;
        Ok(Named { id: team.id.clone(), name: team.name.clone() })
    }

    /// The databases of a team the caller may see.
    pub fn databases(&self, principal: &Principal, team: &str) -> Result<Vec<Named>, AppError> {
        let view = self.inner.catalogue.view();
        let (team, _) = visible_team(&view, principal, team)?;
        let visible = view.databases_of(&team.id).filter(|d| principal.may_see(&d.id));
        Ok(visible.map(|d| Named { id: d.id.clone(), name: d.name.clone() }).collect())
    }

    /// Makes a team; the caller's key sees it as `admin`.
    pub async fn create_team(&self, principal: &Principal, name: &str) -> Result<Named, AppError> {
        let is_admin = principal.teams.iter().any(|(_, role)| role.is_admin());
        if !is_admin || principal.read_only || principal.databases.is_some() {
            return Err(AppError::Forbidden(
                "making a team needs the admin role and a key for all databases".into(),
            ));
        }
        let (catalogue, key, name) =
            (Arc::clone(&self.inner.catalogue), principal.key.clone(), name.to_owned());
        blocking(move || {
            let team = catalogue.create_team(&name)?;
            catalogue.add_team_to_key(key.as_str(), &team.id)?;
            Ok(Named { id: team.id, name: team.name })
        })
        .await
    }

    /// Makes a database in a team, empty or with a schema. Scripts that are not in the form a schema keeps come through
    /// [`crate::keep_scripts`] first.
    pub async fn create_database(
        &self,
        principal: &Principal,
        team: &str,
        name: &str,
        schema: Option<Schema>,
    ) -> Result<Named, AppError> {
        let team = self.team_to_change(principal, team)?;
        let (catalogue, name) = (Arc::clone(&self.inner.catalogue), name.to_owned());
        blocking(move || {
            let schema = schema.unwrap_or_else(|| Schema::empty(&name));
            let entry = catalogue.create_database(&team, &name, schema)?;
            Ok(Named { id: entry.id, name: entry.name })
        })
        .await
    }

    /// Gives a team another name.
    pub async fn rename_team(
        &self,
        principal: &Principal,
        team: &str,
        name: &str,
    ) -> Result<Named, AppError> {
        let id = self.team_to_change(principal, team)?;
        let (catalogue, name) = (Arc::clone(&self.inner.catalogue), name.to_owned());
        blocking(move || {
            let team = catalogue.rename_team(&id, &name)?;
            Ok(Named { id: team.id, name: team.name })
        })
        .await
    }

    /// Removes a team that has no databases.
    pub async fn delete_team(&self, principal: &Principal, team: &str) -> Result<(), AppError> {
        let id = self.team_to_change(principal, team)?;
        let catalogue = Arc::clone(&self.inner.catalogue);
        blocking(move || catalogue.delete_team(&id)).await
    }

    /// Removes a database with everything in it: nobody finds it any more once this is answered.
    pub async fn delete_database(
        &self,
        principal: &Principal,
        team: &str,
        database: &str,
    ) -> Result<(), AppError> {
        let id = self.team_to_change(principal, team)?;
        let (_, entry) = self.visible_database(principal, team, database)?;
        let catalogue = Arc::clone(&self.inner.catalogue);
        blocking(move || catalogue.delete_database(&id, &entry.id).map(|_| ())).await
    }

    /// Changes settings of a database: name, icon, colour and whatever else is sent. Answers all of them.
    pub async fn change_settings(
        &self,
        principal: &Arc<Principal>,
        team: &str,
        database: &str,
        body: JsonMap,
    ) -> Result<JsonMap, AppError> {
        let session = self.session(principal, team, database).await?;
        session.require_schema_writer()?;
        if let Some(name) = body.get("name").and_then(serde_json::Value::as_str) {
            let (catalogue, name) = (Arc::clone(&self.inner.catalogue), name.to_owned());
            let (team, database) = (team.to_owned(), session.database_id().to_string());
            blocking(move || catalogue.rename_database(&team, &database, &name)).await?;
        }
        session.patch_settings(body).await?;
        Ok(session.snapshot().schema.settings.0.clone())
    }

    /// The id of a team whose catalogue entries the caller may change.
    fn team_to_change(&self, principal: &Principal, team: &str) -> Result<String, AppError> {
        let view = self.inner.catalogue.view();
        let (team, role) = visible_team(&view, principal, team)?;
        if !role.is_admin() || principal.read_only || principal.databases.is_some() {
            return Err(AppError::Forbidden(
                "this needs the admin role and a key that may write to all databases".into(),
            ));
        }
        Ok(team.id.clone())
    }

    /// The way into a database for who makes a request: checks that they may see it and opens it if need be.
    pub async fn enter(&self, caller: &Caller, team: &str, database: &str) -> Result<Session, AppError> {
        let session = self.session_at_once(&caller.principal, team, database).await?;
        let database = &session.database;
        match (&caller.seen, &self.inner.looks) {
            (Some((id, seen)), _) if *id == database.id => self.reach(database, seen).await?,
            (_, Some(looks)) if !self.is_young(database) => {
                let seen = looks.ask(Some(database.id.clone())).await?;
                self.reach(database, &seen).await?;
            }
            _ => {}
        }
        Ok(session)
    }

    /// As [`Self::enter`], for a caller whose request said nothing of the database when it came.
    pub async fn session(
        &self,
        principal: &Arc<Principal>,
        team: &str,
        database: &str,
    ) -> Result<Session, AppError> {
        let seen = match &self.inner.looks {
            Some(looks) => self.look(looks, Some((team, database))).await?,
            None => None,
        };
        self.enter(&Caller { principal: Arc::clone(principal), seen }, team, database).await
    }

    /// Sees to it that a session answers from no earlier state than the client has seen elsewhere.
    pub async fn reach_at_least(&self, session: &Session, sequence: Sq) -> Result<(), AppError> {
        if session.snapshot().sq >= sequence {
            return Ok(());
        }
        if let Some(looks) = &self.inner.looks {
            let seen = looks.ask(Some(session.database.id.clone())).await?;
            self.reach(&session.database, &seen).await?;
        }
        let known = session.snapshot().sq;
        if known >= sequence {
            return Ok(());
        }
        Err(AppError::Unavailable(format!(
            "the database stands at {known}, which is before the {sequence} that X-Boobook-Min-Sq asks for: was it \
             restored from a back-up, or does the number come from another database?"
        )))
    }

    async fn session_at_once(
        &self,
        principal: &Arc<Principal>,
        team: &str,
        database: &str,
    ) -> Result<Session, AppError> {
        let (role, entry) = match self.visible_database(principal, team, database) {
            Err(AppError::DatabaseNotFound) if self.look_again().await => {
                self.visible_database(principal, team, database)?
            }
            found => found?,
        };
        let database = match self.inner.registry.opened(&entry.id) {
            Some(database) => database,
            None => self.inner.registry.open(&catalogue::database_id(&entry)?).await?,
        };
        self.take_up_found(&database, &principal.user);
        Ok(Session { app: Arc::clone(&self.inner), database, principal: Arc::clone(principal), role })
    }

    /// Does the work that was put off and was found when a database was opened.
    pub(crate) fn take_up_found(&self, database: &Arc<Database>, finder: &UserId) {
        for (id, body) in database.found_put_off() {
            resume(&self.inner, database, finder, id, body);
        }
    }

    fn visible_database(
        &self,
        principal: &Principal,
        team: &str,
        database: &str,
    ) -> Result<(Role, Arc<catalogue::DatabaseEntry>), AppError> {
        let view = self.inner.catalogue.view();
        let (team, role) = visible_team(&view, principal, team)?;
        let entry = view.database(&team.id, database).filter(|d| principal.may_see(&d.id));
        Ok((role.clone(), Arc::clone(entry.ok_or(AppError::DatabaseNotFound)?)))
    }

    /// Whether the store answers.
    pub async fn ready(&self) -> Result<(), AppError> {
        if let Some(looks) = &self.inner.looks {
            // As requests ask: however many do, none takes a connection or a thread of its own.
            return looks.ask(None).await.map(drop);
        }
        let catalogue = Arc::clone(&self.inner.catalogue);
        blocking(move || catalogue.refresh().map(|_| ())).await
    }

    /// What goes on beside requests: changes by other processes, memory, idle work. Runs until dropped.
    pub async fn run_background(&self) {
        tokio::join!(self.follow_others(), self.look_after());
    }

    async fn look_after(&self) {
        let mut round = 0u32;
        loop {
            tokio::time::sleep(CATALOGUE_POLL).await;
            round = round.wrapping_add(1);
            let inner = Arc::clone(&self.inner);
            let look = blocking(move || {
                // In a cluster it is looked at with the databases.
                if inner.looks.is_none() {
                    inner.catalogue.refresh()?;
                }
                if round.is_multiple_of(4) {
                    inner.registry.maintain();
                    for (database, work) in inner.registry.due() {
                        resume(&inner, &database, &work.by, work.id, work.body);
                    }
                }
                Ok(())
            });
            if let Err(error) = look.await {
                tracing::warn!("the catalogue cannot be read: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            if u128::from(round) % (COLLECT_EVERY.as_millis() / CATALOGUE_POLL.as_millis()) == 1
                && let Err(error) = self.collect_files().await
            {
                tracing::warn!("contents that no record names could not be removed: {error}");
            }
            if let Err(error) = self.finish_deletions().await {
                tracing::warn!("a deleted database could not be removed: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    /// Removes the data of databases that are marked as going. The server does it by itself.
    pub async fn finish_deletions(&self) -> Result<(), AppError> {
        let going: Vec<_> = {
            let view = self.inner.catalogue.view();
            view.databases.iter().filter(|d| d.state == DatabaseState::Deleting).cloned().collect()
        };
        if going.is_empty() {
            return Ok(());
        }
        for entry in &going {
            let id = catalogue::database_id(entry)?;
            self.inner.registry.close(&id).await;
            if let Some(files) = self.inner.files.get() {
                files.blobs.delete_database(&id).await.map_err(from_blob)?;
            }
        }
        let catalogue = Arc::clone(&self.inner.catalogue);
        blocking(move || catalogue.finish_deletions()).await
    }

    /// Lets the writers finish what waits, and ends them. Blocks; call when no more requests come.
    pub fn stop(&self) {
        self.inner.pool.stop();
        if let Some(looks) = &self.inner.looks {
            looks.stop();
        }
        if let Some(cluster) = self.inner.store.cluster()
            && let Err(error) = cluster.leave()
        {
            tracing::warn!(
                "work that was put off waits until its lease ends and another node takes it: {error}"
            );
        }
    }
}

fn visible_team<'a>(
    view: &'a catalogue::View,
    principal: &'a Principal,
    key: &str,
) -> Result<(&'a Arc<catalogue::TeamEntry>, &'a Role), AppError> {
    let team = view.team(key).ok_or(AppError::TeamNotFound)?;
    let role = principal.role_in(&team.id).ok_or(AppError::TeamNotFound)?;
    Ok((team, role))
}

/// Does what blocks on a thread where that harms nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AppError> + Send + 'static,
) -> Result<T, AppError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| AppError::Internal(e.to_string()))?
}
