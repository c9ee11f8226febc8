//! Gives a content as a stream.

use std::{
    fmt,
    fs::File,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use boobook_model::DatabaseId;
use bytes::{Bytes, BytesMut};
use futures_core::{Stream, stream::BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::path::Path;

use super::{
    Backend, Blobs, ByteRange, blocking,
    disk::failed,
    local::{Local, read_at},
    remote,
};
use crate::{BlobError, Hash};

/// What is read from the disk at a time, and so held in memory a download.
const PIECE_BYTES: u64 = 256 << 10;

/// A blob, or part of it, on its way: a stream of its bytes whose sizes are known before the first.
pub struct Download {
    size: u64,
    range: Range<u64>,
    content: BoxStream<'static, Result<Bytes, BlobError>>,
}

impl Download {
    /// Size of the whole blob.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Which bytes of it come.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// All that comes, in memory. For blobs whose size was looked at.
    pub async fn bytes(self) -> Result<Bytes, BlobError> {
        let length = (self.range.end - self.range.start) as usize;
        let whole = self.content.try_fold(BytesMut::with_capacity(length), async |mut whole, piece| {
            whole.extend_from_slice(&piece);
            Ok(whole)
        });
        Ok(whole.await?.freeze())
    }
}

impl Stream for Download {
    type Item = Result<Bytes, BlobError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.content.poll_next_unpin(cx)
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("size", &self.size)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

impl Blobs {
    /// Opens a blob for reading. Its bytes come in pieces, read as they are asked for; one that is removed meanwhile
    /// is still read to its end from a directory.
    pub async fn get(
        &self,
        database: &DatabaseId,
        hash: &Hash,
        range: ByteRange,
    ) -> Result<Download, BlobError> {
        match &self.backend {
            Backend::Local(local) => local_download(local.clone(), database.clone(), *hash, range).await,
            Backend::Remote(remote) => {
                let found = remote.get(database, hash, range).await?;
                let (size, range, path) = (found.meta.size, found.range.clone(), found.meta.location.clone());
                Ok(Download { size, range, content: remote_content(found, path) })
            }
        }
    }
}

fn remote_content(
    found: object_store::GetResult,
    path: Path,
) -> BoxStream<'static, Result<Bytes, BlobError>> {
    found.into_stream().map_err(move |e| remote::failed("be read", &path)(e)).boxed()
}

/// A local file that is being read.
struct Reading {
    file: Arc<File>,
    database: DatabaseId,
    hash: Hash,
    size: u64,
    rest: Range<u64>,
}

impl Reading {
    /// The next piece; `None` at the end. Blocks.
    fn next(mut self) -> Result<Option<(Bytes, Self)>, BlobError> {
        let length = (self.rest.end - self.rest.start).min(PIECE_BYTES);
        if length == 0 {
            return Ok(None);
        }
        match read_at(&self.file, self.rest.start, length as usize) {
            Ok(Some(piece)) => {
                self.rest.start += length;
                Ok(Some((piece, self)))
            }
            Ok(None) => Err(BlobError::Damaged {
                found: self.file.metadata().map_or(0, |m| m.len()),
                database: self.database,
                hash: self.hash,
                size: self.size,
            }),
            Err(e) => Err(failed("be read", self.hash.to_string().as_ref())(e)),
        }
    }
}

/// The first piece is read along with opening: a small file is one hop to the blocking pool.
async fn local_download(
    local: Arc<Local>,
    database: DatabaseId,
    hash: Hash,
    range: ByteRange,
) -> Result<Download, BlobError> {
    let (size, range, first) = blocking(move || {
        let (file, size) = local.open(&database, &hash)?;
        let range = range.of(size)?;
        let reading = Reading { file: file.into(), database, hash, size, rest: range.clone() };
        Ok((size, range, reading.next()?))
    })
    .await?;
    let content = match first {
        None => stream::empty().boxed(),
        Some((piece, reading)) => {
            let rest = stream::try_unfold(reading, |reading| blocking(move || reading.next()));
            stream::iter([Ok(piece)]).chain(rest).boxed()
        }
    };
    Ok(Download { size, range, content })
}
