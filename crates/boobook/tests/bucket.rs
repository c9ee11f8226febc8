//! A server whose files lie in a bucket: everything that is done with files, and what is told when the bucket is away.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path};

#[cfg(unix)]
use boobook_testkit::Postgres;
use boobook_testkit::{Client, Installation, SeaweedFs, Server};
use serde_json::{Value, json};

/// A data directory whose configuration names the bucket.
fn configure(place: &Installation, store: &SeaweedFs) {
    configure_with(place, store, &format!("files = \"s3://{}/files\"\n", SeaweedFs::BUCKET));
}

/// A configuration that says how buckets are reached, and something before.
fn configure_with(place: &Installation, store: &SeaweedFs, before: &str) {
    let secret = place.file("secret");
    fs::write(&secret, format!("{}\n", SeaweedFs::SECRET)).unwrap();
    let settings = format!(
        "{before}[bucket]\nendpoint = {:?}\nkey_id = {:?}\nsecret_file = {:?}\n[limits]\nfiles_grace_s = 1\n",
        store.endpoint(),
        SeaweedFs::KEY_ID,
        secret.display().to_string()
    );
    // Where the binary is started, so that every command reads it.
    fs::write(place.file("boobook.toml"), settings).unwrap();
}

fn upload(client: &Client, path: &str, name: &str, kind: &str, content: &[u8]) -> Value {
    let head = format!(
        "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n"
    );
    let body = [head.as_bytes(), content, b"\r\n--X--\r\n"].concat();
    let headers = [("Content-Type", "multipart/form-data; boundary=X")];
    client.request("POST", path, &headers, Some(&body)).unwrap().ok()
}

