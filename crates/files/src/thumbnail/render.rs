//! From the bytes of a picture to the bytes of its thumbnail. Pure computing; runs on the pool.

use std::io::Cursor;

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use image::{
    DynamicImage, GrayImage, ImageDecoder, ImageEncoder as _, ImageError, ImageFormat, ImageReader, RgbImage,
    codecs::jpeg::JpegEncoder, metadata::Orientation,
};

use jpeg_decoder::PixelFormat;
use memchr::memchr;

use crate::ThumbnailError;

/// Of the JPEG encoder, 1 to 100.
const QUALITY: u8 = 82;
/// A colour profile of a camera or a screen is smaller; larger ones would outweigh the picture.
const PROFILE_BYTES_MAX: usize = 8 << 10;

/// Passes over a JPEG's pixels; encoders make about ten.
const SCANS_MAX: usize = 64;

/// What a content is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Image(ImageFormat),
    Pdf,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) pixels_max: u64,
    pub(super) decoded_bytes_max: u64,
}

/// The kind of a content; `None` for all that has no thumbnail.
pub(super) fn kind(head: &[u8]) -> Option<Kind> {
    // Readers of PDF accept some bytes before its mark.
    if head[..head.len().min(1024)].windows(5).any(|mark| mark == b"%PDF-")
        && image::guess_format(head).is_err()
    {
        return Some(Kind::Pdf);
    }
    let format = image::guess_format(head).ok()?;
    let is_ours = match format {
        // Two letters begin many a text; four zeros after the size do not go on so.
        ImageFormat::Bmp => head.get(6..10) == Some(&[0; 4]),
        ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Gif | ImageFormat::WebP | ImageFormat::Tiff => {
            true
        }
        _ => false,
    };
    is_ours.then_some(Kind::Image(format))
}

/// Whether a stored thumbnail has its beginning and its end: it is not synced when it is written.
pub(super) fn is_whole_jpeg(content: &[u8]) -> bool {
    content.starts_with(&[0xff, 0xd8]) && content.ends_with(&[0xff, 0xd9])
}

/// A JPEG of at most `edge` pixels a side.
pub(super) fn jpeg(
    content: &[u8],
    format: ImageFormat,
    edge: u32,
    limits: Limits,
) -> Result<Vec<u8>, ThumbnailError> {
    let picture = match format {
        ImageFormat::Jpeg => scaled_jpeg(content, edge, limits)?,
        _ => None,
    };
    let picture = picture.map_or_else(|| whole(content, format, limits), Ok)?;
    // Turned when it is small already.
    let mut small = DynamicImage::ImageRgb8(shrink(flatten(picture.image), fit(picture.size, edge))?);
    small.apply_orientation(picture.orientation);
    encode(&small, picture.profile)
}

/// A decoded picture as it lies in its file, and what the file says of it.
struct Picture {
    image: DynamicImage,
    /// Of the whole picture; the image may be scaled down already.
    size: (u32, u32),
    orientation: Orientation,
    profile: Option<Vec<u8>>,
}

/// Decodes a JPEG at 1/8, 1/4 or 1/2 of its size, a third of the work of decoding it whole and then shrinking it.
/// `None` if this decoder does not like it: the other one may, it takes more liberties.
fn scaled_jpeg(content: &[u8], edge: u32, limits: Limits) -> Result<Option<Picture>, ThumbnailError> {
    if scans(content) > SCANS_MAX {
        return Err(ThumbnailError::Damaged(format!("it has more than {SCANS_MAX} scans")));
    }
    let mut decoder = jpeg_decoder::Decoder::new(content);
    decoder.set_max_decoding_buffer_size(limits.decoded_bytes_max as usize);
    let Some(info) = decoder.read_info().ok().and_then(|()| decoder.info()) else { return Ok(None) };
    check_pixels(info.width.into(), info.height.into(), limits)?;
    let edge = edge.min(u16::MAX.into()) as u16;
    let decoded = decoder.scale(edge, edge).and_then(|size| Ok((size, decoder.decode()?)));
    let Ok(((width, height), pixels)) = decoded else { return Ok(None) };
    let (width, height) = (width.into(), height.into());
    let image = match info.pixel_format {
        PixelFormat::RGB24 => RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
        PixelFormat::L8 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8),
        PixelFormat::L16 | PixelFormat::CMYK32 => None,
    };
    let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk);
    Ok(image.map(|image| Picture {
        image,
        size: (info.width.into(), info.height.into()),
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        profile: decoder.icc_profile().filter(|profile| fits_rgb(profile)),
    }))
}

