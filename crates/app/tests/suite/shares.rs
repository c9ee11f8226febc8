//! Shares: what is read by a link is what their maker may see at the time.

use std::sync::Arc;

use boobook_app::{
    AppError, Limits, NewKey, NewUser, PasswordProof, Session, ShareChange, ShareTarget, ViewWanted,
};
use boobook_files::{Blobs, ByteRange, Hash, ThumbnailOptions, Thumbnails};
use boobook_model::Value;
use boobook_store::MemStore;
use serde_json::{Value as Json, json};

use crate::{
    harness::*,
    web::{Web, exec},
};

/// A workspace with a table of salaries, and a session of Eva, an admin.
async fn salaries() -> (Workspace, Session) {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    let Json::Object(table) = json!({
        "name": "Gehalt", "canRead": "Wer != \"Chefin\"", "readRoles": ["editor", "boss"],
        "fields": [{"name": "Wer", "type": "string"},
                   {"name": "Betrag", "type": "number", "readRoles": ["boss"]},
                   {"name": "Notiz", "type": "string", "canRead": "Wer = \"Ada\""}]})
    else {
        unreachable!()
    };
    let admin = w.session().await;
    admin.create_table(table).await.unwrap();
    let row = |who: &str, amount, note: &str| {
        create(vec![(0, text(who)), (1, Some(Value::Number(amount))), (2, text(note))])
    };
    let rows = vec![row("Ada", 10.0, "gut"), row("Ben", 20.0, "neu"), row("Chefin", 99.0, "geheim")];
    write(&admin, "Gehalt", rows).await.unwrap();
    give(&w, "admin");
    let eva = w.key_with(NewKey { user: Some("eva@example.com"), ..NewKey::default() });
    let session = w.session_of(&eva).await.unwrap();
    (w, session)
}

/// Eva's role from now on.
fn give(w: &Workspace, role: &str) {
    let user = NewUser { email: "eva@example.com", name: None, team: &w.team, role };
    w.app.catalogue().create_user(&user).unwrap();
}

async fn view(session: &Session, columns: Json) -> ShareTarget {
    let Json::Object(body) = json!({"type": "C", "caption": "V", "config": {"cols": columns}}) else {
        unreachable!()
    };
    let kind = boobook_app::DocumentKind::View;
    let edited =
        session.put_documents(kind, vec![(None, body)], true, boobook_app::Form::Human).await.unwrap();
    session.shared_view(&edited.documents[0], None).unwrap()
}

/// What a link shows: captions, and the cells of each row.
async fn read(w: &Workspace, token: &str) -> Result<(Vec<String>, Vec<String>), AppError> {
    let shared = w.app.shared(token, PasswordProof::None).await?;
    let ShareTarget::View { table, view } = &shared.share.target else { unreachable!() };
    let snapshot = shared.session.snapshot();
    let view = shared.view(&snapshot, *table, view)?;
    let answer = shared.session.view(snapshot, view, ViewWanted::default(), |table| {
        let columns = table.columns.iter().map(|column| column.caption.clone()).collect();
        let row = |at| {
            let cells = (0..table.columns.len()).map(|column| table.text(column, &table.cell(column, at)));
            cells.collect::<Vec<_>>().join("|")
        };
        Ok((columns, table.page.clone().map(row).collect()))
    });
    answer.await
}

#[tokio::test]
async fn a_link_shows_what_its_maker_may_see_now() {
    let (w, eva) = salaries().await;
    let all = json!([{"expression": "Wer"}, {"expression": "Betrag"}, {"expression": "Notiz"},
        {"expression": "Betrag * 2", "caption": "Doppelt"}, {"expression": "\"!\" + Notiz", "caption": "Ruf"}]);
    let token = eva.put_share(view(&eva, all).await, ShareChange::default()).await.unwrap().token.clone();
    let filtered = json!([{"expression": "Wer"}, {"expression": "Betrag", "filter": "> 5"}]);
    let filtered =
        eva.put_share(view(&eva, filtered).await, ShareChange::default()).await.unwrap().token.clone();
    let rows = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>();

    let (columns, cells) = read(&w, &token).await.unwrap();
    assert_eq!(columns, ["Wer", "Betrag", "Notiz", "Doppelt", "Ruf"]);
    assert_eq!(cells, rows(&["Ada|10|gut|20|!gut", "Ben|20|neu|40|!neu", "Chefin|99|geheim|198|!geheim"]));

    give(&w, "boss");
    let (_, cells) = read(&w, &token).await.unwrap();
    assert_eq!(cells, rows(&["Ada|10|gut|20|!gut", "Ben|20||40|!"]), "conditions hide a record and a field");

    give(&w, "editor");
    let (columns, cells) = read(&w, &token).await.unwrap();
    assert_eq!(columns, ["Wer", "Notiz", "Ruf"], "what reads a field of others' does not show");
    assert_eq!(cells, rows(&["Ada|gut|!gut", "Ben||!"]));
    let (columns, cells) = read(&w, &filtered).await.unwrap();
    assert_eq!((columns, cells), (vec!["Wer".to_owned()], Vec::new()), "a filter would tell what it reads");

    give(&w, "guest");
    assert_eq!(read(&w, &token).await, Err(AppError::ShareNotFound), "the table is not for guests");
    give(&w, "admin");
    assert_eq!(read(&w, &token).await.unwrap().1.len(), 3);
}