/// A picture without a library: a PPM is none of ours, a BMP is.
fn bmp(edge: usize) -> Vec<u8> {
    let pixels: Vec<u8> = (0..edge * edge).flat_map(|n| [n as u8, (n >> 4) as u8, 200]).collect();
    let mut file = b"BM".to_vec();
    file.extend((54 + pixels.len() as u32).to_le_bytes());
    file.extend([0; 4]);
    file.extend(54_u32.to_le_bytes());
    file.extend(40_u32.to_le_bytes());
    file.extend((edge as i32).to_le_bytes());
    file.extend((edge as i32).to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(24_u16.to_le_bytes());
    file.extend([0; 24]);
    file.extend(pixels);
    file
}

struct Stage {
    store: SeaweedFs,
    place: Installation,
    server: Server,
    client: Client,
    base: String,
    files: String,
}

impl Stage {
    fn new() -> Option<Self> {
        let store = SeaweedFs::start()?;
        let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
        configure(&place, &store);
        Some(Self::at(store, place))
    }

    /// A server at a place that is configured, with a record to attach files to.
    fn at(store: SeaweedFs, place: Installation) -> Self {
        let team = place.team("Files");
        let key = place.key(&team, &["--role", "admin"]);
        let server = place.serve();
        let client = server.client(&key);
        let db = client.create_database(&team, "Data", &json!({}));
        let base = format!("/v1/teams/{team}/databases/{db}");
        client.post(&format!("{base}/tables"), &json!({"name": "T", "fields": []})).ok();
        client.post(&format!("{base}/tables/T/records"), &json!({"fields": {}})).ok();
        let files = format!("{base}/tables/T/records/1/files");
        Self { store, place, server, client, base, files }
    }

    fn contents(&self) -> usize {
        let keys = self.store.keys("files");
        keys.iter().filter(|key| key.rsplit('/').next().unwrap().len() == 64).count()
    }
}

#[test]
fn files_live_in_a_bucket() {
    let Some(stage) = Stage::new() else { return };
    let (client, files) = (&stage.client, &stage.files);
    let large: Vec<u8> = (0..(6 << 20) + 5).map(|n: usize| (n % 251) as u8).collect();
    upload(client, files, "large.bin", "application/octet-stream", &large);
    upload(client, files, "picture.bmp", "image/bmp", &bmp(64));
    upload(client, files, "again.bmp", "image/bmp", &bmp(64));
    assert_eq!(stage.contents(), 2, "{:?}", stage.store.keys("files"));
    assert!(!stage.place.data().join("files").exists());

    assert!(client.get(&format!("{files}/large.bin")).body == large);
    let part =
        client.request("GET", &format!("{files}/large.bin"), &[("Range", "bytes=5242878-5242882")], None);
    let part = part.unwrap();
    assert_eq!((part.status(), &part.body[..]), (206, &large[5_242_878..=5_242_882]));
    let thumbnail = client.get(&format!("{files}/picture.bmp/thumb.jpg?size=32"));
    assert_eq!((thumbnail.status(), &thumbnail.body[..2]), (200, &b"\xff\xd8"[..]));
    let kept = stage.store.keys("files").into_iter().filter(|key| key.contains("/thumb/")).count();
    assert_eq!(kept, 1);

    share_and_back_up(&stage, &large);

    // Nobody names it any more: the doctor finds nothing wrong, and deleting the database empties the bucket.
    client.delete(&format!("{files}/large.bin")).ok();
    let report: Value = serde_json::from_str(&stage.place.cli(&["doctor", "--json"])).unwrap();
    assert_eq!((&report["sound"], &report["databases"][0]["files"]), (&json!(true), &json!(2)));
    client.delete(&stage.base).ok();
    for _ in 0..100 {
        if stage.store.keys("files").is_empty() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("left of a deleted database: {:?}", stage.store.keys("files"));
}

/// A link for strangers to a picture, and a copy of everything that needs no bucket.
fn share_and_back_up(stage: &Stage, large: &[u8]) {
    let link = stage.client.post(&format!("{}/picture.bmp/share", stage.files), &json!({})).ok();
    let target = format!("/share/{}", link["token"].as_str().unwrap());
    let shared = stage.server.anonymous().get(&target);
    assert_eq!(shared.status(), 200, "{shared}");
    assert!(shared.body == bmp(64), "{target}");

    let copy = stage.place.file("copy");
    let report = stage.place.cli(&["backup", copy.to_str().unwrap(), "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["files"], &report["damagedFiles"]), (&json!(2), &json!([])));
    let again = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let output = again.command(&["doctor", "--json"]).env("BOOBOOK_DATA", &copy).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(holds(&copy.join("files"), large));
}

fn holds(folder: &Path, content: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().flatten().any(|entry| match entry.path() {
        path if path.is_dir() => holds(&path, content),
        path => fs::read(path).unwrap() == content,
    })
}

/// Out of one machine: the data into PostgreSQL, the files into a bucket, and both back into a directory.
#[cfg(unix)]
#[test]
fn files_move_into_a_bucket_and_out_of_it() {
    let (Some(store), Some(postgres)) = (SeaweedFs::start(), Postgres::shared()) else { return };
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    configure_with(&place, &store, "");
    let Stage { store, place, server, client, files, .. } = Stage::at(store, place);
    let key = client.key().unwrap().to_owned();
    let large: Vec<u8> = (0..(6 << 20) + 5).map(|n: usize| (n % 251) as u8).collect();
    upload(&client, &files, "large.bin", "application/octet-stream", &large);
    upload(&client, &files, "a.txt", "text/plain", b"Hello, owl!");
    assert!(server.terminate().success());

    let copy = |args: &[&str]| -> Value {
        let output = place.command(&[&["store", "copy", "--json"], args].concat()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let bucket = format!("s3://{}/grown", SeaweedFs::BUCKET);
    let (data, url, back) = (place.data(), postgres.url(), place.file("back"));
    let [data, back] = [&data, &back].map(|path| path.to_str().unwrap());
    assert_eq!(copy(&[data, &url, "--files-to", &bucket])["files"], json!(2));
    assert_eq!(store.keys("grown").len(), 2, "{:?}", store.keys("grown"));
    let grown = Installation::shared(env!("CARGO_BIN_EXE_boobook"), &url).with_files(&bucket);
    configure_with(&grown, &store, "");
    let grown = grown.serve();
    let client = grown.client(&key);
    assert!(client.get(&format!("{files}/large.bin")).body == large);
    upload(&client, &files, "b.txt", "text/plain", b"Grown");
    assert!(grown.terminate().success());

    assert_eq!(copy(&[&url, back, "--files", &bucket])["files"], json!(3));
    assert!(holds(&Path::new(back).join("files"), &large) && holds(&Path::new(back).join("files"), b"Grown"));
    let report = place.command(&["doctor", "--json", "--data", back]).output().unwrap();
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!((&report["sound"], &report["databases"][0]["files"]), (&json!(true), &json!(3)), "{report}");
}

#[test]
fn a_bucket_that_is_away_is_told_and_comes_back() {
    let Some(mut stage) = Stage::new() else { return };
    upload(&stage.client, &stage.files, "a.txt", "text/plain", b"Hello, owl!");
    let path = format!("{}/a.txt", stage.files);
    stage.store.kill();
    let away = stage.client.get(&path);
    let told = away.error(503);
    assert!(told.contains("the object store cannot be reached"), "{told}");
    assert!(away.header("Retry-After").is_some());
    assert!(!told.contains(&stage.store.endpoint()), "{told}");
    let records = format!("{}/tables/T/records", stage.base);
    stage.client.post(&records, &json!({"fields": {}})).ok();
    let doctor = stage.place.try_cli(&["doctor"]);
    let told = String::from_utf8_lossy(&doctor.stderr).into_owned();
    assert!(!doctor.status.success() && told.contains("the object store cannot be reached"), "{told}");
    // A server starts without its bucket: records need none.
    let other = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    configure(&other, &stage.store);
    let started = other.serve();
    assert!(started.log().contains("files cannot be used at the moment"), "{}", started.log());

    stage.store.restart();
    for _ in 0..100 {
        if stage.client.get(&path).status() == 200 {
            assert_eq!(stage.client.get(&path).text(), "Hello, owl!");
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{}", stage.client.get(&path));
}

#[test]
fn a_wrong_bucket_is_told_at_the_start_and_no_secret_is() {
    let Some(store) = SeaweedFs::start() else { return };
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    configure(&place, &store);
    let told = place.try_serve(&["--files", "s3://no-such-bucket"]).unwrap_err();
    assert!(told.contains("there is no such bucket"), "{told}");
    fs::write(place.file("secret"), "guessed").unwrap();
    let told = place.try_serve(&["--log", "trace"]).unwrap_err();
    assert!(told.contains("refuses the credentials") && !told.contains("guessed"), "{told}");
    for (location, words) in [
        ("s3://owl:hoot@boobook/x", "a secret must not be in it"),
        ("s3://", "it names no bucket"),
        ("ftp://boobook/x", "is no place for files"),
    ] {
        let told = place.try_serve(&["--files", location]).unwrap_err();
        assert!(told.contains(words) && !told.contains("hoot"), "{told}");
    }
}
