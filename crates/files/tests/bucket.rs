//! Two servers, a bucket that is cut off, uploads that are cut short: against a real object store.
#![cfg(feature = "cloud")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::{
    future::Future,
    time::{Duration, SystemTime},
};

use boobook_files::{BlobError, Blobs, ByteRange, Collected, Hash, Stored, ThumbnailSize, Thumbnails};
use boobook_model::DatabaseId;
use boobook_testkit::SeaweedFs;
use bytes::Bytes;
use futures_util::{StreamExt as _, future::join_all, stream};

/// More than two parts.
const LARGE: usize = (11 << 20) + 7;

fn database() -> DatabaseId {
    "abc123def456".parse().unwrap()
}

fn open(store: &SeaweedFs, prefix: &str) -> Blobs {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Blobs::open(&format!("s3://{}/{prefix}", SeaweedFs::BUCKET), store.options()).unwrap()
}

fn with_store(check: impl AsyncFn(&mut SeaweedFs)) {
    let Some(mut store) = SeaweedFs::start() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(check(&mut store));
}

fn content(seed: u8, length: usize) -> Bytes {
    (0..length).map(|n| (n as u8 ^ seed).wrapping_add((n >> 8) as u8)).collect()
}

async fn put(blobs: &Blobs, content: &Bytes) -> Result<Stored, BlobError> {
    let pieces = content.chunks(100_000).map(|piece| Ok::<_, BlobError>(Bytes::copy_from_slice(piece)));
    blobs.put(&database(), stream::iter(pieces.collect::<Vec<_>>()), u64::MAX).await
}

async fn read(blobs: &Blobs, hash: &Hash) -> Bytes {
    blobs.get(&database(), hash, ByteRange::Whole).await.unwrap().bytes().await.unwrap()
}

/// Waits until something that happens beside us has happened.
async fn until<F: Future<Output = bool>>(what: &str, done: impl Fn() -> F) {
    for _ in 0..200 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}");
}

#[test]
fn servers_share_a_bucket() {
    with_store(async |store| {
        let nodes: Vec<Blobs> = (0..3).map(|_| open(store, "shared")).collect();
        for length in [1000, LARGE] {
            let content = content(1, length);
            let stored = join_all((0..9).map(|n| put(&nodes[n % 3], &content))).await;
            let hash = Hash::of(&content);
            assert!(stored.into_iter().all(|one| one == Ok(Stored { hash, size: length as u64 })));
            assert!(read(&nodes[0], &hash).await == content);
        }
        assert_eq!(store.keys("shared").len(), 2, "{:?}", store.keys("shared"));

        // Collectors of two servers, and uploads of the same content again and again on the third.
        let content = content(2, 1000);
        let hash = put(&nodes[2], &content).await.unwrap().hash;
        let now = nodes[2].size(&database(), &hash).await.unwrap();
        assert_eq!(now, Some(1000));
        for _ in 0..5 {
            // HTTP tells the time of an object in whole seconds: what is there by now is older than this one, and what
            // is uploaded from now on is not.
            tokio::time::sleep(Duration::from_millis(1100)).await;
            let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
            let before = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let collect = async |node: &Blobs| node.collect(&database(), &|_| false, before).await.unwrap();
            let (one, other, stored) =
                tokio::join!(collect(&nodes[0]), collect(&nodes[1]), put(&nodes[2], &content));
            assert_eq!(stored.unwrap().hash, hash);
            assert!(read(&nodes[0], &hash).await == content, "{one:?} {other:?}");
        }
        let later = SystemTime::now() + Duration::from_hours(2);
        nodes[0].collect(&database(), &|_| false, later).await.unwrap();
        assert!(store.keys("shared").is_empty(), "{:?}", store.keys("shared"));
    });
}

