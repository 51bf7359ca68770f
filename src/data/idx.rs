//! The IDX format of MNIST and similar data sets, read strictly.
//!
//! A file is a header, then the elements; the last dimension varies fastest (<http://yann.lecun.com/exdb/mnist>):
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 0, 1 | 0, 0 |
//! | 2 | type of the elements; 0x08 is u8 |
//! | 3 | number of dimensions |
//! | 4.. | each dimension, u32, big-endian |
//!
//! Images are u8 `[images][rows][columns]`, labels u8 `[labels]`. A file may be gzipped. Its first two bytes tell, not
//! its name, because browsers unpack files and keep the name. Gzipped files need the feature `report`.
//!
//! Headers are not trusted: memory grows with the bytes that are present, never with the size that a header claims,
//! and no more is unpacked than the header announces. A file that does not match its header gives an [`Error`] with
//! the file, its contents and what would be right.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use byteorder::{BigEndian, ByteOrder};

use super::files::{open, read_at_most};
use super::{Dataset, ImageShape};
use crate::counted::counted;
use crate::error::{Error, Result};

/// The code of u8 elements.
const UNSIGNED_BYTE: u8 = 0x08;

/// The first bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The most bytes that one byte of a gzip file can unpack to: deflate spends at least two bits on a
/// match, and a match is at most 258 bytes.
const GZIP_EXPANSION: u64 = 1032;

/// The images of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Images, at least 1.
    pub count: usize,
    /// Rows of an image, at least 1.
    pub rows: usize,
    /// Columns of an image, at least 1.
    pub columns: usize,
    /// `[count][rows][columns]`.
    pub pixels: Vec<u8>,
}

impl Images {
    /// Rows, columns and one channel.
    pub fn shape(&self) -> ImageShape {
        ImageShape {
            height: self.rows,
            width: self.columns,
            channels: 1,
        }
    }
}

/// Reads a file of images.
///
/// # Errors
/// [`Error::File`] if it cannot be read, [`Error::Format`] if it is not exactly one complete IDX file of u8 images,
/// [`Error::Memory`] if it does not fit.
pub fn read_images(path: &Path) -> Result<Images> {
    let ([count, rows, columns], pixels) = read(path)?;
    Ok(Images {
        count,
        rows,
        columns,
        pixels,
    })
}

/// Reads a file of labels, each below `classes`.
///
/// # Errors
/// As [`read_images`]; also [`Error::Format`] for a label out of range.
pub fn read_labels(path: &Path, classes: usize) -> Result<Vec<u8>> {
    let ([_], labels) = read(path)?;
    match labels.iter().position(|&l| usize::from(l) >= classes) {
        None => Ok(labels),
        Some(at) => Err(Error::format(
            path,
            format!(
                "label {at}, counted from 0, is {}; every label must be below {classes}",
                labels[at]
            ),
        )),
    }
}

/// Reads a file of images and the file of their labels, each below `classes`.
///
/// A sample is an image of one channel, `[rows][columns][1]`.
///
/// # Errors
/// As [`read_images`] and [`read_labels`]; also [`Error::Format`] if they differ in number.
pub fn read_dataset(images: &Path, labels: &Path, classes: usize) -> Result<Dataset> {
    let (images, labels) = read_labelled(images, labels, classes)?;
    Dataset::images(images.shape(), classes, images.pixels, labels)
}

/// As [`read_dataset`], but keeps the number of rows and columns.
pub(super) fn read_labelled(
    images: &Path,
    labels: &Path,
    classes: usize,
) -> Result<(Images, Vec<u8>)> {
    // Labels first: they are small, so that a wrong file is found early.
    let label_values = read_labels(labels, classes)?;
    let image_values = read_images(images)?;
    if label_values.len() != image_values.count {
        return Err(Error::format(
            labels,
            format!(
                "holds {} for the {} of {}; every image needs one",
                counted(label_values.len(), "label"),
                counted(image_values.count, "image"),
                images.display()
            ),
        ));
    }
    Ok((image_values, label_values))
}

/// The dimensions and the elements of the file at `path`, plain or gzipped.
fn read<const RANK: usize>(path: &Path) -> Result<([usize; RANK], Vec<u8>)> {
    let (file, length) = open(path)?;
    let mut file = BufReader::new(file);
    let start = file.fill_buf();
    let start = start.map_err(|error| Error::file(path, "read", error))?;
    if start.starts_with(&GZIP) {
        let most = length.saturating_mul(GZIP_EXPANSION);
        parse(path, gunzip(path, file)?, most)
    } else {
        parse(path, file, length)
    }
}

#[cfg(feature = "report")]
fn gunzip(_path: &Path, file: BufReader<File>) -> Result<impl Read> {
    // The decoder for several members, because the one for a single member ignores data after it.
    Ok(flate2::bufread::MultiGzDecoder::new(file))
}

