//! Writing records: one request is one transaction of one table (rest-api.md §4).

use std::sync::Arc;

use boobook_engine::{Applied, Snapshot, Tx, TxError};
use boobook_model::{RecordId, Role, Schema, Sq, TableId, UserId, Value};
use boobook_nx::{FieldAtKey, PutOff, Right};
use boobook_store::Idempotency;
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::{
    AppError, Computed, Limits, TableAccess,
    access::table_access,
    files::may_name,
    script::{Behalf, Deferred, Recording, Written, deferred},
    transaction::Transaction,
};

/// One element of a write: what the request asks for one record.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecordInput {
    /// The record named; none: create.
    pub id: Option<RecordId>,
    /// Create the record under that id where it does not exist.
    pub upsert: bool,
    /// Delete it; one that does not exist is skipped if `WriteRequest::skip_missing_deletes` says so.
    pub delete: bool,
    /// New values by field slot; `None` clears. Fields not named keep theirs.
    pub values: Vec<(usize, Option<Value>)>,
}

/// The elements of a request, read against one schema version.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecordInputs {
    /// In the request's order.
    pub records: Vec<RecordInput>,
    /// The request is one object, not a list: places are named without `records[n]`.
    pub single: bool,
}

/// Reads the request's body against a table's schema. Called again when the schema changed before the write ran.
pub type Prepare = dyn Fn(&TableAccess) -> Result<RecordInputs, AppError> + Send + Sync;

/// Writes the answer from the state right after the write, with the formulas of the records there are. A record is
/// `None` where the request deleted it.
pub type Render = dyn Fn(&Snapshot, &TableAccess, &[Option<RecordId>], &Computed) -> Bytes + Send + Sync;

/// A write request.
pub struct WriteRequest {
    /// Table, as the path names it.
    pub table: String,
    /// Reads the body.
    pub prepare: Box<Prepare>,
    /// Writes the answer.
    pub render: Box<Render>,
    /// `If-Match`: the sequence the (single) record must have.
    pub if_match: Option<Sq>,
    /// `Idempotency-Key` and a hash of the request (method, path, body).
    pub idempotency: Option<(String, [u8; 32])>,
    /// Deleting an unknown record is no error (`DELETE T/records [7,8]`).
    pub skip_missing_deletes: bool,
    /// Size of the body, for the queue's limits.
    pub body_bytes: usize,
}

/// Longest `Idempotency-Key`.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// The answer to a write: the rendered body and the sequence the database stood at.
#[derive(Debug, Clone)]
pub struct WriteAnswer {
    /// The body.
    pub body: Bytes,
    /// Sequence after the write.
    pub sq: Sq,
}

pub(crate) struct RecordsTransaction {
    request: WriteRequest,
    actor: UserId,
    role: Role,
    read_only: bool,
    behalf: Behalf,
    recording: Recording,
    /// Work that triggers put off.
    put_off: Vec<PutOff>,
    idempotency: Option<(Vec<u8>, [u8; 32])>,
    /// What the inputs were read against, and they.
    prepared: (Arc<Schema>, TableAccess, RecordInputs),
    /// Record of each input, known once run.
    rids: Vec<Option<RecordId>>,
    body: Option<WriteAnswer>,
    answer: Option<oneshot::Sender<Result<WriteAnswer, AppError>>>,
}

impl RecordsTransaction {
    /// Reads the request against the newest schema, so that bad input never reaches the writer.
    pub(crate) fn new(
        request: WriteRequest,
        schema: &Arc<Schema>,
        behalf: Behalf,
        limits: &Limits,
        answer: oneshot::Sender<Result<WriteAnswer, AppError>>,
    ) -> Result<Self, AppError> {
        let (actor, role) = (behalf.principal.user.clone(), behalf.role.clone());
        let read_only = behalf.principal.read_only;
        let idempotency = match &request.idempotency {
            Some((key, _)) if key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX => {
                return Err(AppError::bad(
                    "Idempotency-Key",
                    format!("expected 1 to {IDEMPOTENCY_KEY_BYTES_MAX} characters"),
                ));
            }
            // Two users may choose the same key; they never see each other's answers.
            Some((key, hash)) => Some((format!("{actor}\n{key}").into_bytes(), *hash)),
            None => None,
        };
        let prepared = prepare(&request, schema, &role, read_only)?;
        let count = prepared.2.records.len();
        if count > limits.records_per_request_max {
            return Err(AppError::TooLarge(format!(
                "{count} records in one request; at most {} are allowed (limits.records_per_request_max)",
                limits.records_per_request_max
            )));
        }
        Ok(Self {
            request,
            actor,
            role,
            read_only,
            behalf,
            recording: Recording::default(),
            put_off: Vec::new(),
            idempotency,
            prepared,
            rids: Vec::new(),
            body: None,
            answer: Some(answer),
        })
    }