#[test]
fn an_upload_that_is_cut_leaves_nothing() {
    with_store(async |store| {
        let blobs = open(store, "cut");
        let first = content(3, LARGE);
        let broken = stream::iter([Ok(first.clone()), Err("reset by peer")]);
        let refused = blobs.put(&database(), broken, u64::MAX).await;
        assert_eq!(refused, Err(BlobError::Upload("reset by peer".to_owned())));
        // A client that goes away: nobody polls the upload any more.
        let endless = stream::iter([Ok::<_, BlobError>(first)]).chain(stream::pending());
        let database = database();
        let upload = blobs.put(&database, endless, u64::MAX);
        let cut = tokio::time::timeout(Duration::from_secs(3), upload).await;
        assert!(cut.is_err(), "{cut:?}");
        // Parts lie in a folder of their own until they are given back.
        until("parts are left", async || store.keys("").is_empty() && store.keys(".uploads").is_empty())
            .await;
    });
}

#[test]
fn a_store_that_is_away_is_an_error_and_comes_back() {
    with_store(async |store| {
        let (blobs, content) = (open(store, "away"), content(4, 5000));
        blobs.check().await.unwrap();
        let hash = put(&blobs, &content).await.unwrap().hash;
        store.kill();
        for failed in [
            put(&blobs, &content).await.map(drop),
            put(&blobs, &self::content(4, LARGE)).await.map(drop),
            blobs.get(&database(), &hash, ByteRange::Last(7)).await.map(drop),
            blobs.exists(&database(), &hash).await.map(drop),
            blobs.collect(&database(), &|_| false, SystemTime::now()).await.map(drop),
            blobs.delete_database(&database()).await,
            blobs.check().await,
        ] {
            let told = failed.unwrap_err();
            assert!(matches!(told, BlobError::Failed { .. }), "{told:?}");
            assert!(told.to_string().contains("the object store cannot be reached"), "{told}");
        }
        store.restart();
        until("it does not come back", async || put(&blobs, &content).await.is_ok()).await;
        assert!(read(&blobs, &hash).await == content);
    });
}

#[test]
fn mistakes_in_the_settings_are_told() {
    with_store(async |store| {
        open(store, "").check().await.unwrap();
        let other = Blobs::open("s3://no-such-bucket/x", store.options()).unwrap();
        let refused = other.check().await;
        assert!(matches!(refused, Err(BlobError::Refused(_))), "{refused:?}");
        let mut options = store.options();
        options.push(("aws_secret_access_key".to_owned(), "guessed".to_owned()));
        let stranger = Blobs::open("s3://boobook", options).unwrap();
        let refused = stranger.check().await.unwrap_err().to_string();
        assert!(refused.contains("refuses the credentials"), "{refused}");
        assert!(!refused.contains("guessed"), "{refused}");
        let refused = put(&stranger, &content(5, 10)).await.unwrap_err().to_string();
        assert!(refused.contains("refuses the credentials"), "{refused}");
    });
}

#[test]
fn thumbnails_lie_beside_the_contents() {
    with_store(async |store| {
        let blobs = open(store, "pictures");
        let mut png = Vec::new();
        let picture = image::RgbImage::from_fn(300, 200, |x, y| image::Rgb([x as u8, y as u8, 7]));
        picture.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
        let hash = put(&blobs, &png.into()).await.unwrap().hash;
        let made = async || {
            let thumbnails = Thumbnails::new(blobs.clone(), Default::default()).unwrap();
            thumbnails.jpeg(&database(), &hash, ThumbnailSize::new(64).unwrap()).await.unwrap()
        };
        let first = made().await;
        let key = format!("pictures/abc123def456/thumb/{hash}-64");
        assert!(store.keys("pictures").contains(&key), "{:?}", store.keys("pictures"));
        assert_eq!(made().await, first, "the kept one");
        let later = SystemTime::now() + Duration::from_hours(2);
        let found = blobs.collect(&database(), &|_| false, later).await.unwrap();
        assert_eq!((found.removed, found.thumbnails), (1, 1));
        assert!(store.keys("pictures").is_empty());
        assert_eq!(blobs.collect(&database(), &|_| false, later).await, Ok(Collected::default()));
    });
}
