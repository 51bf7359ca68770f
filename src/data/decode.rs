//! Decoding of PNG and JPEG files to red, green and blue.
//!
//! Damaged files are refused: the decoder of JPEG needs the end marker, Huffman codes that exist, and every restart
//! marker where it should be; that of PNG the checksums. What a file without restart markers lost before a forged end
//! marker is filled, as libjpeg does. Memory is bounded by the size of the file: an image whose header claims
//! more pixels than its bytes can encode is refused before they are allocated.

use std::io::{Cursor, ErrorKind};
use std::path::Path;

use image::error::ImageError;
use image::{DynamicImage, GrayImage, ImageBuffer, ImageDecoder, ImageFormat, ImageReader, Limits};
use image::{Luma, RgbImage};
use jpeg_decoder::PixelFormat;

use super::files;
use crate::error::{Error, Result};

/// Maximum number of rows or columns.
pub(super) const LARGEST_SIDE: u32 = 1 << 14;
/// Maximum memory for decoding an image, and maximum length of its file, in bytes.
const MOST_MEMORY: u64 = 1 << 30;

/// A JPEG image has at least one bit for each 8 × 8 block of its largest component.
const JPEG_PIXELS_PER_BYTE: u64 = 8 * 64;
/// Deflate expands at most 1032 times, and a PNG image has at least one bit for each pixel.
const PNG_PIXELS_PER_BYTE: u64 = 8 * 1032;

/// Decodes a file. Its contents determine the format, not its name.
pub(super) fn decode(path: &Path) -> Result<RgbImage> {
    let (mut file, length) = files::open(path)?;
    if length > MOST_MEMORY {
        let problem = format!("has {length} bytes; images have at most {MOST_MEMORY}");
        return Err(Error::format(path, problem));
    }
    let bytes = files::read_at_most(path, &mut file, length)?;
    let damaged = |problem: String| {
        let problem = format!("is not a complete PNG or JPEG image: {problem}");
        Error::format(path, problem)
    };
    match image::guess_format(&bytes) {
        Ok(ImageFormat::Jpeg) => jpeg(&bytes),
        Ok(ImageFormat::Png) => png(&bytes),
        _ => Err("its first bytes are those of neither".into()),
    }
    .map_err(damaged)
}

/// Checks the size in an image's header.
fn check_size(
    [width, height]: [u32; 2],
    bytes: &[u8],
    per_byte: u64,
) -> core::result::Result<(), String> {
    let claims = format!("its header claims {width} × {height} pixels");
    if width.max(height) > LARGEST_SIDE {
        return Err(format!(
            "{claims}; expected at most {LARGEST_SIDE} on each side"
        ));
    }
    let most = per_byte.saturating_mul(bytes.len() as u64);
    if u64::from(width) * u64::from(height) > most {
        let length = bytes.len();
        return Err(format!(
            "{claims}, but {length} bytes encode at most {most}"
        ));
    }
    Ok(())
}

fn png(bytes: &[u8]) -> core::result::Result<RgbImage, String> {
    let problem = |error: ImageError| match error {
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            "it ends too early".to_string()
        }
        error => error.to_string(),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(problem)?;
    check_size(decoder.dimensions().into(), bytes, PNG_PIXELS_PER_BYTE)?;
    let image = DynamicImage::from_decoder(decoder).map_err(problem)?;
    Ok(image.into_rgb8())
}

fn jpeg(bytes: &[u8]) -> core::result::Result<RgbImage, String> {
    let problem = |error: jpeg_decoder::Error| match error {
        jpeg_decoder::Error::Io(_) => "it ends too early".to_string(),
        error => error.to_string(),
    };
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(MOST_MEMORY as usize);
    decoder.read_info().map_err(problem)?;
    let info = decoder.info().ok_or("it has no header")?;
    let [width, height] = [info.width, info.height].map(u32::from);
    check_size([width, height], bytes, JPEG_PIXELS_PER_BYTE)?;
    let pixels = decoder.decode().map_err(problem)?;
    let image = match info.pixel_format {
        PixelFormat::RGB24 => RgbImage::from_raw(width, height, pixels),
        PixelFormat::L8 => {
            let grey = GrayImage::from_raw(width, height, pixels);
            grey.map(|grey| DynamicImage::from(grey).into_rgb8())
        }
        PixelFormat::L16 => {
            let pairs = pixels.chunks_exact(2);
            let deep = pairs.map(|pair| u16::from_ne_bytes([pair[0], pair[1]]));
            let deep = ImageBuffer::<Luma<u16>, _>::from_raw(width, height, deep.collect());
            deep.map(|deep| DynamicImage::from(deep).into_rgb8())
        }
        PixelFormat::CMYK32 => RgbImage::from_raw(width, height, printed(&pixels)),
    };
    image.ok_or_else(|| "it has fewer pixels than its header claims".into())
}

/// The colours of inks on white: red is (255 − cyan)(255 − black)/255, and so on.
fn printed(inks: &[u8]) -> Vec<u8> {
    let reflected = |ink: u8, black: u8| {
        let product = u16::from(255 - ink) * u16::from(255 - black);
        ((product + 127) / 255) as u8
    };
    let pixels = inks.chunks_exact(4);
    pixels
        .flat_map(|ink| [0, 1, 2].map(|colour| reflected(ink[colour], ink[3])))
        .collect()
}
