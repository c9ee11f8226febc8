//! Memory does not grow with a file. Alone in its process, whose high-water mark it reads.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{convert::Infallible, fs};

use boobook_files::{Blobs, ByteRange};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tempfile::TempDir;

const FILE_BYTES: u64 = 256 << 20;
const PIECE_BYTES: u64 = 64 << 10;

fn memory_bytes_peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn a_large_file_goes_through_little_memory() {
    let folder = TempDir::new().unwrap();
    let blobs = Blobs::local(folder.path()).unwrap();
    let database = "abc123def456".parse().unwrap();
    let before = memory_bytes_peak();

    let pieces = (0..FILE_BYTES / PIECE_BYTES)
        .map(|n| Ok::<_, Infallible>(Bytes::from(vec![n as u8; PIECE_BYTES as usize])));
    let stored = blobs.put(&database, stream::iter(pieces), FILE_BYTES).await.unwrap();
    assert_eq!(stored.size, FILE_BYTES);

    let mut download = blobs.get(&database, &stored.hash, ByteRange::Whole).await.unwrap();
    let mut at = 0;
    while let Some(piece) = download.next().await {
        let piece = piece.unwrap();
        assert_eq!(piece[0], (at / PIECE_BYTES) as u8);
        at += piece.len() as u64;
    }
    assert_eq!(at, FILE_BYTES);

    let grown = memory_bytes_peak() - before;
    assert!(grown < 8 << 20, "{grown} bytes more for a file of {FILE_BYTES}");
}
