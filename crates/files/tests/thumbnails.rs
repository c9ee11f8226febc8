//! Thumbnails as a service: kept, made once, refused.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use boobook_files::{
    BlobError, Blobs, Fault, Faults, Hash, PdfTool, ThumbnailError, ThumbnailOptions, ThumbnailSize,
    Thumbnails,
};
use boobook_model::DatabaseId;
use bytes::Bytes;
use futures_util::{future::join_all, stream};
use image::{ImageFormat, RgbImage};
use tempfile::TempDir;

fn database() -> DatabaseId {
    "abc123def456".parse().unwrap()
}

fn picture(width: u32, height: u32) -> Bytes {
    let image = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 90]));
    let mut content = io::Cursor::new(Vec::new());
    image.write_to(&mut content, ImageFormat::Png).unwrap();
    content.into_inner().into()
}

async fn put(blobs: &Blobs, content: Bytes) -> Hash {
    let content = stream::iter([Ok::<_, io::Error>(content)]);
    blobs.put(&database(), content, u64::MAX).await.unwrap().hash
}

fn size(edge: u32) -> ThumbnailSize {
    ThumbnailSize::new(edge).unwrap()
}

fn dimensions(jpeg: &[u8]) -> (u32, u32) {
    let image = image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).unwrap();
    (image.width(), image.height())
}

