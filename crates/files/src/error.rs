//! What can go wrong, by what the caller can do about it. Storage, names and thumbnails each have a type, as their
//! callers decide about them at different places.

use boobook_model::DatabaseId;

use crate::{Hash, file_name::NAME_BYTES_MAX};

/// A blob could not be stored, read or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// The content is larger than the caller allows. Nothing was stored.
    #[error("the file is larger than {limit} bytes, the most this server takes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The sender's stream ended in an error. Nothing was stored.
    #[error("the upload broke off: {0}")]
    Upload(String),
    /// There is no such blob.
    #[error("database {database} has no blob {hash}")]
    NotFound {
        /// Where it was looked for.
        database: DatabaseId,
        /// Which.
        hash: Hash,
    },
    /// The range lies outside the blob.
    #[error("the range lies outside the file, which has {size} bytes")]
    Range {
        /// Size of the whole blob, for `Content-Range: bytes */size`.
        size: u64,
    },
    /// There is no room left. Nothing was stored; what was stored before is safe.
    #[error("{path} could not {action}: no space is left. Free some, or move the files to another disk")]
    Full {
        /// What was not done, as in "could not …".
        action: &'static str,
        /// Where.
        path: String,
    },
    /// The disk or the object store failed. Nothing was stored, or it is not known and may be tried again.
    #[error("{path} could not {action}: {reason}")]
    Failed {
        /// What was not done, as in "could not …".
        action: &'static str,
        /// Where.
        path: String,
        /// Why, as the system says.
        reason: String,
    },
    /// The object store answers, but not to this server: there is no such bucket, or it may not use it.
    #[error("{0}. Look at the location and the credentials in the settings")]
    Refused(String),
    /// The stored content is shorter than it should be: the disk lost some of it.
    #[error(
        "blob {hash} of database {database} is damaged: it ends after {found} of {size} bytes. Restore it from a back-up"
    )]
    Damaged {
        /// Of which database.
        database: DatabaseId,
        /// Which.
        hash: Hash,
        /// Bytes found.
        found: u64,
        /// Bytes expected.
        size: u64,
    },
    /// The place of the blobs in the configuration cannot be used.
    #[error("{location:?} cannot hold files: {reason}")]
    Location {
        /// As it was given.
        location: String,
        /// Why, and what would do.
        reason: String,
    },
}

/// A text cannot be the name of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left when the blanks around it are cut.
    #[error("a file needs a name")]
    Empty,
    /// `.`, `..` and the like, which mean directories.
    #[error("a file name needs more than dots")]
    Dots,
    /// A character that separates paths, or that nobody sees.
    #[error("a file name must not hold the character U+{:04X}", u32::from(*character))]
    Character {
        /// The first such character.
        character: char,
    },
    /// More bytes than file systems take.
    #[error("the file name has {bytes} bytes in UTF-8, at most {NAME_BYTES_MAX} are allowed")]
    TooLong {
        /// Bytes it has.
        bytes: usize,
    },
}

/// There is no thumbnail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThumbnailError {
    /// The content is of no kind that thumbnails are made of.
    #[error("there is no thumbnail: the file is no JPEG, PNG, GIF, WebP, BMP, TIFF or PDF")]
    NotAnImage,
    /// It looks like a PDF, and nothing here draws PDFs.
    #[error("there is no thumbnail: this server has no pdftoppm to draw PDFs with. Install poppler-utils")]
    NoPdfTool,
    /// The content is of such a kind by its first bytes, but cannot be read.
    #[error("there is no thumbnail: the image is damaged ({0})")]
    Damaged(String),
    /// The file is too large to be read for a thumbnail.
    #[error("there is no thumbnail: the file has {bytes} bytes, thumbnails are made of at most {limit}")]
    FileTooLarge {
        /// Bytes it has.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// It has too many pixels.
    #[error(
        "there is no thumbnail: the image has {width} × {height} pixels, thumbnails are made of at most {limit}"
    )]
    TooManyPixels {
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Most pixels.
        limit: u64,
    },
    /// Its pixels need too much memory, as those with 16 bits a colour do.
    #[error("there is no thumbnail: decoding the image takes more than {limit} bytes of memory")]
    TooMuchMemory {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The wanted size is outside what is offered.
    #[error("a thumbnail's size is a number of pixels from {min} to {max}, not {size}")]
    Size {
        /// What was asked for.
        size: u32,
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// Too many thumbnails are being made; the same may be asked again soon.
    #[error("too many thumbnails are being made at the moment, ask again in a few seconds")]
    Busy,
    /// Drawing the PDF took too long and was ended.
    #[error("there is no thumbnail: drawing the PDF's first page took more than {seconds} seconds")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// `pdftoppm` could not be run: the server's matter, not the file's.
    #[error("pdftoppm could not be run: {0}")]
    PdfTool(String),
    /// The blob could not be read.
    #[error(transparent)]
    Blob(BlobError),
}

impl ThumbnailError {
    /// Whether the same content would fail again, so that the answer may be remembered.
    pub(crate) fn lies_in_the_content(&self) -> bool {
        match self {
            Self::NotAnImage
            | Self::Damaged(_)
            | Self::FileTooLarge { .. }
            | Self::TooManyPixels { .. }
            | Self::TooMuchMemory { .. }
            | Self::TimedOut { .. } => true,
            Self::NoPdfTool | Self::Size { .. } | Self::Busy | Self::PdfTool(_) | Self::Blob(_) => false,
        }
    }
}
