//! Pictures made here, as no sample may be larger than some bytes.

use image::{Rgb, Rgba, RgbaImage};
use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { pixels_max: 64_000_000, decoded_bytes_max: 256 << 20 };
const RED: [u8; 3] = [220, 30, 30];
const GREEN: [u8; 3] = [30, 220, 30];
const BLUE: [u8; 3] = [30, 30, 220];
const GREY: [u8; 3] = [128, 128, 128];

const FORMATS: [ImageFormat; 6] = [
    ImageFormat::Jpeg,
    ImageFormat::Png,
    ImageFormat::Gif,
    ImageFormat::WebP,
    ImageFormat::Bmp,
    ImageFormat::Tiff,
];

/// A quarter each: red, green over blue, grey.
fn quarters(width: u32, height: u32) -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
        Rgb(match (x < width / 2, y < height / 2) {
            (true, true) => RED,
            (false, true) => GREEN,
            (true, false) => BLUE,
            (false, false) => GREY,
        })
    }))
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut content = Cursor::new(Vec::new());
    image.write_to(&mut content, format).unwrap();
    content.into_inner()
}

fn thumbnail(content: &[u8], edge: u32) -> Result<RgbImage, ThumbnailError> {
    let Some(Kind::Image(format)) = kind(content) else { return Err(ThumbnailError::NotAnImage) };
    let small = jpeg(content, format, edge, LIMITS)?;
    assert!(is_whole_jpeg(&small));
    Ok(image::load_from_memory_with_format(&small, ImageFormat::Jpeg).unwrap().into_rgb8())
}

#[track_caller]
fn assert_near(got: &RgbImage, x: f64, y: f64, wanted: [u8; 3]) {
    let at = ((f64::from(got.width()) * x) as u32, (f64::from(got.height()) * y) as u32);
    let found = got.get_pixel(at.0, at.1).0;
    let is_near = found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 24);
    assert!(is_near, "at {at:?} is {found:?}, not {wanted:?}");
}

#[track_caller]
fn assert_quarters(got: &RgbImage, [a, b, c, d]: [[u8; 3]; 4]) {
    assert_near(got, 0.25, 0.25, a);
    assert_near(got, 0.75, 0.25, b);
    assert_near(got, 0.25, 0.75, c);
    assert_near(got, 0.75, 0.75, d);
}

#[test]
fn every_kind_of_picture() {
    for format in FORMATS {
        let content = encoded(&quarters(300, 200), format);
        assert_eq!(kind(&content), Some(Kind::Image(format)));
        let small = thumbnail(&content, 64).unwrap();
        assert_eq!(small.dimensions(), (64, 43), "{format:?}");
        assert_quarters(&small, [RED, GREEN, BLUE, GREY]);
    }
}

#[test]
fn sizes() {
    for ((width, height), edge, size) in [
        ((300, 200), 256, (256, 171)),
        ((200, 300), 256, (171, 256)),
        ((40, 30), 256, (40, 30)),
        ((256, 256), 256, (256, 256)),
        ((257, 1), 256, (256, 1)),
        ((1, 900), 16, (1, 16)),
        ((1, 1), 16, (1, 1)),
        ((401, 399), 50, (50, 50)),
    ] {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let small = thumbnail(&encoded(&quarters(width, height), format), edge).unwrap();
            assert_eq!(small.dimensions(), size, "{width} × {height} to {edge}, {format:?}");
        }
    }
}

/// The tag alone, as cameras write it.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif
}

#[test]
fn pictures_are_turned_upright() {
    // What is seen when the first row is stored at the top, right, bottom, left …, of EXIF 1 to 8.
    let seen = [
        [RED, GREEN, BLUE, GREY],
        [GREEN, RED, GREY, BLUE],
        [GREY, BLUE, GREEN, RED],
        [BLUE, GREY, RED, GREEN],
        [RED, BLUE, GREEN, GREY],
        [BLUE, RED, GREY, GREEN],
        [GREY, GREEN, BLUE, RED],
        [GREEN, GREY, RED, BLUE],
    ];
    let stored = quarters(300, 200);
    for (orientation, seen) in (1..).zip(seen) {
        let mut content = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut content, 95);
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        encoder.encode_image(&stored).unwrap();
        let mut png = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        stored.write_with_encoder(encoder).unwrap();
        // Scaled while it is decoded, decoded whole, the other decoder.
        for (content, edge) in [(&content, 60), (&content, 300), (&png, 60)] {
            let small = thumbnail(content, edge).unwrap();
            let size = if orientation < 5 { (edge, edge * 2 / 3) } else { (edge * 2 / 3, edge) };
            assert_eq!(small.dimensions(), size, "orientation {orientation}");
            assert_quarters(&small, seen);
        }
    }
    for broken in [0, 9, 255] {
        let mut content = Vec::new();
        let mut encoder = JpegEncoder::new(&mut content);
        encoder.set_exif_metadata(exif(broken)).unwrap();
        encoder.encode_image(&stored).unwrap();
        assert_quarters(&thumbnail(&content, 60).unwrap(), seen[0]);
    }
}

