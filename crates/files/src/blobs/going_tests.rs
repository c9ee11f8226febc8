//! Every order of the requests of an upload and of collectors, as two servers may send them to one bucket.

use std::{pin::Pin, sync::Arc, time::SystemTime};

use bytes::Bytes;
use futures_util::{future::join_all, poll};
use object_store::{ObjectStoreExt as _, memory::InMemory};
use proptest::prelude::*;

use super::*;
use crate::{
    Blobs, ByteRange,
    blobs::{
        Collected,
        remote::tests::{Script, blobs_by, put},
    },
};

const CONTENT: &[u8] = b"the same content again";

/// One store with an old content that nothing names, and servers that take turns on it.
struct Stage {
    store: Arc<InMemory>,
    database: DatabaseId,
    before: SystemTime,
}

impl Stage {
    async fn new() -> Self {
        let (store, database) = (Arc::new(InMemory::new()), "abc123def456".parse().unwrap());
        let stage = Self { store, database, before: SystemTime::UNIX_EPOCH };
        stage.upload(stage.server(false)).await.unwrap();
        Self { before: stage.written().await.unwrap() + Duration::from_nanos(1), ..stage }
    }

    fn server(&self, gives_way: bool) -> Blobs {
        blobs_by(&self.store, &Arc::new(Script { gives_way, ..Script::default() }))
    }

    async fn upload(&self, server: Blobs) -> Result<(), BlobError> {
        put(&server, &self.database, &Bytes::from(CONTENT)).await.map(drop)
    }

    async fn collect(&self, server: Blobs) -> Result<(), BlobError> {
        server.collect(&self.database, &|_| false, self.before).await.map(drop)
    }

    async fn written(&self) -> Option<SystemTime> {
        let path = format!("some/prefix/abc123def456/{}/{}", &hash().to_string()[..2], hash());
        self.store.head(&path.into()).await.ok().map(|found| found.last_modified.into())
    }

    async fn is_there(&self) -> bool {
        let found = self.server(false).get(&self.database, &hash(), ByteRange::Whole).await;
        match found {
            Ok(found) => found.bytes().await.unwrap() == CONTENT,
            Err(_) => false,
        }
    }
}

fn hash() -> Hash {
    Hash::of(CONTENT)
}

/// Lets an upload and collectors take a step each as the order says, then all run to their ends. What the upload
/// answered for must be there, also for a collector that comes after.
async fn check(order: impl IntoIterator<Item = usize>, collectors: usize) {
    let order: Vec<usize> = order.into_iter().collect();
    let stage = Stage::new().await;
    type Actor<'a> = Pin<Box<dyn Future<Output = Result<(), BlobError>> + 'a>>;
    let mut actors: Vec<Option<Actor<'_>>> = vec![Some(Box::pin(stage.upload(stage.server(true))))];
    actors.extend((0..collectors).map(|_| Some(Box::pin(stage.collect(stage.server(true))) as Actor<'_>)));
    for &turn in &order {
        if let Some(actor) = &mut actors[turn]
            && let std::task::Poll::Ready(done) = poll!(actor)
        {
            done.unwrap();
            actors[turn] = None;
        }
    }
    for done in join_all(actors.into_iter().flatten()).await {
        done.unwrap();
    }
    assert!(stage.is_there().await, "lost in the order {order:?}");
    stage.collect(stage.server(false)).await.unwrap();
    assert!(stage.is_there().await, "still old in the order {order:?}");
}

#[tokio::test]
async fn an_upload_and_a_collector_in_every_order() {
    // A collector makes four requests here, an upload four or more.
    for bits in 0..1_usize << 11 {
        check((0..11).map(|n| bits >> n & 1), 1).await;
    }
}

proptest! {
    #[test]
    fn an_upload_and_two_collectors_in_many_orders(order in prop::collection::vec(0..3_usize, 0..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(order, 2));
    }
}

#[tokio::test]
async fn what_nobody_uploads_goes_with_its_flag() {
    let stage = Stage::new().await;
    stage.collect(stage.server(false)).await.unwrap();
    assert!(!stage.is_there().await);
    assert_eq!(futures_util::StreamExt::count(stage.store.list(None)).await, 0);
}

/// A collector that died between two requests leaves its flag.
async fn raise_flag(stage: &Stage) {
    let flag = format!("some/prefix/abc123def456/going/{}", hash());
    stage.store.put_opts(&flag.into(), PutPayload::new(), PutMode::Create.into()).await.unwrap();
}

#[tokio::test]
async fn a_flag_of_a_server_that_died_is_in_the_way_for_a_while() {
    let stage = Stage::new().await;
    raise_flag(&stage).await;
    let refused = stage.upload(stage.server(false)).await.unwrap_err().to_string();
    assert!(refused.contains("Try again later"), "{refused}");
    let later = Arc::new(Script { flags_are_old: true, ..Script::default() });
    stage.upload(blobs_by(&stage.store, &later)).await.unwrap();
    assert!(stage.is_there().await);
}

#[tokio::test]
async fn a_flag_of_a_server_that_died_is_swept() {
    let stage = Stage::new().await;
    raise_flag(&stage).await;
    let written = stage.written().await.unwrap();
    let collect =
        async |before| stage.server(false).collect(&stage.database, &|_| false, before).await.unwrap();
    let found = collect(written + Duration::from_mins(1)).await;
    assert_eq!(found, Collected::default(), "another collector may be at it");
    let found = collect(written + FLAG_MAX + Duration::from_mins(1)).await;
    assert_eq!((found.removed, found.temporaries), (0, 1), "the flag first");
    let found = collect(written + FLAG_MAX + Duration::from_mins(1)).await;
    assert_eq!((found.removed, found.temporaries), (1, 0));
}
