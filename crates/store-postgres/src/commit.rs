//! Making a batch durable.
//!
//! A commit is one statement, which is a transaction by itself: `with moved as (update … where seq = base)` and an
//! insert for each kind of row that the batch has, all of which take nothing where `moved` is empty. So it costs one
//! round trip, and the engines that try a transaction again by themselves can do so. Only a batch that is too big for
//! one message, or that is the end of work put off, is a transaction of several statements.

use std::collections::BTreeMap;

use boobook_model::DatabaseId;
use boobook_store::{Batch, HistoryRow, Idempotency, Record, StoreError};
use futures_util::future::{try_join, try_join3};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::cluster::Node;
use crate::connection::{Connection, Param};
use crate::error::Trouble;
use crate::idempotency;
use crate::load::signed;
use crate::sql;

/// Rows of one kind in one statement.
const ROWS_MAX: usize = 20_000;
/// Bytes of bodies in one statement, unless one body alone has more. The protocol ends at a gigabyte.
const BYTES_MAX: usize = 16 << 20;

/// A parameter that a statement owns.
type Value<'a> = (Box<dyn ToSql + Sync + 'a>, Type);

/// A statement put together from parts, with its parameters.
struct Built<'a> {
    text: String,
    values: Vec<Value<'a>>,
}

impl<'a> Built<'a> {
    fn value(&mut self, value: impl ToSql + Sync + 'a, kind: Type) {
        self.values.push((Box::new(value), kind));
    }

    /// Appends a part, its `?` numbered from the values there are so far.
    fn part(&mut self, part: &str) {
        let mut next = self.values.len();
        let mut pieces = part.split('?');
        self.text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            next += 1;
            self.text.push_str(&format!("${next}"));
            self.text.push_str(piece);
        }
    }

    /// Appends a part of the one statement of a commit.
    fn with(&mut self, name: &str, part: &str) {
        self.text.push_str(&format!(", {name} as ("));
        self.part(part);
        self.text.push(')');
    }

    fn params(&self) -> Vec<Param<'_>> {
        self.values.iter().map(|(value, kind)| (&**value, kind.clone())).collect()
    }
}

/// What a batch becomes: the statement that decides, and what follows it in the same transaction.
pub(crate) struct Plan<'a> {
    first: Built<'a>,
    rest: Vec<Built<'a>>,
}

impl<'a> Plan<'a> {
    /// Puts the statements together.
    pub(crate) fn new(db: &'a DatabaseId, batch: &'a Batch, node: Node) -> Self {
        let mut first = Built { text: String::from(sql::MOVED), values: Vec::new() };
        first.value(db.as_str(), Type::TEXT);
        first.value(signed(batch.base), Type::INT8);
        first.value(signed(batch.seq), Type::INT8);
        first.value(batch.clock_ms, Type::INT8);
        first.value(batch.tx_id.to_be_bytes().to_vec(), Type::BYTEA);
        let mut rest = Vec::new();

        let mut records = chunks(&batch.records, |record| record.body.len());
        if let Some(records) = records.next() {
            first.with("put_records", sql::PUT_RECORDS);
            put_records(&mut first, batch, records);
        }
        for records in records {
            rest.push(alone(db, sql::PUT_RECORDS, |built| put_records(built, batch, records)));
        }
        let mut history = chunks(&batch.history, |row| row.before.len() + row.actor.len());
        if let Some(history) = history.next() {
            first.with("put_history", sql::PUT_HISTORY);
            put_history(&mut first, batch, history);
        }
        for history in history {
            rest.push(alone(db, sql::PUT_HISTORY, |built| put_history(built, batch, history)));
        }
        put_rest(&mut first, batch);
        put_off(&mut first, batch, node);
        if !batch.done.is_empty() {
            let taken = alone(db, sql::TAKE_DEFERRED, |built| {
                built.value(
                    batch.done.iter().map(|id| id.to_be_bytes().to_vec()).collect::<Vec<_>>(),
                    Type::BYTEA_ARRAY,
                );
            });
            rest.push(taken);
        }
        first.text.push(' ');
        first.text.push_str(sql::OUTCOME);
        Self { first, rest }
    }