#[tokio::test]
async fn a_key_of_a_lesser_role_shares_no_more_than_it_sees() {
    let (w, eva) = salaries().await;
    let target = view(&eva, json!([{"expression": "Wer"}])).await;
    let lesser =
        w.key_with(NewKey { user: Some("eva@example.com"), role: Some("editor"), ..NewKey::default() });
    let lesser = w.session_of(&lesser).await.unwrap();
    let error = lesser.put_share(target.clone(), ShareChange::default()).await.unwrap_err();
    assert!(matches!(error, AppError::Forbidden(_)), "{error}");
    assert!(matches!(lesser.share(&target), Err(AppError::Forbidden(_))));
    assert_eq!(eva.share(&target), Err(AppError::NotShared));
}

#[tokio::test]
async fn a_link_ends_at_its_time_and_when_it_is_ended() {
    let (w, eva) = salaries().await;
    let target = view(&eva, json!([{"expression": "Wer"}])).await;
    let until_ms = boobook_app::Host::now_ms(&*w.host) + 1_000;
    let until = ShareChange { expires_at_ms: Some(Some(until_ms)), ..ShareChange::default() };
    let first = eva.put_share(target.clone(), until).await.unwrap();
    assert_eq!(first.token.len(), 36);
    assert!(read(&w, &first.token).await.is_ok());
    w.host.advance(1_000);
    assert_eq!(read(&w, &first.token).await, Err(AppError::ShareNotFound));
    assert_eq!(eva.share(&target), Err(AppError::NotShared));
    let second = eva.put_share(target.clone(), ShareChange::default()).await.unwrap();
    assert_ne!(first.token, second.token, "what is past its time stays dead");
    assert!(read(&w, &second.token).await.is_ok());
    eva.unshare(target.clone()).await.unwrap();
    assert_eq!(read(&w, &second.token).await, Err(AppError::ShareNotFound));
    eva.unshare(target).await.unwrap();
}

#[tokio::test]
async fn another_process_makes_and_ends_links() {
    let store: Arc<dyn boobook_store::Store> = Arc::new(MemStore::default());
    let w = workspace(Arc::clone(&store), Limits::default()).await;
    let other = w.restarted(Arc::clone(&store));
    let session = w.session().await;
    let kind = boobook_app::DocumentKind::View;
    let Json::Object(body) = json!({"type": "A", "config": {"cols": []}}) else { unreachable!() };
    let made = session.put_documents(kind, vec![(None, body)], true, boobook_app::Form::Human).await.unwrap();
    let target = session.shared_view(&made.documents[0], None).unwrap();
    let share = session.put_share(target.clone(), ShareChange::default()).await.unwrap();
    // Not known there yet: it is looked for before it is refused.
    let found = other.app.shared(&share.token, PasswordProof::None).await;
    assert_eq!(found.map(|shared| shared.share.id.clone()).unwrap(), share.id);
    session.unshare(target).await.unwrap();
    other.app.ready().await.unwrap();
    let gone = other.app.shared(&share.token, PasswordProof::None).await;
    assert_eq!(gone.err(), Some(AppError::ShareNotFound));
}

