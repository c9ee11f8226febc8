//! Small JPEGs of pictures and of the first pages of PDFs.

mod memory;
mod pdf;
mod pool;
mod render;

use std::{io, sync::Arc, thread};

use boobook_model::DatabaseId;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use image::ImageFormat;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::OnceCell;

use self::{memory::Memory, pool::Pool, render::Kind};
use crate::{BlobError, Blobs, ByteRange, Hash, ThumbnailError};

pub use pdf::PdfTool;

/// Bounds of making thumbnails.
#[derive(Debug, Clone)]
pub struct ThumbnailOptions {
    /// Thumbnails made at a time, on threads of their own. Default: as many as there are processors.
    pub threads: usize,
    /// Thumbnails that may wait for a thread before more are refused as [`ThumbnailError::Busy`]. Default: 256.
    pub waiting_max: usize,
    /// Largest file a thumbnail is made of; it is held in memory while it is decoded. Default: 64 MiB.
    pub file_bytes_max: u64,
    /// Most pixels, refused before memory is taken. A progressive JPEG needs up to 9 bytes a pixel. Default:
    /// 64 million.
    pub pixels_max: u64,
    /// Most memory of the decoded pixels. Default: 256 MiB.
    pub decoded_bytes_max: u64,
    /// Memory for thumbnails asked for lately. Default: 16 MiB.
    pub memory_bytes_max: usize,
    /// What draws PDFs; `None`: they have no thumbnails. [`PdfTool::find`] looks for it.
    pub pdf: Option<PdfTool>,
}

impl Default for ThumbnailOptions {
    fn default() -> Self {
        Self {
            threads: thread::available_parallelism().map_or(2, usize::from),
            waiting_max: 256,
            file_bytes_max: 64 << 20,
            pixels_max: 64_000_000,
            decoded_bytes_max: 256 << 20,
            memory_bytes_max: 16 << 20,
            pdf: None,
        }
    }
}

/// The longest edge of a thumbnail in pixels, 16 to 2048. Default: 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThumbnailSize(u16);

impl ThumbnailSize {
    /// Smallest.
    pub const MIN: u32 = 16;
    /// Largest.
    pub const MAX: u32 = 2048;

    /// [`ThumbnailError::Size`] outside [`Self::MIN`] to [`Self::MAX`].
    pub fn new(size: u32) -> Result<Self, ThumbnailError> {
        if (Self::MIN..=Self::MAX).contains(&size) {
            Ok(Self(size as u16))
        } else {
            Err(ThumbnailError::Size { size, min: Self::MIN, max: Self::MAX })
        }
    }

    /// In pixels.
    pub fn get(self) -> u32 {
        self.0.into()
    }

    /// The size that is kept in the store and that this one is made from. Only powers of two are kept, so that asking
    /// for every size there is cannot fill the disk.
    fn kept(self) -> Self {
        Self(self.0.next_power_of_two())
    }
}

impl Default for ThumbnailSize {
    fn default() -> Self {
        Self(256)
    }
}

/// Makes thumbnails and keeps them: lately used ones in memory, the usual sizes among the blobs of the database, where
/// [`Blobs::collect`] and [`Blobs::delete_database`] find them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Thumbnails {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    blobs: Blobs,
    options: ThumbnailOptions,
    pool: Pool,
    memory: Mutex<Memory<Key, Made>>,
    flights: Mutex<FxHashMap<Key, Flight>>,
}

type Made = Result<Bytes, ThumbnailError>;
type Flight = Arc<OnceCell<Made>>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    database: DatabaseId,
    hash: Hash,
    size: ThumbnailSize,
}

impl Key {
    fn file_name(&self) -> String {
        format!("{}-{}", self.hash, self.size.get())
    }
}

impl Thumbnails {
    /// Starts the threads.
    pub fn new(blobs: Blobs, options: ThumbnailOptions) -> io::Result<Self> {
        let pool = Pool::new(options.threads.max(1), options.waiting_max)?;
        let memory = Mutex::new(Memory::new(options.memory_bytes_max));
        Ok(Self { inner: Arc::new(Inner { blobs, options, pool, memory, flights: Mutex::default() }) })
    }

    /// The thumbnail of a blob: a JPEG whose longest edge is `size`, or that of the picture if it is smaller;
    /// upright, transparency on white. What the blob is, its bytes tell, not the name of a file.
    ///
    /// Equal requests at the same time are one piece of work. A refusal that lies in the content is remembered, too.
    pub async fn jpeg(
        &self,
        database: &DatabaseId,
        hash: &Hash,
        size: ThumbnailSize,
    ) -> Result<Bytes, ThumbnailError> {
        self.inner.get(Key { database: database.clone(), hash: *hash, size }).await
    }
}

