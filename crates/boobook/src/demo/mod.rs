//! The demo workspace: a small trading company with every field type, links in both directions, formulas, triggers,
//! defaults and conditions, German and English text. Deterministic: the same number of contacts gives the same records.
//!
//! It is written through the application like any client's data; nothing here knows how records are stored.

mod random;
mod rows;
mod tables;

use std::sync::Arc;

use anyhow::Context as _;
use boobook_app::{App, AppError, NewKey, Refusal, Session, WriteRequest};
use boobook_http::wire::input::{InputRules, read_records};
use boobook_model::{Principal, Schema};
use bytes::Bytes;
use serde_json::{Value, json};

pub(crate) use tables::SALES;

pub(crate) const TEAM: &str = "boobook demo";
const DATABASE: &str = "Handelshaus Nord";
const ADMIN_KEY: &str = "boobook demo";
const READER_KEY: &str = "boobook demo, read-only";
const SALES_KEY: &str = "boobook demo, sales";
/// Written last: where it has records the demo is complete.
const LAST_TABLE: &str = "Invoice";
const BATCH_RECORDS: usize = 5_000;

/// A ready demo workspace.
#[derive(Debug)]
pub(crate) struct Demo {
    pub(crate) team: String,
    pub(crate) database: String,
    /// The keys are new with each start: only their hashes are kept.
    pub(crate) admin_key: String,
    pub(crate) reader_key: String,
    /// Of a role for which some of it is not to be seen.
    pub(crate) sales_key: String,
    /// The database's last change, where a listener starts that does not want to hear all that was before.
    pub(crate) seq: u64,
    /// Whether the workspace was made now, not at an earlier start.
    pub(crate) is_new: bool,
}

/// Makes the workspace where it is not there yet, and new keys to it.
pub(crate) async fn prepare(app: &App, contacts: usize) -> anyhow::Result<Demo> {
    let here = app.clone();
    let (team, admin_key, reader_key, sales_key) =
        tokio::task::spawn_blocking(move || team_and_keys(&here)).await??;
    let admin = app.authenticate(admin_key.as_bytes())?;
    let (database, is_new) = database(app, &admin, &team, contacts).await?;
    let seq = app.session(&admin, &team, &database).await?.snapshot().sq.0;
    Ok(Demo { team, database, admin_key, reader_key, sales_key, seq, is_new })
}

/// The team, made where it is not there, and new keys of it: for everything, to read, of a role. Blocks.
fn team_and_keys(app: &App) -> anyhow::Result<(String, String, String, String)> {
    let team = match app.catalogue().view().team(TEAM) {
        Some(team) => team.id.clone(),
        None => app.catalogue().create_team(TEAM)?.id,
    };
    let admin = fresh_key(app, &team, ADMIN_KEY, "admin", false)?;
    let reader = fresh_key(app, &team, READER_KEY, "editor", true)?;
    let sales = fresh_key(app, &team, SALES_KEY, tables::SALES, false)?;
    Ok((team, admin, reader, sales))
}

/// A new key of that name; earlier ones of the name end.
fn fresh_key(app: &App, team: &str, name: &str, role: &str, read_only: bool) -> anyhow::Result<String> {
    let named = |k: &&Arc<boobook_app::KeyEntry>| {
        k.name.as_deref() == Some(name) && k.teams.iter().any(|t| t == team)
    };
    let earlier: Vec<String> =
        app.catalogue().view().keys.iter().filter(named).map(|k| k.id.clone()).collect();
    for id in earlier {
        app.catalogue().revoke_key(&id)?;
    }
    let new = NewKey { team, role: Some(role), read_only, name: Some(name), ..NewKey::default() };
    Ok(app.catalogue().create_key(&new)?.1)
}