#[test]
fn transparency_is_white_paper() {
    let image = RgbaImage::from_fn(100, 100, |x, _| Rgba([255, 0, 0, if x < 50 { 0 } else { 128 }]));
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff, ImageFormat::Gif] {
        let small = thumbnail(&encoded(&DynamicImage::ImageRgba8(image.clone()), format), 50).unwrap();
        assert_near(&small, 0.2, 0.5, [255, 255, 255]);
        if format != ImageFormat::Gif {
            assert_near(&small, 0.8, 0.5, [255, 127, 127]);
        }
    }
}

#[test]
fn other_depths() {
    let image = quarters(90, 60);
    for image in [
        DynamicImage::ImageRgb16(image.to_rgb16()),
        DynamicImage::ImageRgba16(image.to_rgba16()),
        DynamicImage::ImageRgba8(image.to_rgba8()),
    ] {
        assert_quarters(
            &thumbnail(&encoded(&image, ImageFormat::Png), 30).unwrap(),
            [RED, GREEN, BLUE, GREY],
        );
    }
    let luma = DynamicImage::ImageLuma8(image.to_luma8());
    for format in [ImageFormat::Jpeg, ImageFormat::Png] {
        let small = thumbnail(&encoded(&luma, format), 30).unwrap();
        assert_near(&small, 0.75, 0.75, GREY);
    }
}

#[test]
fn colour_profiles_of_screens_are_kept() {
    let profile = |space: &[u8; 4], bytes: usize| {
        let mut profile = vec![0; bytes];
        profile[16..20].copy_from_slice(space);
        profile
    };
    for (profile, is_kept) in [
        (profile(b"RGB ", 500), true),
        (profile(b"CMYK", 500), false),
        (profile(b"GRAY", 500), false),
        (profile(b"RGB ", 20_000), false),
    ] {
        let mut content = Vec::new();
        let mut encoder = JpegEncoder::new(&mut content);
        encoder.set_icc_profile(profile.clone()).unwrap();
        encoder.encode_image(&quarters(300, 200)).unwrap();
        let small = jpeg(&content, ImageFormat::Jpeg, 64, LIMITS).unwrap();
        let mut decoder =
            ImageReader::with_format(Cursor::new(small), ImageFormat::Jpeg).into_decoder().unwrap();
        assert_eq!(decoder.icc_profile().unwrap() == Some(profile), is_kept);
    }
}

#[test]
fn kinds_are_told_by_content() {
    for text in [
        "",
        "B",
        "BM",
        "BMW, a list of prices",
        "<svg xmlns=…",
        "<!DOCTYPE html>",
        "GIF",
        "II",
        "RIFF",
        "\0\0\0\0",
    ] {
        assert_eq!(kind(text.as_bytes()), None, "{text}");
    }
    assert_eq!(kind(b"%PDF-1.7\n"), Some(Kind::Pdf));
    assert_eq!(kind(b"\r\n\r\n%PDF-1.7\n"), Some(Kind::Pdf));
    let icon = encoded(&quarters(16, 16), ImageFormat::Png);
    let mut page = b"<html>".to_vec();
    page.extend(icon);
    assert_eq!(kind(&page), None);
}

/// The check sum of a PNG's chunk, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

