//! Teams, users, keys, databases, and changes made by another process.

use std::sync::Arc;

use boobook_app::{AppError, Catalogue, Limits, NewKey, NewUser};
use boobook_store::MemStore;

use crate::harness::*;

#[tokio::test]
async fn a_key_is_shown_once_and_only_its_hash_is_kept() {
    let store = Arc::new(MemStore::default());
    let w = workspace(store.clone(), Limits::default()).await;
    let state = boobook_store::Store::load_catalogue(&*store).unwrap();
    let all: String = state.entries.iter().map(|e| String::from_utf8_lossy(&e.body).into_owned()).collect();
    assert!(!all.contains(&w.key), "the key itself is nowhere");
    assert_eq!(w.app.authenticate(b"bb_wrong").err(), Some(AppError::Unauthorized));
    assert_eq!(w.app.authenticate(b"").err(), Some(AppError::Unauthorized));
}

#[tokio::test]
async fn a_key_expires_and_is_revoked() {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    let new = NewKey { team: &w.team, expires_in_ms: Some(1000), ..NewKey::default() };
    let (entry, key) = w.app.catalogue().create_key(&new).unwrap();
    let principal = w.app.authenticate(key.as_bytes()).unwrap();
    let session = w.session_of(&principal).await.unwrap();
    assert!(session.still_valid());
    w.host.advance(1000);
    assert_eq!(w.app.authenticate(key.as_bytes()).err(), Some(AppError::Unauthorized));
    assert!(!session.still_valid());
    w.app.catalogue().revoke_key(&entry.id).unwrap();
    assert!(matches!(w.app.catalogue().revoke_key(&entry.id), Err(AppError::BadInput { .. })));
}

#[tokio::test]
async fn another_process_is_noticed() {
    let store = Arc::new(MemStore::default());
    let w = workspace(store.clone(), Limits::default()).await;
    let command_line = Catalogue::open(store, w.host.clone()).unwrap();
    let (entry, key) =
        command_line.create_key(&NewKey { team: "Werkstatt Nord", ..NewKey::default() }).unwrap();
    assert!(w.app.authenticate(key.as_bytes()).is_err());
    w.app.ready().await.unwrap();
    assert!(w.app.authenticate(key.as_bytes()).is_ok());
    command_line.revoke_key(&entry.id).unwrap();
    w.app.ready().await.unwrap();
    assert!(w.app.authenticate(key.as_bytes()).is_err());
}

#[tokio::test]
async fn users_have_a_role_in_each_team() {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    let catalogue = w.app.catalogue();
    let of = |email, name, role| catalogue.create_user(&NewUser { email, name, team: &w.team, role });
    let user = of("Jane@Example.com", Some("Jane Doe"), "editor").unwrap();
    let again = of("jane@example.com", None, "chef").unwrap();
    assert_eq!((&user.id, again.name.as_deref()), (&again.id, Some("Jane Doe")));
    let principal = w.key_with(NewKey { user: Some("jane@example.com"), ..NewKey::default() });
    assert_eq!(principal.user.as_str(), user.id);
    assert_eq!(principal.role_in(&w.team).unwrap().as_str(), "chef");
    assert!(of("nobody", None, "editor").is_err() && of("jane@example.com", Some(""), "editor").is_err());
    let stranger = NewKey { team: &w.team, user: Some("who@example.com"), ..NewKey::default() };
    assert!(matches!(catalogue.create_key(&stranger), Err(AppError::BadInput { .. })));
}

#[tokio::test]
async fn a_deleted_database_is_gone_at_once() {
    let store = Arc::new(MemStore::default());
    let w = workspace(store.clone(), Limits::default()).await;
    let s = w.session().await;
    write(&s, "Kunden", vec![create(vec![])]).await.unwrap();
    w.app.catalogue().delete_database(&w.team, "Lager").unwrap();
    assert_eq!(w.session_of(&w.admin).await.err(), Some(AppError::DatabaseNotFound));
    let again = w.restarted(store.clone());
    again.app.finish_deletions().await.unwrap();
    assert!(again.app.catalogue().view().databases.is_empty());
    let id = w.database.parse().unwrap();
    assert!(boobook_store::Store::open_database(&*store, &id).is_err(), "its data is gone too");
}