#[cfg(not(feature = "report"))]
fn gunzip(path: &Path, _file: BufReader<File>) -> Result<File> {
    Err(Error::format(
        path,
        "is gzipped, which needs the feature `report`; gunzip it, or build with that feature",
    ))
}

/// The dimensions and the elements in `contents`, which can be at most `most` bytes long.
fn parse<const RANK: usize>(
    path: &Path,
    mut contents: impl Read,
    most: u64,
) -> Result<([usize; RANK], Vec<u8>)> {
    let header_length = 4 + 4 * RANK as u64;
    let header = read_at_most(path, &mut contents, header_length)?;
    check_magic(path, &header, RANK)?;
    if (header.len() as u64) < header_length {
        return Err(Error::format(
            path,
            format!(
                "ends within its header: {} of {header_length}",
                counted(header.len(), "byte")
            ),
        ));
    }
    let mut dimensions = [0_u32; RANK];
    BigEndian::read_u32_into(&header[4..], &mut dimensions);
    let announced = describe(&dimensions);
    if dimensions.contains(&0) {
        return Err(Error::format(
            path,
            format!(
                "its header announces {announced} elements; every dimension must be at least 1"
            ),
        ));
    }
    let length = dimensions
        .iter()
        .try_fold(1_u64, |product, &d| product.checked_mul(u64::from(d)));
    let most = most.saturating_sub(header_length);
    let Some(length) = length.filter(|&length| length <= most) else {
        return Err(Error::format(
            path,
            format!(
                "is truncated: its header announces {announced} bytes, at most {most} bytes follow"
            ),
        ));
    };
    // One byte more than announced: this detects a file that is too long. For a gzipped file, reading to the end also
    // verifies the checksum.
    let elements = read_at_most(path, &mut contents, length.saturating_add(1))?;
    let found = elements.len() as u64;
    if found < length {
        return Err(Error::format(
            path,
            format!("is truncated: its header announces {announced} bytes, {found} bytes follow"),
        ));
    }
    if found > length {
        return Err(Error::format(
            path,
            format!(
                "continues after the {length} bytes that its header announces ({announced}); it must end there"
            ),
        ));
    }
    Ok((dimensions.map(|d| d as usize), elements))
}

/// Checks the first four bytes of a file.
fn check_magic(path: &Path, header: &[u8], rank: usize) -> Result<()> {
    let wanted = match rank {
        1 => "labels, u8 of rank 1, begin with 00 00 08 01",
        _ => "images, u8 of rank 3, begin with 00 00 08 03",
    };
    let problem = match *header {
        [] => "is empty".to_string(),
        [0, 0, UNSIGNED_BYTE, found, ..] if usize::from(found) == rank => return Ok(()),
        [0, 0, UNSIGNED_BYTE, found, ..] => format!("holds u8 of rank {found}"),
        [0, 0, code, _, ..] => format!("holds elements of type {}", name_of_type(code)),
        [a, b, c, d, ..] => {
            format!("is not an IDX file: it begins with {a:02x} {b:02x} {c:02x} {d:02x}")
        }
        _ => format!("ends within its header: {}", counted(header.len(), "byte")),
    };
    Err(Error::format(path, format!("{problem}; {wanted}")))
}

fn name_of_type(code: u8) -> String {
    let name = match code {
        0x09 => "i8",
        0x0b => "i16",
        0x0c => "i32",
        0x0d => "f32",
        0x0e => "f64",
        _ => "unknown",
    };
    format!("0x{code:02x} ({name})")
}

/// "60000 × 28 × 28".
fn describe(dimensions: &[u32]) -> String {
    let dimensions: Vec<String> = dimensions.iter().map(u32::to_string).collect();
    dimensions.join(" × ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// An endless stream simulates the worst gzip bomb: the test ends only if reading is bounded.
    #[test]
    fn no_more_is_read_than_the_header_announces() {
        let header = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4];
        let endless = (&header[..]).chain(io::repeat(7));
        let error = parse::<3>(Path::new("bomb"), endless, u64::MAX).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("continues after the 24 bytes"),
            "{message}"
        );
    }

    /// Fails when it is read.
    struct Untouchable;

    impl Read for Untouchable {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("was read"))
        }
    }

    #[test]
    fn nothing_is_read_for_a_claim_that_cannot_hold() {
        let header = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4];
        let claim = |most| {
            let error = parse::<3>(Path::new("claim"), (&header[..]).chain(Untouchable), most);
            error.unwrap_err().to_string()
        };
        let refused = claim(16 + 23);
        assert!(refused.contains("at most 23 bytes follow"), "{refused}");
        let believed = claim(16 + 24);
        assert!(believed.contains("was read"), "{believed}");
    }
}