    /// Refuses names of files that the record does not have, or that the caller may not see.
    fn check_file_names(&self, tx: &Tx<'_>, at: usize) -> Result<(), AppError> {
        let (_, access, inputs) = &self.prepared;
        let input = &inputs.records[at];
        for (slot, value) in &input.values {
            let field = &access.schema.fields[*slot];
            let Some(Value::Text(name)) = value else { continue };
            if field.holds_file_name() && !may_name(tx, access, input.id, *slot, name)? {
                let element = if inputs.single { String::new() } else { format!("records[{at}].") };
                return Err(AppError::bad(
                    format!("{element}fields.{}", field.caption),
                    boobook_nx::no_such_file(name),
                ));
            }
        }
        Ok(())
    }

    fn run_input(&mut self, tx: &mut Tx<'_>, at: usize) -> Result<Option<RecordId>, AppError> {
        self.check_file_names(tx, at)?;
        let (_, access, inputs) = &mut self.prepared;
        let table = access.id();
        let input = &mut inputs.records[at];
        // Kept for another run after a failed commit.
        let values = input.values.clone();
        let outcome = match input.id {
            None => {
                access.require(access.can_create, "create records in")?;
                tx.create(table, values).map(Some)
            }
            Some(rid) if input.delete => {
                access.require(access.can_delete, "delete records of")?;
                if self.request.skip_missing_deletes && !tx.exists(table, rid) {
                    return Ok(None);
                }
                check_if_match(self.request.if_match, tx.sequence(table, rid))?;
                tx.delete(table, rid).map(|()| None)
            }
            Some(rid) if input.upsert => {
                let exists = tx.exists(table, rid);
                access
                    .require(if exists { access.can_write } else { access.can_create }, "write records of")?;
                tx.upsert(table, rid, values).map(|_| Some(rid))
            }
            Some(rid) => {
                access.require(access.can_write, "change records of")?;
                check_if_match(self.request.if_match, tx.sequence(table, rid))?;
                tx.update(table, rid, values).map(|()| Some(rid))
            }
        };
        outcome.map_err(|error| self.explain_at(error, Some(at)))
    }

    fn render(&self, snapshot: &Snapshot, rids: &[Option<RecordId>]) -> Bytes {
        let (_, access, _) = &self.prepared;
        let computed = self.behalf.computed(snapshot, access, rids);
        (self.request.render)(snapshot, access, rids, &computed)
    }

    fn explain_at(&self, error: TxError, at: Option<usize>) -> AppError {
        let (schema, access, inputs) = &self.prepared;
        let element = at.filter(|_| !inputs.single).map(|at| format!("records[{at}]"));
        match error {
            TxError::RecordNotFound { .. } => AppError::RecordNotFound { place: element },
            TxError::NoSuchReference { table, rid, slot, target, missing } => {
                let element = match element {
                    Some(element) => Some(element),
                    None => {
                        let at = self.rids.iter().position(|r| *r == Some(rid) && table == access.id());
                        at.filter(|_| !inputs.single).map(|at| format!("records[{at}]"))
                    }
                };
                let field = schema.table(table).and_then(|t| t.fields.get(slot)).map_or("", |f| &f.caption);
                let target = schema.table(target).map_or("?", |t| &t.caption);
                let place = element.map_or_else(String::new, |e| format!("{e}."));
                AppError::bad(
                    format!("{place}fields.{field}"),
                    format!("there is no record {missing} in table {target:?}"),
                )
            }
            other => AppError::bad(element.unwrap_or_default(), other.to_string()),
        }
    }
}

fn prepare(
    request: &WriteRequest,
    schema: &Arc<Schema>,
    role: &Role,
    read_only: bool,
) -> Result<(Arc<Schema>, TableAccess, RecordInputs), AppError> {
    let access = table_access(schema, &request.table, role, read_only)?;
    if read_only {
        return Err(AppError::Forbidden("this key is read-only".into()));
    }
    let inputs = (request.prepare)(&access)?;
    for (at, input) in inputs.records.iter().enumerate() {
        if let Some((slot, _)) = input.values.iter().find(|(slot, _)| !access.may_write(*slot)) {
            let element = if inputs.single { String::new() } else { format!("records[{at}].") };
            let caption = &access.schema.fields[*slot].caption;
            return Err(AppError::Forbidden(format!(
                "{element}fields.{caption}: this key may not write this field"
            )));
        }
    }
    Ok((Arc::clone(schema), access, inputs))
}

