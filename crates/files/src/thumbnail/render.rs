//! From the bytes of a picture to the bytes of its thumbnail. Pure computing; runs on the pool.

use std::io::Cursor;

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use image::{
    DynamicImage, ImageDecoder, ImageEncoder as _, ImageError, ImageFormat, ImageReader, RgbImage,
    codecs::jpeg::JpegEncoder, metadata::Orientation,
};

use crate::ThumbnailError;

/// Of the JPEG encoder, 1 to 100.
const QUALITY: u8 = 82;
/// A colour profile of a camera or a screen is smaller; larger ones would outweigh the picture.
const PROFILE_BYTES_MAX: usize = 8 << 10;

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
    // Readers accept some bytes before the mark.
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
    let failed = |e: ImageError| failure(&e, limits);
    let mut reader = ImageReader::with_format(Cursor::new(content), format);
    reader.limits(decoder_limits(limits));
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > limits.pixels_max {
        return Err(ThumbnailError::TooManyPixels { width, height, limit: limits.pixels_max });
    }
    if decoder.total_bytes() > limits.decoded_bytes_max {
        return Err(ThumbnailError::TooMuchMemory { limit: limits.decoded_bytes_max });
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten().filter(|profile| fits_rgb(profile));
    let image = flatten(DynamicImage::from_decoder(decoder).map_err(failed)?);
    // Turned when it is small already.
    let mut small = DynamicImage::ImageRgb8(shrink(image, edge)?);
    small.apply_orientation(orientation);
    encode(&small, profile)
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

fn shrink(image: RgbImage, edge: u32) -> Result<RgbImage, ThumbnailError> {
    let (width, height) = image.dimensions();
    let longest = width.max(height);
    if longest <= edge {
        return Ok(image);
    }
    let scaled = |side: u32| {
        let rounded = (u64::from(side) * u64::from(edge) + u64::from(longest) / 2) / u64::from(longest);
        (rounded as u32).max(1)
    };
    let damaged = |e: String| ThumbnailError::Damaged(e);
    let source =
        ImageRef::new(width, height, image.as_raw(), PixelType::U8x3).map_err(|e| damaged(e.to_string()))?;
    let mut small = Image::new(scaled(width), scaled(height), PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&source, &mut small, &options).map_err(|e| damaged(e.to_string()))?;
    let (width, height) = (small.width(), small.height());
    Ok(RgbImage::from_raw(width, height, small.into_vec()).unwrap_or_default())
}

fn encode(image: &DynamicImage, profile: Option<Vec<u8>>) -> Result<Vec<u8>, ThumbnailError> {
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    // Refused profiles are left out: the colours are a little off then.
    let _ = profile.map(|profile| encoder.set_icc_profile(profile));
    encoder.encode_image(image).map_err(|e| ThumbnailError::Damaged(e.to_string()))?;
    Ok(jpeg)
}
