//! A small workspace, and short ways to write to it and to look at it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use boobook_app::{
    App, AppError, Host, Limits, NewKey, RecordInput, RecordInputs, Session, SystemHost, WriteAnswer,
    WriteRequest,
};
use boobook_model::{DatabaseId, Principal, RecordId, Value};
use boobook_store::{
    CatalogueChange, CatalogueState, DatabaseStore, Fault, FaultStore, Faults, Store, StoreError,
};
use serde_json::json;

/// A clock that stands still until it is moved, over real randomness.
#[derive(Debug)]
pub struct TestHost {
    pub now_ms: AtomicI64,
}

impl TestHost {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { now_ms: AtomicI64::new(1_700_000_000_000) })
    }
    pub fn advance(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Host for TestHost {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }
    fn random(&self, bytes: &mut [u8]) {
        SystemHost.random(bytes);
    }
}

pub struct Workspace {
    pub app: App,
    pub host: Arc<TestHost>,
    pub team: String,
    pub database: String,
    pub admin: Arc<Principal>,
    pub key: String,
}

/// Starts over a store; makes a team, an admin key, a database with `Kunden` and `Auftraege` (linked).
pub async fn workspace(store: Arc<dyn Store>, limits: Limits) -> Workspace {
    let host = TestHost::new();
    let app =
        App::start(if crate::UNKNOWN_OUTCOMES { uncertain(store) } else { store }, host.clone(), limits)
            .unwrap();
    let team = app.catalogue().create_team("Werkstatt Nord").unwrap().id;
    let new = NewKey { team: &team, role: Some("admin"), ..NewKey::default() };
    let (_, key) = app.catalogue().create_key(&new).unwrap();
    let admin = app.authenticate(key.as_bytes()).unwrap();
    let database = app.create_database(&admin, &team, "Lager", None).await.unwrap().id;
    let workspace = Workspace { app, host, team, database, admin, key };
    let session = workspace.session().await;
    for table in [
        json!({"name": "Kunden", "fields": [{"name": "Name", "type": "string"}, {"name": "Alter", "type": "number"}]}),
        json!({"name": "Auftraege", "fields": [
            {"name": "Nummer", "type": "string"},
            {"name": "Kunde", "type": "ref", "referenceToTable": "Kunden", "reverseName": "Auftraege"}]}),
    ] {
        let serde_json::Value::Object(body) = table else { unreachable!() };
        session.create_table(body).await.unwrap();
    }
    workspace
}

/// A store that commits and then says that it does not know whether it did, every time: whoever asks it is told.
/// Nothing may look different over it.
fn uncertain(store: Arc<dyn Store>) -> Arc<dyn Store> {
    let faults = Faults::new();
    for n in 0..5_000 {
        faults.fail_after(n, Fault::AfterCommit);
    }
    Arc::new(FaultStore::new(Shared(store), faults))
}

/// A store that is shared is a store.
struct Shared(Arc<dyn Store>);

impl Store for Shared {
    fn load_catalogue(&self) -> Result<CatalogueState, StoreError> {
        self.0.load_catalogue()
    }
    fn catalogue_version(&self) -> Result<u64, StoreError> {
        self.0.catalogue_version()
    }
    fn commit_catalogue(&self, base: u64, changes: &[CatalogueChange]) -> Result<u64, StoreError> {
        self.0.commit_catalogue(base, changes)
    }
    fn create_database(&self, id: &DatabaseId, schema: &[u8], at_ms: i64) -> Result<(), StoreError> {
        self.0.create_database(id, schema, at_ms)
    }
    fn open_database(&self, id: &DatabaseId) -> Result<Box<dyn DatabaseStore>, StoreError> {
        self.0.open_database(id)
    }
    fn delete_database(&self, id: &DatabaseId) -> Result<(), StoreError> {
        self.0.delete_database(id)
    }
}