async fn database(
    app: &App,
    admin: &Arc<Principal>,
    team: &str,
    contacts: usize,
) -> anyhow::Result<(String, bool)> {
    let there = app.databases(admin, team)?.into_iter().find(|d| d.name == DATABASE);
    if let Some(there) = there {
        let session = app.session(admin, team, &there.id).await?;
        let snapshot = session.snapshot();
        let last = session.table(&snapshot, LAST_TABLE);
        if last.is_ok_and(|access| access.table(&snapshot).is_ok_and(|table| !table.is_empty())) {
            return Ok((there.id, false));
        }
        // An earlier start was interrupted while it wrote: begin again.
        app.delete_database(admin, team, &there.id).await?;
    }
    let schema =
        Schema::from_json(json!({"globalCode": tables::GLOBAL_CODE})).context("the demo's schema")?;
    let made = app.create_database(admin, team, DATABASE, Some(schema)).await?;
    let session = app.session(admin, team, &made.id).await?;
    for table in tables::all() {
        session.create_table(table).await.context("the demo's tables")?;
    }
    for (table, records) in rows::all(contacts) {
        for batch in records.chunks(BATCH_RECORDS) {
            write(&session, table, batch).await.with_context(|| format!("the demo's records of {table}"))?;
        }
    }
    Ok((made.id, true))
}

async fn write(session: &Session, table: &str, records: &[Value]) -> Result<(), AppError> {
    let body = Value::Array(records.to_vec()).to_string().into_bytes();
    let rules = InputRules {
        records_max: BATCH_RECORDS,
        field_text_bytes_max: 1 << 20,
        unknown_field_status: boobook_http::StatusCode::BAD_REQUEST,
    };
    let request = WriteRequest {
        table: table.to_owned(),
        body_bytes: body.len(),
        prepare: Box::new(move |access| {
            read_records(&body, &access.schema, &rules).map_err(|e| AppError::Refused(Refusal(Arc::new(e))))
        }),
        render: Box::new(|_, _, _, _| Bytes::new()),
        if_match: None,
        idempotency: None,
        skip_missing_deletes: false,
    };
    session.write(request).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use boobook_app::{Limits, ScriptRequest, SystemHost};
    use boobook_store::MemStore;

    use super::*;

    #[test]
    fn every_field_type_is_shown() {
        let made: BTreeSet<String> = tables::all()
            .iter()
            .flat_map(|table| table["fields"].as_array().unwrap())
            .map(|field| field["type"].as_str().unwrap().to_owned())
            .collect();
        for kind in boobook_model::FIELD_KINDS {
            // 1:N fields come with their other side; `url` is another word for `link`.
            if !matches!(kind.base(), "rev" | "url") {
                assert!(made.contains(kind.base()), "no field of type {} in the demo", kind.base());
            }
        }
    }

    #[test]
    fn the_same_contacts_give_the_same_records() {
        let all = |n| rows::all(n).map(|(t, r)| (t, Value::Array(r).to_string())).collect::<Vec<_>>();
        assert_eq!(all(50), all(50));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn seeds_once_and_renews_keys() {
        let app = App::start(Arc::new(MemStore::default()), Arc::new(SystemHost), Limits::default()).unwrap();
        let first = prepare(&app, 40).await.unwrap();
        let second = prepare(&app, 40).await.unwrap();
        assert!(first.is_new && !second.is_new);
        assert_eq!(first.database, second.database);
        assert!(app.authenticate(first.admin_key.as_bytes()).is_err(), "the earlier key has ended");
        let reader = app.authenticate(second.reader_key.as_bytes()).unwrap();
        assert!(reader.read_only);
        let session = app.session(&reader, TEAM, DATABASE).await.unwrap();
        let snapshot = session.snapshot();
        for access in session.tables(&snapshot) {
            let records = access.table(&snapshot).unwrap();
            assert!(!records.is_empty(), "{} is empty", access.schema.caption);
        }
        app.stop();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn scripts_of_the_schema_compile_and_have_run() {
        let app = App::start(Arc::new(MemStore::default()), Arc::new(SystemHost), Limits::default()).unwrap();
        let demo = prepare(&app, 40).await.unwrap();
        let admin = app.authenticate(demo.admin_key.as_bytes()).unwrap();
        let session = app.session(&admin, TEAM, DATABASE).await.unwrap();
        assert_eq!(session.problems(&session.snapshot()).unwrap(), []);
        // Triggers ran while the records were written, and what they keep is what the formulas say.
        for script in [
            "cnt(select Customer where cnt(Orders) > 0 and text(Class) != classOf(Turnover))",
            "cnt(select Order where cnt(Items) > 0 and 'Booked total' != Total)",
            "cnt(select Invoice where Amount != Order.Total)",
            "cnt(select Invoice where Paid and 'Paid at' = null)",
        ] {
            let request = ScriptRequest { source: script.into(), ..ScriptRequest::default() };
            assert_eq!(session.query(request).await.unwrap().json, "0", "{script}");
        }
        app.stop();
    }
}
