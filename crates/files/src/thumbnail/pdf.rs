//! Draws the first page of a PDF with poppler's `pdftoppm`, a program of its own that may fail without harm.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use bytes::Bytes;
use tempfile::TempDir;
use tokio::process::Command;

use crate::ThumbnailError;

/// Where programs are looked for. Fixed, so that nothing in the environment can put another in their place.
const FOLDERS: &[&str] = &["/usr/bin", "/usr/local/bin", "/bin", "/opt/homebrew/bin"];
/// A page of 2048 × 2048 pixels as PNG is below this even if nothing of it can be compressed.
const PAGE_BYTES_MAX: u64 = 32 << 20;
const MEMORY_BYTES_MAX: u64 = 1 << 30;

/// The program that draws PDFs, and how long it may take.
#[derive(Debug, Clone)]
pub struct PdfTool {
    program: PathBuf,
    /// `prlimit` of util-linux bounds memory, processor time and file size of what it starts.
    prlimit: Option<PathBuf>,
    time_max: Duration,
}

impl PdfTool {
    /// `pdftoppm`, where packages put it. Looks once; keep the answer.
    pub fn find() -> Option<Self> {
        find("pdftoppm").map(|program| Self::at(program, Duration::from_secs(10)))
    }

    /// A program that takes the arguments of `pdftoppm`, and the time after which it is killed.
    pub fn at(program: impl Into<PathBuf>, time_max: Duration) -> Self {
        Self { program: program.into(), prlimit: find("prlimit"), time_max }
    }

    /// The first page as PNG, its longest edge `edge`.
    pub(super) async fn first_page(&self, content: Bytes, edge: u32) -> Result<Bytes, ThumbnailError> {
        let failed = |e: io::Error| ThumbnailError::PdfTool(e.to_string());
        let folder = blocking(move || {
            let folder = tempfile::Builder::new().prefix("boobook-pdf-").tempdir()?;
            File::create(folder.path().join("in.pdf"))?.write_all(&content)?;
            Ok(folder)
        });
        let folder = folder.await.map_err(failed)?;
        // Dropping the child, be it because nobody waits any more, kills it.
        let mut child = self.command(folder.path(), edge).kill_on_drop(true).spawn().map_err(failed)?;
        let waited = tokio::time::timeout(self.time_max, child.wait()).await;
        match waited {
            Ok(status) => match status.map_err(failed)? {
                // So prlimit, as a shell, says that there was nothing to run.
                status if matches!(status.code(), Some(126 | 127)) => {
                    Err(ThumbnailError::PdfTool(format!("{} does not run, {status}", self.program.display())))
                }
                status => read_page(folder, status).await,
            },
            Err(_) => {
                child.kill().await.map_err(failed)?;
                Err(ThumbnailError::TimedOut { seconds: self.time_max.as_secs() })
            }
        }
    }

    fn command(&self, folder: &Path, edge: u32) -> Command {
        let mut command = match &self.prlimit {
            None => Command::new(&self.program),
            Some(prlimit) => {
                let seconds = self.time_max.as_secs() + 1;
                let mut command = Command::new(prlimit);
                command.args([format!("--as={MEMORY_BYTES_MAX}"), format!("--cpu={seconds}")]);
                command.args([format!("--fsize={PAGE_BYTES_MAX}"), "--core=0".to_owned()]).arg(&self.program);
                command
            }
        };
        command.args(["-f", "1", "-l", "1", "-singlefile", "-png", "-scale-to"]).arg(edge.to_string());
        command.args(["in.pdf", "page"]);
        command.current_dir(folder).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

async fn read_page(folder: TempDir, status: ExitStatus) -> Result<Bytes, ThumbnailError> {
    let page = blocking(move || {
        let mut page = Vec::new();
        File::open(folder.path().join("page.png"))?.take(PAGE_BYTES_MAX).read_to_end(&mut page)?;
        Ok(page)
    });
    match page.await {
        Ok(page) if status.success() => Ok(page.into()),
        _ => Err(ThumbnailError::Damaged(format!("pdftoppm does not draw the PDF, {status}"))),
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let is_there = |path: &PathBuf| fs::metadata(path).is_ok_and(|m| m.is_file());
    FOLDERS.iter().map(|folder| Path::new(folder).join(program)).find(is_there)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(io::Error::other(e)))
}