fn whole(content: &[u8], format: ImageFormat, limits: Limits) -> Result<Picture, ThumbnailError> {
    let failed = |e: ImageError| failure(&e, limits);
    let mut reader = ImageReader::with_format(Cursor::new(content), format);
    reader.limits(decoder_limits(limits));
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    check_pixels(width, height, limits)?;
    if decoder.total_bytes() > limits.decoded_bytes_max {
        return Err(ThumbnailError::TooMuchMemory { limit: limits.decoded_bytes_max });
    }
    Ok(Picture {
        size: (width, height),
        orientation: decoder.orientation().unwrap_or(Orientation::NoTransforms),
        profile: decoder.icc_profile().ok().flatten().filter(|profile| fits_rgb(profile)),
        image: DynamicImage::from_decoder(decoder).map_err(failed)?,
    })
}

fn check_pixels(width: u32, height: u32, limits: Limits) -> Result<(), ThumbnailError> {
    if u64::from(width) * u64::from(height) > limits.pixels_max {
        return Err(ThumbnailError::TooManyPixels { width, height, limit: limits.pixels_max });
    }
    Ok(())
}

/// Counts the scans of a JPEG without decoding it. Each is a pass over all pixels and need not be longer than some
/// bytes, so a file of a few MB could keep a thread busy for hours.
fn scans(content: &[u8]) -> usize {
    let (mut at, mut scans) = (2, 0);
    while let Some(found) = content.get(at..).and_then(|rest| memchr(0xff, rest)) {
        at += found;
        match content.get(at + 1).copied().unwrap_or(0xd9) {
            // The end.
            0xd9 => break,
            // Within a scan: the byte 0xff itself, a mark to go on at, filling.
            0 | 0x01 | 0xd0..=0xd8 | 0xff => at += 1,
            code => {
                scans += usize::from(code == 0xda);
                let length =
                    content.get(at + 2..at + 4).map_or(0, |l| usize::from(l[0]) << 8 | usize::from(l[1]));
                at += 2 + length.max(2);
            }
        }
    }
    scans
}

fn decoder_limits(limits: Limits) -> image::Limits {
    let mut decoder_limits = image::Limits::no_limits();
    // The pixels, and what decoders hold beside them.
    decoder_limits.max_alloc = Some(limits.decoded_bytes_max.saturating_mul(2));
    decoder_limits
}

fn failure(error: &ImageError, limits: Limits) -> ThumbnailError {
    match error {
        ImageError::Limits(_) => ThumbnailError::TooMuchMemory { limit: limits.decoded_bytes_max },
        // The texts of decoders can quote the file; a line is enough.
        other => {
            ThumbnailError::Damaged(other.to_string().chars().filter(|c| !c.is_control()).take(200).collect())
        }
    }
}

/// Whether a profile tells what the red, green and blue of a picture look like; those of print and of grey scales do
/// not suit what the decoder made of it.
fn fits_rgb(profile: &[u8]) -> bool {
    profile.len() <= PROFILE_BYTES_MAX && profile.get(16..20) == Some(b"RGB ")
}

/// Puts a picture on white paper.
fn flatten(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let image = image.into_rgba8();
    let (width, height) = image.dimensions();
    let over_white = |colour: u8, alpha: u8| {
        let (colour, alpha) = (u32::from(colour), u32::from(alpha));
        ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    let mut paper = Vec::with_capacity(width as usize * height as usize * 3);
    for pixel in image.pixels() {
        let [red, green, blue, alpha] = pixel.0;
        paper.extend_from_slice(&[over_white(red, alpha), over_white(green, alpha), over_white(blue, alpha)]);
    }
    RgbImage::from_raw(width, height, paper).unwrap_or_default()
}

/// The size of a picture whose longest edge is at most `edge`.
fn fit((width, height): (u32, u32), edge: u32) -> (u32, u32) {
    let longest = u64::from(width.max(height));
    let scaled = |side: u32| match u64::from(edge) {
        edge if longest <= edge => side,
        edge => (((u64::from(side) * edge + longest / 2) / longest) as u32).max(1),
    };
    (scaled(width), scaled(height))
}

fn shrink(image: RgbImage, size: (u32, u32)) -> Result<RgbImage, ThumbnailError> {
    let (width, height) = image.dimensions();
    if size == (width, height) {
        return Ok(image);
    }
    let damaged = |e: String| ThumbnailError::Damaged(e);
    let source =
        ImageRef::new(width, height, image.as_raw(), PixelType::U8x3).map_err(|e| damaged(e.to_string()))?;
    let mut small = Image::new(size.0, size.1, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&source, &mut small, &options).map_err(|e| damaged(e.to_string()))?;
    Ok(RgbImage::from_raw(size.0, size.1, small.into_vec()).unwrap_or_default())
}

fn encode(image: &DynamicImage, profile: Option<Vec<u8>>) -> Result<Vec<u8>, ThumbnailError> {
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    // Refused profiles are left out: the colours are a little off then.
    let _ = profile.map(|profile| encoder.set_icc_profile(profile));
    encoder.encode_image(image).map_err(|e| ThumbnailError::Damaged(e.to_string()))?;
    Ok(jpeg)
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