impl Inner {
    async fn get(&self, key: Key) -> Made {
        if let Some(made) = self.memory.lock().get(&key) {
            return made;
        }
        let flight = self.flights.lock().entry(key.clone()).or_default().clone();
        let landing = Landing { inner: self, key: &key, flight: &flight };
        let made = flight.get_or_init(|| self.find_or_make(&key)).await.clone();
        drop(landing);
        made
    }

    async fn find_or_make(&self, key: &Key) -> Made {
        let made = if key.size == key.size.kept() { self.kept(key).await } else { self.scaled(key).await };
        if made.as_ref().map_or_else(ThumbnailError::lies_in_the_content, |_| true) {
            // An error's text is short; the entry itself is what it costs.
            let bytes = made.as_ref().map_or(0, Bytes::len) + size_of::<(Key, Made)>();
            self.memory.lock().insert(key.clone(), made.clone(), bytes);
        }
        made
    }

    /// A size that is not kept, from the next larger one that is.
    async fn scaled(&self, key: &Key) -> Made {
        let larger = Box::pin(self.get(Key { size: key.size.kept(), ..key.clone() })).await?;
        let turn = self.pool.turn().await?;
        self.render(turn, larger, ImageFormat::Jpeg, key.size).await
    }

    async fn kept(&self, key: &Key) -> Made {
        let stored = self.blobs.read_thumbnail(&key.database, key.file_name()).await;
        match stored.map_err(ThumbnailError::Blob)? {
            Some(jpeg) if render::is_whole_jpeg(&jpeg) => Ok(jpeg),
            _ => self.make(key).await,
        }
    }

    async fn make(&self, key: &Key) -> Made {
        // Nothing of the file is in memory before it is this one's turn.
        let turn = self.pool.turn().await?;
        let (kind, content) = self.content(key).await?;
        let jpeg = match (kind, &self.options.pdf) {
            (Kind::Image(format), _) => self.render(turn, content, format, key.size).await?,
            (Kind::Pdf, None) => return Err(ThumbnailError::NoPdfTool),
            (Kind::Pdf, Some(tool)) => {
                let page = tool.first_page(content, key.size.get()).await?;
                self.render(turn, page, ImageFormat::Png, key.size).await?
            }
        };
        let stored = self.blobs.write_thumbnail(&key.database, key.file_name(), jpeg.clone()).await;
        if let Err(e) = stored {
            tracing::warn!(database = %key.database, hash = %key.hash, "a thumbnail is not kept: {e}");
        }
        Ok(jpeg)
    }

    /// The whole blob, if it is of a kind that has thumbnails by its first bytes.
    async fn content(&self, key: &Key) -> Result<(Kind, Bytes), ThumbnailError> {
        let download = self.blobs.get(&key.database, &key.hash, ByteRange::Whole).await;
        let mut download = download.map_err(ThumbnailError::Blob)?;
        let (bytes, limit) = (download.size(), self.options.file_bytes_max);
        let mut next = async || download.try_next().await.map_err(ThumbnailError::Blob);
        let first = next().await?.unwrap_or_default();
        let kind = render::kind(&first).ok_or(ThumbnailError::NotAnImage)?;
        if bytes > limit {
            return Err(ThumbnailError::FileTooLarge { bytes, limit });
        }
        let mut content = BytesMut::with_capacity(bytes as usize);
        content.extend_from_slice(&first);
        while let Some(piece) = next().await? {
            content.extend_from_slice(&piece);
        }
        Ok((kind, content.freeze()))
    }

    async fn render(
        &self,
        turn: pool::Turn,
        content: Bytes,
        format: ImageFormat,
        size: ThumbnailSize,
    ) -> Made {
        let limits = render::Limits {
            pixels_max: self.options.pixels_max,
            decoded_bytes_max: self.options.decoded_bytes_max,
        };
        self.pool.run(turn, move || render::jpeg(&content, format, size.get(), limits)).await
    }
}

/// Forgets a flight when it is done, or when the last who waits for it goes away.
struct Landing<'a> {
    inner: &'a Inner,
    key: &'a Key,
    flight: &'a Flight,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let mut flights = self.inner.flights.lock();
        // One is the map's, one is ours; more are of others who wait.
        let is_over = self.flight.initialized() || Arc::strong_count(self.flight) <= 2;
        if is_over && flights.get(self.key).is_some_and(|flight| Arc::ptr_eq(flight, self.flight)) {
            flights.remove(self.key);
        }
    }
}

#[allow(dead_code, reason = "a bound of the public interface, checked when this compiles")]
fn futures_can_move_between_threads(thumbnails: &Thumbnails, database: &DatabaseId, hash: &Hash) {
    fn check(_: impl Send) {}
    check(thumbnails.jpeg(database, hash, ThumbnailSize::default()));
    check(thumbnails.inner.blobs.put(database, futures_util::stream::empty::<Result<Bytes, BlobError>>(), 0));
    check(thumbnails.inner.blobs.collect(database, &|_| true, std::time::UNIX_EPOCH));
}