    /// Commits it, in one round trip if one statement is all.
    pub(crate) fn commit(
        &self,
        connection: &mut Connection,
        db: &DatabaseId,
        place: &str,
    ) -> Result<(), Trouble> {
        if !self.rest.is_empty() {
            let begin = connection.begin_text();
            return self.commit_in(connection, Some(&begin), db, place);
        }
        let params = self.first.params();
        let query = connection.query(&self.first.text, &params)?;
        let rows = connection.wait(async |client| query.rows(client, &params).await);
        outcome(&rows.map_err(|e| e.after_commit_was_sent(place))?, db)
    }

    /// Commits it as a transaction, or as the end of one that is open. Before COMMIT is sent an error is just one;
    /// after that it leaves the outcome open, unless it says itself that the transaction failed.
    pub(crate) fn commit_in(
        &self,
        connection: &mut Connection,
        begin: Option<&str>,
        db: &DatabaseId,
        place: &str,
    ) -> Result<(), Trouble> {
        let done = self.write(connection, begin, db, place);
        match done {
            Ok(()) => connection.set_open(false),
            // After a failure COMMIT rolled back; to do so twice does no harm.
            Err(_) => connection.end_open(),
        }
        done
    }

    fn write(
        &self,
        connection: &mut Connection,
        begin: Option<&str>,
        db: &DatabaseId,
        place: &str,
    ) -> Result<(), Trouble> {
        let params = self.first.params();
        let first = connection.query(&self.first.text, &params)?;
        let rest = self.rest.iter().map(|built| connection.query(&built.text, &built.params()));
        let rest = rest.collect::<Result<Vec<_>, _>>()?;
        connection.set_open(true);
        let begin = async |client: &Client| match begin {
            Some(begin) => client.batch_execute(begin).await,
            None => Ok(()),
        };
        let mut rest: Vec<_> = self.rest.iter().zip(rest).collect();
        let Some((built, query)) = rest.pop() else {
            // Where the database stands elsewhere nothing was written, and nothing is what is committed.
            let rows = connection.wait(async |client| {
                let commit = client.batch_execute(sql::COMMIT);
                try_join3(begin(client), first.rows(client, &params), commit).await
            });
            return outcome(&rows.map_err(|e| e.after_commit_was_sent(place))?.1, db);
        };
        let rows =
            connection.wait(async |client| try_join(begin(client), first.rows(client, &params)).await)?.1;
        outcome(&rows, db)?;
        for (built, query) in rest {
            let params = built.params();
            connection.wait(async |client| query.touched(client, &params).await)?;
        }
        let params = built.params();
        let done = connection.wait(async |client| {
            try_join(query.touched(client, &params), client.batch_execute(sql::COMMIT)).await
        });
        done.map(drop).map_err(|e| e.after_commit_was_sent(place))
    }
}

/// What the deciding statement says.
fn outcome(rows: &[tokio_postgres::Row], db: &DatabaseId) -> Result<(), Trouble> {
    let outcome = rows.first().and_then(|row| row.try_get::<_, i32>(0).ok());
    match outcome {
        Some(1) => Ok(()),
        Some(-1) => Err(StoreError::NotFound(db.clone()).into()),
        _ => Err(StoreError::Conflict.into()),
    }
}