/// What a request needs of the schema's conditions, as the records stand before it.
fn asked_before(
    tx: &Tx<'_>,
    table: TableId,
    inputs: &[RecordInput],
    hides_records: bool,
) -> Vec<(Right, RecordId)> {
    let mut asked = Vec::new();
    for input in inputs {
        let Some(rid) = input.id.filter(|&rid| tx.exists(table, rid)) else { continue };
        if hides_records {
            asked.push((Right::Read(table), rid));
        }
        if input.delete {
            asked.push((Right::Delete(table), rid));
            continue;
        }
        asked.push((Right::Write(table), rid));
        let fields = input.values.iter().map(|(slot, _)| FieldAtKey(table, *slot as u16));
        asked.extend(fields.map(|field| (Right::WriteField(field), rid)));
    }
    asked
}

fn check_if_match(expected: Option<Sq>, actual: Option<Sq>) -> Result<(), AppError> {
    match (expected, actual) {
        (Some(expected), Some(actual)) if expected != actual => {
            Err(AppError::PreconditionFailed { expected: expected.0, actual: actual.0 })
        }
        _ => Ok(()),
    }
}

impl Transaction for RecordsTransaction {
    fn actor(&self) -> &UserId {
        &self.actor
    }

    fn size_bytes(&self) -> usize {
        self.request.body_bytes
    }

    fn idempotency(&self) -> Option<(&[u8], [u8; 32])> {
        self.idempotency.as_ref().map(|(key, hash)| (key.as_slice(), *hash))
    }

    fn recording(&mut self) -> Option<&mut Recording> {
        Some(&mut self.recording)
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), AppError> {
        if !Arc::ptr_eq(&self.prepared.0, tx.schema()) {
            // The schema changed between reading the request and its turn: names may mean something else now.
            self.prepared = prepare(&self.request, tx.schema(), &self.role, self.read_only)?;
        }
        self.rids.clear();
        let mut written: Vec<Written> = Vec::new();
        let table = self.prepared.1.id();
        let has_triggers = self.behalf.are_there(tx, table);
        let has_rights = self.behalf.has_rights(tx, table);
        let hides_records = self.behalf.hides_records(tx, table);
        if has_rights || hides_records {
            let asked = asked_before(tx, table, &self.prepared.2.records, hides_records);
            self.behalf.require(tx, &self.recording, table, &asked)?;
        }
        let has_defaults = self.behalf.has_defaults(tx, table);
        let mut made: Vec<(RecordId, Vec<u16>)> = Vec::new();
        for at in 0..self.prepared.2.records.len() {
            let is_new = match &self.prepared.2.records[at] {
                RecordInput { id: None, .. } => true,
                RecordInput { id: Some(rid), .. } => !tx.exists(self.prepared.1.id(), *rid),
            };
            let rid = self.run_input(tx, at)?;
            let slots = self.prepared.2.records[at].values.iter().map(|(slot, _)| *slot as u16);
            if let Some(rid) = rid.filter(|_| (has_rights || has_defaults) && is_new) {
                made.push((rid, slots.clone().collect()));
            }
            if let Some(rid) = rid.filter(|_| has_triggers) {
                written.push((rid, is_new, slots.collect()));
            }
            self.rids.push(rid);
        }
        if has_defaults && !made.is_empty() {
            self.behalf.set_defaults(tx, &self.recording, table, &made)?;
        }
        if has_rights && !made.is_empty() {
            let asked: Vec<_> = made.iter().map(|(rid, _)| (Right::Create(table), *rid)).collect();
            self.behalf.require(tx, &self.recording, table, &asked)?;
        }
        self.put_off.clear();
        if !written.is_empty() {
            self.put_off = self.behalf.set_off(tx, &self.recording, table, &written)?;
        }
        Ok(())
    }

    fn put_off(&mut self) -> Vec<Deferred> {
        deferred(&self.behalf, &self.put_off, &self.recording)
    }

    fn explain(&self, error: TxError) -> AppError {
        self.explain_at(error, None)
    }

    fn applied(&mut self, snapshot: &Snapshot, _applied: &Applied) -> Option<Idempotency> {
        let (_, access, _) = &self.prepared;
        let body = self.render(snapshot, &self.rids);
        self.body = Some(WriteAnswer { body, sq: snapshot.sq });
        let (_, request_hash) = self.idempotency.as_ref()?;
        let rids = self.rids.clone();
        Some(Idempotency { request_hash: *request_hash, tid: access.id(), rids, at_ms: 0 })
    }

    fn replay(&mut self, snapshot: &Snapshot, earlier: &Idempotency) {
        let body = self.render(snapshot, &earlier.rids);
        self.body = Some(WriteAnswer { body, sq: snapshot.sq });
    }

    fn answer(mut self: Box<Self>, result: Result<(), AppError>) {
        let answer = result.and_then(|()| {
            self.body.take().ok_or_else(|| AppError::Internal("a write came to no answer".into()))
        });
        if let Some(sender) = self.answer.take() {
            // The client may have gone; the write stands all the same.
            let _ = sender.send(answer);
        }
    }
}
