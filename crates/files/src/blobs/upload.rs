//! Takes a content as a stream and stores it.

use std::{fmt::Display, mem, pin::pin, sync::Arc};

use boobook_model::DatabaseId;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt as _;
use tokio::{runtime::Handle, task::JoinHandle};

use super::{
    Backend, Blobs, Stored, blocking, joined,
    local::{Local, Temporary},
    remote::RemoteUpload,
};
use crate::BlobError;

/// What is gathered before the disk is asked to write: large enough that the hop to the blocking pool (some 10 µs)
/// does not count, small enough for thousands of uploads at once. There are two: one is hashed and written while the
/// next one fills.
const BUFFER_BYTES: usize = 256 << 10;

impl Blobs {
    /// Stores a content, whole or not at all; when it answers, the content is durable. At most `size_max` bytes are
    /// taken. Memory does not grow with the content: 512 KiB an upload to a directory, 10 MiB to an object store.
    ///
    /// An upload that fails or is dropped midway leaves nothing, or a temporary that [`Self::collect`] removes.
    pub async fn put<E: Display>(
        &self,
        database: &DatabaseId,
        content: impl Stream<Item = Result<Bytes, E>>,
        size_max: u64,
    ) -> Result<Stored, BlobError> {
        let mut upload = match &self.backend {
            Backend::Local(local) => Upload::Local(LocalUpload::new(local, database)),
            Backend::Remote(remote) => Upload::Remote(remote.begin(database)),
        };
        let stored = upload.take(content, size_max).await;
        if stored.is_err() {
            upload.abort().await;
        }
        stored
    }
}

enum Upload {
    Local(LocalUpload),
    Remote(RemoteUpload),
}

impl Upload {
    async fn take<E: Display>(
        &mut self,
        content: impl Stream<Item = Result<Bytes, E>>,
        size_max: u64,
    ) -> Result<Stored, BlobError> {
        let mut content = pin!(content);
        let mut room = size_max;
        while let Some(piece) = content.next().await {
            let piece = piece.map_err(|e| BlobError::Upload(e.to_string()))?;
            room = room.checked_sub(piece.len() as u64).ok_or(BlobError::TooLarge { limit: size_max })?;
            match self {
                Self::Local(upload) => upload.write(piece).await?,
                Self::Remote(upload) => upload.write(piece).await?,
            }
        }
        match self {
            Self::Local(upload) => upload.finish().await,
            Self::Remote(upload) => upload.finish().await,
        }
    }

    async fn abort(&mut self) {
        match self {
            Self::Local(upload) => upload.abort().await,
            Self::Remote(upload) => upload.abort().await,
        }
    }
}

struct LocalUpload {
    local: Arc<Local>,
    database: DatabaseId,
    buffer: Vec<u8>,
    /// `None` until the first buffer is full: what is small is written in one go.
    writing: Option<Writing>,
}

/// A buffer on its way to the temporary; gives both back.
type Writing = JoinHandle<Result<(Temporary, Vec<u8>), BlobError>>;

impl LocalUpload {
    fn new(local: &Arc<Local>, database: &DatabaseId) -> Self {
        Self { local: local.clone(), database: database.clone(), buffer: Vec::new(), writing: None }
    }

    async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        while !bytes.is_empty() {
            if self.buffer.len() == BUFFER_BYTES {
                self.flush().await?;
            }
            // Copied even where a piece is large: a small piece may hold the large buffer that it was cut from.
            let piece = bytes.split_to(bytes.len().min(BUFFER_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(&piece);
        }
        Ok(())
    }

    /// Begins to append the buffer to the temporary, when the one before is written; that one is filled next.
    async fn flush(&mut self) -> Result<(), BlobError> {
        let (temporary, empty) = self.written().await?;
        let buffer = mem::replace(&mut self.buffer, empty);
        let (local, database) = (self.local.clone(), self.database.clone());
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let mut temporary = temporary.map_or_else(|| local.begin(&database), Ok)?;
            temporary.write(&buffer)?;
            let mut buffer = buffer;
            buffer.clear();
            Ok((temporary, buffer))
        }));
        Ok(())
    }

    /// Waits for what is being written; the temporary, and an empty buffer.
    async fn written(&mut self) -> Result<(Option<Temporary>, Vec<u8>), BlobError> {
        let Some(writing) = &mut self.writing else { return Ok((None, Vec::new())) };
        let written = joined(writing.await);
        self.writing = None;
        written.map(|(temporary, buffer)| (Some(temporary), buffer))
    }

    async fn finish(&mut self) -> Result<Stored, BlobError> {
        let (temporary, _) = self.written().await?;
        let (local, database) = (self.local.clone(), self.database.clone());
        let buffer = mem::take(&mut self.buffer);
        blocking(move || {
            let mut temporary = temporary.map_or_else(|| local.begin(&database), Ok)?;
            temporary.write(&buffer)?;
            temporary.publish(&database)
        })
        .await
    }

    async fn abort(&mut self) {
        // What is wrong with it is not what was wrong first.
        let Ok((temporary, _)) = self.written().await else { return };
        // It removes its file itself; an error of that is the collector's matter.
        let _ = blocking(move || {
            drop(temporary);
            Ok(())
        })
        .await;
    }
}

/// A client that goes away drops its upload on a worker that must not wait for a disk to free a large file.
impl Drop for LocalUpload {
    fn drop(&mut self) {
        if let Some(writing) = self.writing.take()
            && let Ok(runtime) = Handle::try_current()
        {
            let waiting = runtime.clone();
            drop(runtime.spawn_blocking(move || drop(waiting.block_on(writing))));
        }
    }
}