/// A part as a statement of its own, behind the one that decided.
fn alone<'a>(db: &'a DatabaseId, part: &str, fill: impl FnOnce(&mut Built<'a>)) -> Built<'a> {
    let mut built = Built { text: String::new(), values: Vec::new() };
    built.value(db.as_str(), Type::TEXT);
    built.part(&part.replace("moved, ", ""));
    fill(&mut built);
    built
}

/// Pieces of rows that fit into a statement.
fn chunks<T>(rows: &[T], bytes: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    let mut left = rows;
    std::iter::from_fn(move || {
        let mut total = 0;
        let fits = left.iter().take(ROWS_MAX).take_while(|row| {
            total += bytes(row);
            total <= BYTES_MAX
        });
        let count = fits.count().max(1).min(left.len());
        let (chunk, rest) = left.split_at(count);
        left = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

fn put_records<'a>(built: &mut Built<'a>, batch: &'a Batch, records: &'a [Record]) {
    // In the order of the key each page is touched once.
    let mut order: Vec<&Record> = records.iter().collect();
    order.sort_unstable_by_key(|record| (record.tid.packed(), record.rid));
    let column = |of: fn(&Record) -> i64| order.iter().map(|record| of(record)).collect::<Vec<i64>>();
    built.value(column(|record| record.tid.packed().into()), Type::INT8_ARRAY);
    built.value(column(|record| record.rid.get().into()), Type::INT8_ARRAY);
    built.value(column(|record| signed(record.sq)), Type::INT8_ARRAY);
    built.value(order.iter().map(|record| record.deleted).collect::<Vec<_>>(), Type::BOOL_ARRAY);
    built.value(order.iter().map(|record| batch.body(&record.body)).collect::<Vec<_>>(), Type::BYTEA_ARRAY);
}

fn put_history<'a>(built: &mut Built<'a>, batch: &'a Batch, rows: &'a [HistoryRow]) {
    let column = |of: fn(&HistoryRow) -> i64| rows.iter().map(of).collect::<Vec<i64>>();
    built.value(column(|row| signed(row.sq)), Type::INT8_ARRAY);
    built.value(column(|row| signed(row.prev)), Type::INT8_ARRAY);
    built.value(column(|row| row.at_ms), Type::INT8_ARRAY);
    built.value(rows.iter().map(|row| &*row.actor).collect::<Vec<_>>(), Type::TEXT_ARRAY);
    built.value(column(|row| row.tid.packed().into()), Type::INT8_ARRAY);
    built.value(column(|row| row.rid.get().into()), Type::INT8_ARRAY);
    built.value(rows.iter().map(|row| row.kind as i16).collect::<Vec<_>>(), Type::INT2_ARRAY);
    built.value(rows.iter().map(|row| batch.body(&row.before)).collect::<Vec<_>>(), Type::BYTEA_ARRAY);
}

/// The parts of which there are never many rows.
fn put_rest<'a>(built: &mut Built<'a>, batch: &'a Batch) {
    if !batch.counters.is_empty() {
        built.with("put_counters", sql::PUT_COUNTERS);
        // A statement must not touch a row twice; of several the last one counts.
        let counters: BTreeMap<i64, i64> =
            batch.counters.iter().map(|(tid, next)| (tid.packed().into(), *next as i64)).collect();
        built.value(counters.keys().copied().collect::<Vec<_>>(), Type::INT8_ARRAY);
        built.value(counters.values().copied().collect::<Vec<_>>(), Type::INT8_ARRAY);
    }
    if let Some((sq, schema)) = &batch.schema {
        built.with("put_schema", sql::PUT_SCHEMA);
        built.value(signed(*sq), Type::INT8);
        built.value(&**schema, Type::BYTEA);
    }
    if !batch.idempotency.is_empty() {
        built.with("put_idempotency", sql::PUT_IDEMPOTENCY);
        let known: BTreeMap<&[u8], &Idempotency> =
            batch.idempotency.iter().map(|(key, known)| (&**key, known)).collect();
        let each = || known.values();
        built.value(known.keys().copied().collect::<Vec<_>>(), Type::BYTEA_ARRAY);
        built.value(each().map(|known| known.at_ms).collect::<Vec<_>>(), Type::INT8_ARRAY);
        built.value(each().map(|known| &known.request_hash[..]).collect::<Vec<_>>(), Type::BYTEA_ARRAY);
        built.value(each().map(|known| i64::from(known.tid.packed())).collect::<Vec<_>>(), Type::INT8_ARRAY);
        let rids = each().map(|known| idempotency::pack(&known.rids)).collect::<Vec<_>>();
        built.value(rids, Type::BYTEA_ARRAY);
    }
}

fn put_off<'a>(built: &mut Built<'a>, batch: &'a Batch, node: Node) {
    if batch.put_off.is_empty() {
        return;
    }
    built.with("put_deferred", sql::PUT_DEFERRED);
    let work = &batch.put_off;
    built.value(node.id.to_vec(), Type::BYTEA);
    built.value(node.lease_ms(), Type::INT8);
    built.value((0..work.len() as i64).collect::<Vec<_>>(), Type::INT8_ARRAY);
    built.value(work.iter().map(|(id, _)| id.to_be_bytes().to_vec()).collect::<Vec<_>>(), Type::BYTEA_ARRAY);
    built.value(work.iter().map(|(_, body)| &**body).collect::<Vec<_>>(), Type::BYTEA_ARRAY);
}