impl Workspace {
    pub async fn session(&self) -> Session {
        self.session_of(&self.admin).await.unwrap()
    }

    pub async fn session_of(&self, principal: &Arc<Principal>) -> Result<Session, AppError> {
        self.app.session(principal, &self.team, &self.database).await
    }

    pub fn key_with(&self, new: NewKey<'_>) -> Arc<Principal> {
        let (_, key) = self.app.catalogue().create_key(&NewKey { team: &self.team, ..new }).unwrap();
        self.app.authenticate(key.as_bytes()).unwrap()
    }

    /// The same data seen by a server started anew over the same store.
    pub fn restarted(&self, store: Arc<dyn Store>) -> Workspace {
        let app = App::start(store, self.host.clone(), Limits::default()).unwrap();
        Workspace {
            app,
            host: self.host.clone(),
            team: self.team.clone(),
            database: self.database.clone(),
            admin: self.admin.clone(),
            key: self.key.clone(),
        }
    }
}

pub fn rid(n: u64) -> RecordId {
    RecordId::new(n).unwrap()
}

pub fn text(t: &str) -> Option<Value> {
    Some(Value::Text(t.into()))
}

pub fn create(values: Vec<(usize, Option<Value>)>) -> RecordInput {
    RecordInput { values, ..RecordInput::default() }
}

pub fn update(id: u64, values: Vec<(usize, Option<Value>)>) -> RecordInput {
    RecordInput { id: Some(rid(id)), values, ..RecordInput::default() }
}

pub fn delete(id: u64) -> RecordInput {
    RecordInput { id: Some(rid(id)), delete: true, ..RecordInput::default() }
}

/// A request of these inputs; answers the record ids, comma-separated.
pub fn request(table: &str, records: Vec<RecordInput>) -> WriteRequest {
    let body_bytes = records.len() * 100;
    WriteRequest {
        table: table.into(),
        prepare: Box::new(move |_| Ok(RecordInputs { records: records.clone(), single: false })),
        render: Box::new(|_, _, rids, _| {
            let ids: Vec<String> = rids.iter().map(|r| r.map_or("-".to_owned(), |r| r.to_string())).collect();
            ids.join(",").into()
        }),
        if_match: None,
        idempotency: None,
        skip_missing_deletes: false,
        body_bytes,
    }
}

pub async fn write(
    session: &Session,
    table: &str,
    records: Vec<RecordInput>,
) -> Result<WriteAnswer, AppError> {
    session.write(request(table, records)).await
}

/// Everything in the database: `table/record/field → value`.
pub fn dump(session: &Session) -> BTreeMap<String, String> {
    let snapshot = session.snapshot();
    let mut all = BTreeMap::new();
    for access in session.tables(&snapshot) {
        let table = access.table(&snapshot).unwrap();
        let selected = snapshot.select(access.id(), &boobook_engine::Select::default());
        for row in selected.rows {
            let id = table.record_id(row);
            let meta = table.meta(row);
            all.insert(
                format!("{}/{id}", access.id()),
                format!(
                    "{} {} {} {} {}",
                    meta.sq, meta.created_at_ms, meta.created_by, meta.modified_at_ms, meta.modified_by
                ),
            );
            for (slot, field) in access.schema.fields.iter().enumerate() {
                let cell = table.cell(slot, row);
                if !cell.is_empty() {
                    all.insert(format!("{}/{id}/{}", access.id(), field.caption), format!("{cell:?}"));
                }
                if field.kind.base() == "rev" {
                    let mut ids = Vec::new();
                    let (target, pair) = (field.target.unwrap(), field.pair.unwrap());
                    let slot = snapshot.schema.table(target).unwrap().slot(pair).unwrap();
                    snapshot.reverse(target, slot, id, &mut ids);
                    if !ids.is_empty() {
                        all.insert(format!("{}/{id}/{}", access.id(), field.caption), format!("{ids:?}"));
                    }
                }
            }
        }
    }
    all
}
