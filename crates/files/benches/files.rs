//! Uploads beside what the disk itself takes, downloads, thumbnails: `cargo bench -p boobook-files`.
//! `TMPDIR` says which disk.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::{
    convert::Infallible,
    fs::{self, File},
    hint::black_box,
    io::{Cursor, Write as _},
    path::Path,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use boobook_files::{Blobs, ByteRange, Hash, ThumbnailOptions, ThumbnailSize, Thumbnails};
use boobook_model::DatabaseId;
use bytes::Bytes;
use divan::{Bencher, counter::BytesCount};
use futures_util::{StreamExt as _, stream};
use image::{ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

const MIB: usize = 1 << 20;
static NEXT: AtomicU64 = AtomicU64::new(0);
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap());

fn database() -> DatabaseId {
    "abc123def456".parse().unwrap()
}

/// A content never seen before.
fn fresh(length: usize) -> Bytes {
    let mut content = vec![7; length];
    content[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    content.into()
}

/// Each piece is copied as it is asked for, as from a socket.
async fn put(blobs: &Blobs, content: Bytes) -> Hash {
    let starts = (0..content.len()).step_by(64 << 10);
    let piece = |at: usize| Bytes::copy_from_slice(&content[at..(at + (64 << 10)).min(content.len())]);
    let pieces = starts.map(|at| Ok::<_, Infallible>(piece(at)));
    blobs.put(&database(), stream::iter(pieces), u64::MAX).await.unwrap().hash
}

fn several(count: usize) -> Vec<Bytes> {
    (0..count).map(|_| fresh(MIB)).collect()
}

/// What is compared with: new files, 1 MiB each, synced; so many at a time.
#[divan::bench(args = [1, 8], sample_count = 200)]
fn raw_write_and_sync_1_mib(bencher: Bencher, at_a_time: usize) {
    let folder = TempDir::new().unwrap();
    let bencher = bencher.counter(BytesCount::new(at_a_time * MIB)).with_inputs(|| several(at_a_time));
    bencher.bench_local_values(|contents| {
        std::thread::scope(|threads| {
            for content in &contents {
                threads.spawn(|| raw(folder.path(), content).sync_all().unwrap());
            }
        });
    });
}

/// As above, and its name synced, too.
#[divan::bench(sample_count = 200)]
fn raw_write_and_sync_both_1_mib(bencher: Bencher) {
    let folder = TempDir::new().unwrap();
    bencher.counter(BytesCount::new(MIB)).with_inputs(|| fresh(MIB)).bench_local_values(|content| {
        raw(folder.path(), &content).sync_all().unwrap();
        File::open(folder.path()).unwrap().sync_all().unwrap();
    });
}

fn raw(folder: &Path, content: &[u8]) -> File {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut file = File::create(folder.join(number.to_string())).unwrap();
    file.write_all(content).unwrap();
    file
}

#[divan::bench(args = [1, 8], sample_count = 200)]
fn upload_1_mib(bencher: Bencher, at_a_time: usize) {
    let folder = TempDir::new().unwrap();
    let blobs = Blobs::local(folder.path()).unwrap();
    // The 256 folders are made first, as in a database that has files.
    RUNTIME.block_on(async {
        while fs::read_dir(folder.path().join("abc123def456")).map_or(0, Iterator::count) < 257 {
            put(&blobs, fresh(8)).await;
        }
    });
    let bencher = bencher.counter(BytesCount::new(at_a_time * MIB)).with_inputs(|| several(at_a_time));
    bencher.bench_local_values(|contents| {
        RUNTIME.block_on(async {
            let one = |content| {
                let blobs = blobs.clone();
                RUNTIME.spawn(async move { put(&blobs, content).await })
            };
            let all: Vec<_> = contents.into_iter().map(one).collect();
            for upload in all {
                upload.await.unwrap();
            }
        });
    });
}

#[divan::bench(args = [4 << 10, 1 << 20, 64 << 20], sample_count = 20)]
fn download(bencher: Bencher, length: usize) {
    let folder = TempDir::new().unwrap();
    let blobs = Blobs::local(folder.path()).unwrap();
    let hash = RUNTIME.block_on(put(&blobs, fresh(length)));
    bencher.counter(BytesCount::new(length)).bench_local(|| {
        RUNTIME.block_on(async {
            let mut download = blobs.get(&database(), &hash, ByteRange::Whole).await.unwrap();
            while let Some(piece) = download.next().await {
                black_box(piece.unwrap());
            }
        });
    });
}

/// 4000 × 3000 pixels with the noise of a camera; about 3 MB as a JPEG.
fn photo() -> RgbImage {
    let mut state = 1u32;
    RgbImage::from_fn(4000, 3000, |x, y| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let shade = |length: f32| {
            ((x as f32 / length).sin() + (y as f32 / length).cos()) * 55.0 + 115.0 + (state % 24) as f32
        };
        Rgb([shade(37.0) as u8, shade(91.0) as u8, shade(230.0) as u8])
    })
}

#[divan::bench(args = [ImageFormat::Jpeg, ImageFormat::Png], sample_count = 10)]
fn thumbnail_of_12_megapixels(bencher: Bencher, format: ImageFormat) {
    let mut content = Cursor::new(Vec::new());
    photo().write_to(&mut content, format).unwrap();
    let content = Bytes::from(content.into_inner());
    // A store of its own each time: nothing is kept of the time before.
    let fresh = || {
        let blobs = Blobs::memory();
        let hash = RUNTIME.block_on(put(&blobs, content.clone()));
        (Thumbnails::new(blobs, ThumbnailOptions::default()).unwrap(), hash)
    };
    bencher.with_inputs(fresh).bench_local_refs(|(thumbnails, hash)| {
        RUNTIME.block_on(thumbnails.jpeg(&database(), hash, ThumbnailSize::default())).unwrap()
    });
}

#[divan::bench(args = ["in memory", "on disk"], sample_count = 50)]
fn thumbnail_that_is_kept(bencher: Bencher, place: &str) {
    let mut content = Cursor::new(Vec::new());
    photo().write_to(&mut content, ImageFormat::Jpeg).unwrap();
    let folder = TempDir::new().unwrap();
    let blobs = Blobs::local(folder.path()).unwrap();
    let hash = RUNTIME.block_on(put(&blobs, content.into_inner().into()));
    let memory_bytes_max = if place == "in memory" { 16 << 20 } else { 0 };
    let options = ThumbnailOptions { memory_bytes_max, ..ThumbnailOptions::default() };
    let thumbnails = Thumbnails::new(blobs, options).unwrap();
    let ask = || RUNTIME.block_on(thumbnails.jpeg(&database(), &hash, ThumbnailSize::default())).unwrap();
    ask();
    bencher.bench_local(ask);
}