/// A small picture that says it is of 60,000 × 60,000 pixels, or as many as its format can say.
fn bomb(format: ImageFormat) -> Vec<u8> {
    let mut content = encoded(&quarters(32, 32), format);
    let place = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|w| w == what).unwrap();
    match format {
        ImageFormat::Png => {
            content[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
            let sum = crc(&content[12..29]);
            content[29..33].copy_from_slice(&sum.to_be_bytes());
        }
        ImageFormat::Jpeg => {
            let at = place(&content, &[0xff, 0xc0]) + 5;
            content[at..at + 4].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
        }
        ImageFormat::Gif => content[6..10].copy_from_slice(&[0x60, 0xea, 0x60, 0xea]),
        ImageFormat::Bmp => content[18..26].copy_from_slice(&[0x60, 0xea, 0, 0, 0x60, 0xea, 0, 0]),
        ImageFormat::WebP => {
            // 14 bits each, one less than the size: 16,000 × 16,000.
            let at = place(&content, b"VP8L") + 9;
            content[at..at + 4].copy_from_slice(&(0x3e7f_u32 | 0x3e7f << 14).to_le_bytes());
        }
        _ => {
            // Width, height, and that all rows are in one strip.
            for tag in [0x100u16, 0x101, 0x116] {
                let at = (8..content.len() - 12).find(|at| {
                    content[*at..at + 2] == tag.to_le_bytes() && content[at + 4..at + 8] == [1, 0, 0, 0]
                });
                let at = at.unwrap();
                let kind: [u8; 2] = 4u16.to_le_bytes();
                content[at + 2..at + 4].copy_from_slice(&kind);
                content[at + 8..at + 12].copy_from_slice(&60_000u32.to_le_bytes());
            }
        }
    }
    content
}

#[test]
fn bombs_are_refused_by_their_headers() {
    for format in FORMATS {
        let refused = thumbnail(&bomb(format), 256);
        assert!(matches!(refused, Err(ThumbnailError::TooManyPixels { .. })), "{format:?}: {refused:?}");
    }
}

#[test]
fn wide_pixels_count_as_memory() {
    let content = encoded(&DynamicImage::ImageRgba16(quarters(100, 100).to_rgba16()), ImageFormat::Png);
    let limits = Limits { pixels_max: 10_000, decoded_bytes_max: 50_000 };
    assert_eq!(
        jpeg(&content, ImageFormat::Png, 64, limits),
        Err(ThumbnailError::TooMuchMemory { limit: 50_000 })
    );
    let content = encoded(&quarters(100, 100), ImageFormat::Png);
    assert!(jpeg(&content, ImageFormat::Png, 64, limits).is_ok());
}

#[test]
fn many_scans_are_refused() {
    let content = encoded(&quarters(64, 64), ImageFormat::Jpeg);
    assert_eq!(scans(&content), 1);
    let at = content.windows(2).position(|w| w == [0xff, 0xda]).unwrap();
    let (head, scan) = (&content[..at], &content[at..content.len() - 2]);
    let bomb = [head, &scan.repeat(1000), &[0xff, 0xd9]].concat();
    assert_eq!(scans(&bomb), 1000);
    assert!(matches!(thumbnail(&bomb, 16), Err(ThumbnailError::Damaged(_))));
    // What follows the end, such as the film of a moving photo, is not the picture's.
    let film = [&content[..], &scan.repeat(1000)].concat();
    assert_eq!(scans(&film), 1);
    assert!(thumbnail(&film, 16).is_ok());
    // A preview within the header is skipped.
    let mut preview = vec![0xff, 0xd8, 0xff, 0xe1, 0x10, 0];
    preview.resize(6 + 0x1000 - 2, 0xda);
    preview[500] = 0xff;
    preview.extend(&content[2..]);
    assert_eq!(scans(&preview), 1);
}

#[test]
fn truncated_pictures_end_well() {
    for format in FORMATS {
        let content = encoded(&quarters(60, 40), format);
        for length in (0..content.len()).step_by(content.len().div_ceil(400)) {
            match thumbnail(&content[..length], 32) {
                Ok(small) => assert_eq!(small.dimensions(), (32, 21), "{format:?} cut to {length}"),
                Err(ThumbnailError::Damaged(_) | ThumbnailError::NotAnImage) => {}
                Err(e) => panic!("{format:?} cut to {length}: {e:?}"),
            }
        }
        assert!(thumbnail(&content[..40], 32).is_err(), "{format:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_damage_is_worse_than_an_error(
        format in prop::sample::select(&FORMATS[..]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut content = encoded(&quarters(24, 16), format);
        for (at, byte) in damage {
            let at = at.index(content.len());
            content[at] = byte;
        }
        if let Ok(small) = thumbnail(&content, 16) {
            prop_assert!(small.width() <= 16 && small.height() <= 16);
        }
    }

    #[test]
    fn any_bytes_have_a_number_of_scans(content: Vec<u8>) {
        prop_assert!(scans(&content) <= content.len() / 2);
    }
}