fn kept(root: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(root.join("abc123def456/thumb"));
    folder.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn a_thumbnail_is_made_and_kept() {
    let folder = TempDir::new().unwrap();
    let blobs = Blobs::local(folder.path()).unwrap();
    let hash = put(&blobs, picture(900, 600)).await;
    let thumbnails = Thumbnails::new(blobs.clone(), ThumbnailOptions::default()).unwrap();
    let small = thumbnails.jpeg(&database(), &hash, ThumbnailSize::default()).await.unwrap();
    assert_eq!(dimensions(&small), (256, 171));
    // From memory, although what is on disk is another's.
    let [file]: [PathBuf; 1] = kept(folder.path()).try_into().unwrap();
    let other = thumbnails.jpeg(&database(), &put(&blobs, picture(64, 64)).await, size(64)).await.unwrap();
    fs::write(&file, &other).unwrap();
    assert_eq!(thumbnails.jpeg(&database(), &hash, size(256)).await.unwrap(), small);
    // From the disk.
    let thumbnails = Thumbnails::new(blobs.clone(), ThumbnailOptions::default()).unwrap();
    assert_eq!(thumbnails.jpeg(&database(), &hash, size(256)).await.unwrap(), other);
    // Made anew, when the disk lost its end.
    fs::write(&file, &other[..other.len() / 2]).unwrap();
    let thumbnails = Thumbnails::new(blobs, ThumbnailOptions::default()).unwrap();
    assert_eq!(thumbnails.jpeg(&database(), &hash, size(256)).await.unwrap(), small);
    assert_eq!(fs::read(&file).unwrap(), small);
}

#[tokio::test]
async fn only_some_sizes_are_kept_on_disk() {
    let folder = TempDir::new().unwrap();
    let blobs = Blobs::local(folder.path()).unwrap();
    let hash = put(&blobs, picture(300, 150)).await;
    let thumbnails = Thumbnails::new(blobs, ThumbnailOptions::default()).unwrap();
    for edge in [16, 17, 31, 100, 128, 129, 200, 255, 256, 299, 300] {
        let small = thumbnails.jpeg(&database(), &hash, size(edge)).await.unwrap();
        assert_eq!(dimensions(&small).0, edge);
    }
    assert_eq!(dimensions(&thumbnails.jpeg(&database(), &hash, size(2048)).await.unwrap()), (300, 150));
    // 16, 32, 128, 256, 512, 2048.
    assert_eq!(kept(folder.path()).len(), 6);
    for edge in [0, 15, 2049, u32::MAX] {
        let refused = ThumbnailSize::new(edge).unwrap_err();
        assert_eq!(refused, ThumbnailError::Size { size: edge, min: 16, max: 2048 });
    }
}

#[tokio::test]
async fn thumbnails_go_with_their_blobs() {
    let folder = TempDir::new().unwrap();
    for blobs in [Blobs::local(folder.path()).unwrap(), Blobs::memory()] {
        let [kept, loose] = [put(&blobs, picture(90, 60)).await, put(&blobs, picture(60, 90)).await];
        let thumbnails = Thumbnails::new(blobs.clone(), ThumbnailOptions::default()).unwrap();
        for hash in [kept, loose] {
            thumbnails.jpeg(&database(), &hash, size(32)).await.unwrap();
        }
        let tomorrow = SystemTime::now() + Duration::from_hours(24);
        let found = blobs.collect(&database(), &|hash| *hash == kept, tomorrow).await.unwrap();
        assert_eq!((found.kept, found.removed, found.thumbnails), (1, 1, 1));
        let again = blobs.collect(&database(), &|hash| *hash == kept, tomorrow).await.unwrap();
        assert_eq!((again.kept, again.removed, again.thumbnails), (1, 0, 0));
    }
}

#[tokio::test]
async fn what_has_no_thumbnail() {
    let blobs = Blobs::memory();
    let options =
        ThumbnailOptions { pixels_max: 10_000, file_bytes_max: 50_000, ..ThumbnailOptions::default() };
    let thumbnails = Thumbnails::new(blobs.clone(), options).unwrap();
    let refused = async |hash: Hash| thumbnails.jpeg(&database(), &hash, size(64)).await.unwrap_err();
    for text in ["", "hello", "<svg xmlns='http://www.w3.org/2000/svg'/>", "BM"] {
        assert_eq!(refused(put(&blobs, text.into()).await).await, ThumbnailError::NotAnImage);
    }
    assert_eq!(refused(put(&blobs, "%PDF-1.7".into()).await).await, ThumbnailError::NoPdfTool);
    let many = refused(put(&blobs, picture(101, 100)).await).await;
    assert_eq!(many, ThumbnailError::TooManyPixels { width: 101, height: 100, limit: 10_000 });
    let mut large = picture(10, 10).to_vec();
    large.resize(50_001, 0);
    let large = refused(put(&blobs, large.into()).await).await;
    assert_eq!(large, ThumbnailError::FileTooLarge { bytes: 50_001, limit: 50_000 });
    let half = refused(put(&blobs, picture(100, 100).slice(..200)).await).await;
    assert!(matches!(half, ThumbnailError::Damaged(_)), "{half:?}");
    let absent = Hash::of(b"absent");
    let missing = BlobError::NotFound { database: database(), hash: absent };
    assert_eq!(refused(absent).await, ThumbnailError::Blob(missing));
}

#[tokio::test]
async fn a_disk_that_is_full_does_not_hide_a_thumbnail() {
    let folder = TempDir::new().unwrap();
    let faults = Faults::default();
    let blobs = Blobs::local_with_faults(folder.path(), faults.clone()).unwrap();
    let hash = put(&blobs, picture(90, 60)).await;
    let thumbnails = Thumbnails::new(blobs, ThumbnailOptions::default()).unwrap();
    faults.plan(0, Fault::Cut);
    assert!(thumbnails.jpeg(&database(), &hash, size(32)).await.is_ok());
    assert!(kept(folder.path()).is_empty());
}

#[cfg(unix)]
mod pdf {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A program in the place of `pdftoppm`. It is started in a folder with `in.pdf` and is to make `page.png`.
    fn program(folder: &Path, script: &str) -> PathBuf {
        let path = folder.join("draw");
        fs::write(&path, format!("#!/bin/sh\nHOME={}\n{script}\n", folder.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn thumbnails(blobs: &Blobs, folder: &Path, script: &str, time_max: Duration) -> Thumbnails {
        fs::write(folder.join("page.png"), picture(90, 120)).unwrap();
        let pdf = Some(PdfTool::at(program(folder, script), time_max));
        Thumbnails::new(blobs.clone(), ThumbnailOptions { pdf, ..ThumbnailOptions::default() }).unwrap()
    }

    const MINUTE: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn a_pdf_is_drawn_once_for_all_who_ask() {
        let folder = TempDir::new().unwrap();
        let blobs = Blobs::memory();
        let hash = put(&blobs, "%PDF-1.7 of a test".into()).await;
        let script = "echo \"$@ $(cat in.pdf)\" >> $HOME/log; cp $HOME/page.png .";
        let thumbnails = thumbnails(&blobs, folder.path(), script, MINUTE);
        let database = database();
        let all = join_all((0..10).map(|_| thumbnails.jpeg(&database, &hash, size(64)))).await;
        assert!(all.iter().all(|one| one == &all[0]));
        assert_eq!(dimensions(all[0].as_ref().unwrap()), (48, 64));
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(log, "-f 1 -l 1 -singlefile -png -scale-to 64 in.pdf page %PDF-1.7 of a test\n");
    }

    #[tokio::test]
    async fn what_takes_too_long_is_killed_and_remembered() {
        let folder = TempDir::new().unwrap();
        let blobs = Blobs::memory();
        let hash = put(&blobs, "%PDF-1.7".into()).await;
        let script = "echo $$ >> $HOME/pid; exec sleep 1000";
        let thumbnails = thumbnails(&blobs, folder.path(), script, Duration::from_secs(1));
        for _ in 0..3 {
            let refused = thumbnails.jpeg(&database(), &hash, size(64)).await;
            assert_eq!(refused, Err(ThumbnailError::TimedOut { seconds: 1 }));
        }
        let pid = fs::read_to_string(folder.path().join("pid")).unwrap();
        assert_eq!(pid.lines().count(), 1);
        assert!(!Path::new("/proc").join(pid.trim()).exists());
    }

    #[tokio::test]
    async fn what_is_not_drawn_is_damaged_and_what_is_not_there_is_ours() {
        let folder = TempDir::new().unwrap();
        let blobs = Blobs::memory();
        let hash = put(&blobs, "%PDF-1.7".into()).await;
        for script in
            ["exit 1", "exit 0", "cp $HOME/page.png .; exit 3", "kill -9 $$", "echo nonsense > page.png"]
        {
            let thumbnails = thumbnails(&blobs, folder.path(), script, MINUTE);
            let refused = thumbnails.jpeg(&database(), &hash, size(64)).await;
            assert!(matches!(refused, Err(ThumbnailError::Damaged(_))), "{script}: {refused:?}");
        }
        let pdf = Some(PdfTool::at(folder.path().join("absent"), MINUTE));
        let thumbnails =
            Thumbnails::new(blobs, ThumbnailOptions { pdf, ..ThumbnailOptions::default() }).unwrap();
        let refused = thumbnails.jpeg(&database(), &hash, size(64)).await;
        assert!(matches!(refused, Err(ThumbnailError::PdfTool(_))), "{refused:?}");
    }

    /// With the real program, where it is installed.
    #[tokio::test]
    async fn the_real_program_draws() {
        let Some(tool) = PdfTool::find() else {
            eprintln!("skipped: pdftoppm is not installed");
            return;
        };
        let blobs = Blobs::memory();
        let page = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
                    2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
                    3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>endobj\n\
                    trailer<</Root 1 0 R>>\n";
        let options = ThumbnailOptions { pdf: Some(tool), ..ThumbnailOptions::default() };
        let thumbnails = Thumbnails::new(blobs.clone(), options).unwrap();
        let hash = put(&blobs, page.into()).await;
        let small = thumbnails.jpeg(&database(), &hash, size(128)).await.unwrap();
        assert_eq!(dimensions(&small), (128, 64));
        let hash = put(&blobs, "%PDF-1.4 and no more".into()).await;
        let refused = thumbnails.jpeg(&database(), &hash, size(128)).await;
        assert!(matches!(refused, Err(ThumbnailError::Damaged(_))), "{refused:?}");
    }
}