/// What was shared was shared: a run that loses to another write must not share anew, nor end what it gave away.
#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_runs_again_answers_the_links_of_its_first_run() {
    let (w, eva) = salaries().await;
    let ShareTarget::View { view: id, .. } = view(&eva, json!([{"expression": "Wer"}])).await else {
        unreachable!()
    };
    w.app.be_reached_at("https://data.example/b/");
    let web = Web::of(&w);
    let (session, handle) = (w.session().await, tokio::runtime::Handle::current());
    web.before_answers(move |_| {
        handle.block_on(write(&session, "Gehalt", vec![create(vec![(0, text("Neu"))])])).unwrap();
    });
    let source = format!(
        "let a := shareView(\"{id}\"); unshareView(\"{id}\"); let b := shareView(\"{id}\");
         http(\"GET\", a); http(\"GET\", b); (create Gehalt).Wer := cnt(select Gehalt); [a, b]"
    );
    let links: [String; 2] = serde_json::from_str(&exec(&w, &source).await.unwrap()).unwrap();
    let tokens = links.map(|link| link.strip_prefix("https://data.example/b/share/").unwrap().to_owned());
    assert_eq!(web.asked(), tokens, "both were asked for once, by the first run");
    assert_eq!(read(&w, &tokens[0]).await, Err(AppError::ShareNotFound));
    assert_eq!(
        read(&w, &tokens[1]).await.unwrap().1.last().unwrap(),
        "6",
        "the second run saw what came meanwhile"
    );
}

/// A file of no record lasts a day, and its content as long, however old that is; then both are gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_no_record_is_for_a_day() {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    let blobs = Blobs::memory();
    w.app.keep_files(blobs.clone(), Thumbnails::new(blobs.clone(), ThumbnailOptions::default()).unwrap());
    let source = "let l := createTempFile(\"first\", \"a.txt\"); appendTempFile(l, \", more\")";
    let link: String = serde_json::from_str(&exec(&w, source).await.unwrap()).unwrap();
    let token = link.strip_prefix("/share/").unwrap();
    let content = async || {
        let shared = w.app.shared(token, PasswordProof::None).await?;
        let ShareTarget::Made { file } = &shared.share.target else { unreachable!() };
        let download = shared.made(file, ByteRange::Whole).await?;
        Ok::<_, AppError>(download.content.bytes().await.unwrap())
    };
    let kept = async |content: &str| {
        w.app.collect_files().await.unwrap();
        blobs.exists(&w.database.parse().unwrap(), &Hash::of(content.as_bytes())).await.unwrap()
    };
    assert_eq!(content().await.unwrap(), "first, more");
    // The clock of contents is the machine's: seen from far ahead all of them are old.
    w.host.advance(2_000_000_000_000);
    assert_eq!(content().await, Err(AppError::ShareNotFound), "a day is over");
    assert!(!kept("first, more").await && !kept("first").await);
    let link: String = serde_json::from_str(&exec(&w, source).await.unwrap()).unwrap();
    assert!(kept("first, more").await && !kept("first").await, "what was gone on with is nobody's");
    w.host.advance(24 * 60 * 60 * 1000 - 1);
    assert!(kept("first, more").await);
    w.host.advance(1);
    let token = link.strip_prefix("/share/").unwrap();
    let gone = w.app.shared(token, PasswordProof::None).await;
    assert_eq!(gone.err(), Some(AppError::ShareNotFound));
    assert!(!kept("first, more").await);
    let late = exec(&w, &format!("appendTempFile(\"{link}\", \"x\")")).await.unwrap_err();
    assert!(matches!(&late, AppError::Script(error) if error.message.contains("within a day")), "{late:?}");
    w.app.stop();
}

#[tokio::test]
async fn a_password_guards_a_link() {
    let (w, eva) = salaries().await;
    let target = view(&eva, json!([{"expression": "Wer"}])).await;
    let with = |password: Option<&str>| ShareChange {
        password: Some(password.map(str::to_owned)),
        ..ShareChange::default()
    };
    let share = eva.put_share(target.clone(), with(Some("grün"))).await.unwrap();
    assert!(share.password.as_deref().unwrap().starts_with("$argon2id$"));
    let (app, token) = (&w.app, &share.token);
    let open = |proof| async move { app.shared(token, proof).await.map(|shared| shared.pass()) };
    let missing = Some(AppError::PasswordNeeded { wrong: false });
    assert_eq!(open(PasswordProof::None).await.err(), missing);
    let wrong = open(PasswordProof::Password("blau")).await;
    assert_eq!(wrong.err(), Some(AppError::PasswordNeeded { wrong: true }));
    let (pass, _) = open(PasswordProof::Password("grün")).await.unwrap().unwrap();
    assert!(open(PasswordProof::Pass(&pass)).await.is_ok());
    assert_eq!(open(PasswordProof::Pass("1.2")).await.err(), missing);
    let again = eva.put_share(target.clone(), with(Some("blau"))).await.unwrap();
    assert_eq!(again.token, share.token);
    assert_eq!(open(PasswordProof::Pass(&pass)).await.err(), missing, "it ended with the password");
    eva.put_share(target, with(None)).await.unwrap();
    assert_eq!(open(PasswordProof::None).await.unwrap(), None);
}
