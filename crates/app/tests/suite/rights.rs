//! Roles, read-only keys, keys for one database.

use std::sync::Arc;

use boobook_app::{AppError, Limits, NewKey, Wanted};
use boobook_engine::{Condition, Order, Select, Test};
use boobook_store::MemStore;
use serde_json::json;

use crate::harness::*;

#[tokio::test]
async fn a_read_only_key_changes_nothing() {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    let reader = w.key_with(NewKey { read_only: true, role: Some("admin"), ..NewKey::default() });
    let s = w.session_of(&reader).await.unwrap();
    let error = write(&s, "Kunden", vec![create(vec![])]).await.unwrap_err();
    assert_eq!(error, AppError::Forbidden("this key is read-only".into()));
    assert!(matches!(s.create_table(serde_json::Map::new()).await, Err(AppError::Forbidden(_))));
    assert!(matches!(w.app.create_team(&reader, "x").await, Err(AppError::Forbidden(_))));
    assert!(s.readable_table(&s.snapshot(), "Kunden").is_ok());
}

#[tokio::test]
async fn a_key_for_one_database_sees_no_other() {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    let second = w.app.create_database(&w.admin, &w.team, "Zweite", None).await.unwrap();
    let databases = [second.id.clone()];
    let narrow = w.key_with(NewKey { databases: &databases, ..NewKey::default() });
    assert_eq!(w.app.databases(&narrow, &w.team).unwrap(), [second]);
    assert_eq!(w.session_of(&narrow).await.err(), Some(AppError::DatabaseNotFound));
}

#[tokio::test]
async fn another_team_is_not_there() {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    let other = w.app.catalogue().create_team("Fremd").unwrap();
    assert_eq!(w.app.teams(&w.admin).len(), 1);
    assert_eq!(w.app.team(&w.admin, &other.id).err(), Some(AppError::TeamNotFound));
    assert_eq!(w.app.session(&w.admin, &other.id, &w.database).await.err(), Some(AppError::TeamNotFound));
}

#[tokio::test]
async fn role_lists_hold_on_every_path() {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    let admin = w.session().await;
    let serde_json::Value::Object(table) = json!({
        "name": "Gehalt", "createRoles": ["chef"], "deleteRoles": ["chef"],
        "fields": [{"name": "Wer", "type": "string"},
                   {"name": "Betrag", "type": "number", "readRoles": ["chef"], "writeRoles": ["chef"]}]})
    else {
        unreachable!()
    };
    admin.create_table(table).await.unwrap();
    write(
        &admin,
        "Gehalt",
        vec![create(vec![(0, text("Eva")), (1, Some(boobook_model::Value::Number(5.0)))])],
    )
    .await
    .unwrap();
    let editor = w.key_with(NewKey { role: Some("editor"), ..NewKey::default() });
    let chef = w.key_with(NewKey { role: Some("chef"), ..NewKey::default() });
    let s = w.session_of(&editor).await.unwrap();
    let snapshot = s.snapshot();
    let access = s.readable_table(&snapshot, "Gehalt").unwrap();
    assert!(access.may_read(0) && !access.may_read(1) && !access.reads_all());
    let forbidden = |r: Result<_, AppError>| matches!(r, Err(AppError::Forbidden(_)));
    assert!(forbidden(write(&s, "Gehalt", vec![create(vec![])]).await.map(|_| ())));
    assert!(forbidden(write(&s, "Gehalt", vec![delete(1)]).await.map(|_| ())));
    assert!(forbidden(write(&s, "Gehalt", vec![update(1, vec![(1, None)])]).await.map(|_| ())));
    write(&s, "Gehalt", vec![update(1, vec![(0, text("Eve"))])]).await.unwrap();
    let by_secret = Select { order: Order::Field { slot: 1, desc: false }, ..Select::default() };
    let wanted = |select| Wanted { select, ..Wanted::default() };
    assert!(forbidden(s.find(&snapshot, &access, wanted(by_secret)).await.map(|_| ())));
    let filter = Condition { slot: 1, test: Test::AnyOf(vec![None]) };
    let by_filter = Select { filters: vec![filter], ..Select::default() };
    assert!(forbidden(s.find(&snapshot, &access, wanted(by_filter)).await.map(|_| ())));
    let predicate = Wanted { predicate: Some("B > 1".into()), ..Wanted::default() };
    assert!(forbidden(s.find(&snapshot, &access, predicate).await.map(|_| ())));
    let (_, history, _) = s.record_changes("Gehalt", rid(1), boobook_model::Sq(0), 10).await.unwrap();
    assert!(history.iter().all(|c| c.values.iter().all(|(f, _)| f.to_string() == "A")), "{history:?}");
    assert!(forbidden(s.require_admin()));
    let c = w.session_of(&chef).await.unwrap();
    write(&c, "Gehalt", vec![create(vec![(1, Some(boobook_model::Value::Number(6.0)))]), delete(1)])
        .await
        .unwrap();
}
