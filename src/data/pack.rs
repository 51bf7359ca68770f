//! Packed files: images with named classes in one file, which `neurogain data pack` makes from a folder of images.
//!
//! Decoding and resizing a folder takes minutes, and decoders may round differently; a packed file is read at the
//! speed of the disk and has the same bytes everywhere. All numbers are little-endian:
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 8 | 89 4e 47 50 0d 0a 1a 0a: "NGP" and line endings that a transfer as text would change |
//! | 4 | version of the format, u32: 1 |
//! | 3 × 4 | height, width and channels of every image, u32, at least 1 |
//! | 4 | classes, u32, 1 to 256 |
//! | 2 × 4 | training samples and test samples, u32 |
//! | for each class | its name: length in bytes, u16, and UTF-8 |
//! | | training labels, `[samples]`, a byte each |
//! | | training pixels, `[samples][height][width][channels]`, a byte each |
//! | | test labels and test pixels |
//! | 8 | CRC-64/XZ of all the above, u64 |
//!
//! The checksum detects every change within 64 consecutive bits, and all but one in 2⁶⁴ of other changes.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use byteorder::{ByteOrder, LittleEndian};

use super::checksum::Crc64;
use super::{Dataset, ImageShape, NamedClasses, TrainTest, files};
use crate::error::{Error, Result};

/// The first bytes of every packed file.
const MAGIC: [u8; 8] = *b"\x89NGP\r\n\x1a\n";
const VERSION: u32 = 1;
/// Bytes of the magic number, the version and six numbers.
const HEADER: usize = 8 + 4 + 6 * 4;
/// Bytes of the checksum.
const CHECKSUM: u64 = 8;
/// Maximum number of classes: a label is a byte.
const MOST_CLASSES: usize = 256;

/// Writes `collection` to a new file. The file gets its name only when it is complete.
///
/// # Errors
/// [`Error::Shape`] if the halves differ in the shape of their images or the number of their classes, or there is not
/// one name per class; [`Error::Setting`] for a number that the format cannot hold; [`Error::File`] if the file
/// already exists or cannot be written.
pub fn write(path: &Path, collection: &NamedClasses) -> Result<()> {
    let head = head(collection)?;
    if fs::symlink_metadata(path).is_ok() {
        return Err(Error::file(
            path,
            "create",
            "it already exists; remove it, or choose another name",
        ));
    }
    let mut partial = OsString::from(path);
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let TrainTest { train, test } = &collection.samples;
    let parts = [
        &head[..],
        train.labels(),
        train.pixels(),
        test.labels(),
        test.pixels(),
    ];
    let written = write_parts(&partial, &parts).and_then(|()| fs::rename(&partial, path));
    written.map_err(|error| {
        // The partial file is useless; the error to report is the first.
        let _ = fs::remove_file(&partial);
        Error::file(path, "create", error)
    })
}

fn write_parts(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut checksum = Crc64::new();
    for part in parts {
        checksum.update(part);
        file.write_all(part)?;
    }
    file.write_all(&checksum.value().to_le_bytes())?;
    file.into_inner()?.sync_all()
}

/// Everything before the labels.
fn head(collection: &NamedClasses) -> Result<Vec<u8>> {
    let NamedClasses {
        names,
        samples: TrainTest { train, test },
    } = collection;
    let kind = |half: &Dataset| format!("{} pixels, {} classes", half.shape(), half.classes());
    if kind(train) != kind(test) {
        return Err(Error::shape("pack", kind(train), kind(test)));
    }
    if names.len() != train.classes() {
        let wanted = format!("{} names of classes", train.classes());
        return Err(Error::shape("pack", wanted, names.len()));
    }
    if names.is_empty() || names.len() > MOST_CLASSES {
        let range = format!("1 to {MOST_CLASSES}");
        return Err(Error::setting("classes", names.len(), range));
    }
    let shape = train.shape();
    let numbers = [
        ("height", shape.height),
        ("width", shape.width),
        ("channels", shape.channels),
        ("classes", names.len()),
        ("training samples", train.len()),
        ("test samples", test.len()),
    ];
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    for (name, number) in numbers {
        let range = format!("at most {}", u32::MAX);
        let number = u32::try_from(number).map_err(|_| Error::setting(name, number, range))?;
        bytes.extend(number.to_le_bytes());
    }
    for name in names {
        let range = format!("a name of at most {} bytes", u16::MAX);
        let length = u16::try_from(name.len());
        let length = length.map_err(|_| Error::setting("class", name, range))?;
        bytes.extend(length.to_le_bytes());
        bytes.extend(name.as_bytes());
    }
    Ok(bytes)
}

/// Reads a packed file.
///
/// # Errors
/// [`Error::File`] if it cannot be read, [`Error::Format`] if it is not exactly one complete packed file or its
/// checksum is wrong, [`Error::Memory`] if it does not fit.
pub fn read(path: &Path) -> Result<NamedClasses> {
    let (head, mut contents) = open(path)?;
    let Head {
        shape,
        training,
        test,
        names,
    } = head;
    contents.expect(shape, training, test)?;
    let train = contents.half(training, shape)?;
    let test = contents.half(test, shape)?;
    contents.verify()?;
    let dataset = |(labels, pixels)| {
        Dataset::images(shape, names.len(), pixels, labels)
            .map_err(|error| Error::format(path, format!("holds invalid samples: {error}")))
    };
    let samples = TrainTest {
        train: dataset(train)?,
        test: dataset(test)?,
    };
    Ok(NamedClasses { names, samples })
}

/// Reads the names of a packed file's classes, in the order of their labels. The checksum is not read.
///
/// # Errors
/// As [`read`], for the beginning of the file.
pub fn read_names(path: &Path) -> Result<Vec<String>> {
    Ok(open(path)?.0.names)
}

/// What a packed file says before its samples.
struct Head {
    shape: ImageShape,
    training: usize,
    test: usize,
    names: Vec<String>,
}

/// Reads everything before the samples.
fn open(path: &Path) -> Result<(Head, Contents<'_>)> {
    let (file, length) = files::open(path)?;
    let mut contents = Contents {
        path,
        file: BufReader::new(file),
        left: length,
        checksum: Crc64::new(),
    };
    let magic = contents.take(length.min(MAGIC.len() as u64))?;
    if magic != MAGIC {
        let begins: Vec<String> = magic.iter().map(|byte| format!("{byte:02x}")).collect();
        return Err(Error::format(
            path,
            format!(
                "is not a packed file: it begins with {}; expected 89 4e 47 50 0d 0a 1a 0a, as written by `neurogain data pack`",
                if begins.is_empty() {
                    "nothing".to_string()
                } else {
                    begins.join(" ")
                }
            ),
        ));
    }
    let header = contents.take((HEADER - MAGIC.len()) as u64)?;
    let mut numbers = [0_u32; 7];
    LittleEndian::read_u32_into(&header, &mut numbers);
    let [version, height, width, channels, classes, training, test] = numbers.map(|n| n as usize);
    if version != VERSION as usize {
        let problem = format!("has version {version} of the format; expected version {VERSION}");
        return Err(Error::format(path, problem));
    }
    if !(1..=MOST_CLASSES).contains(&classes) {
        let problem = format!("announces {classes} classes; expected 1 to {MOST_CLASSES}");
        return Err(Error::format(path, problem));
    }
    let mut names = Vec::new();
    for class in 0..classes {
        let length = LittleEndian::read_u16(&contents.take(2)?);
        let name = contents.take(u64::from(length))?;
        names.push(
            String::from_utf8(name).map_err(|_| {
                Error::format(path, format!("the name of class {class} is not UTF-8"))
            })?,
        );
    }
    let shape = ImageShape {
        height,
        width,
        channels,
    };
    let head = Head {
        shape,
        training,
        test,
        names,
    };
    Ok((head, contents))
}

/// A packed file while it is read: the number of bytes left, and the checksum of the bytes read.
struct Contents<'a> {
    path: &'a Path,
    file: BufReader<File>,
    left: u64,
    checksum: Crc64,
}

impl Contents<'_> {
    /// The next `length` bytes.
    fn take(&mut self, length: u64) -> Result<Vec<u8>> {
        if length > self.left {
            return Err(self.truncated(length));
        }
        let mut bytes = files::room(self.path, length)?;
        let read = (&mut self.file).take(length).read_to_end(&mut bytes);
        read.map_err(|error| Error::file(self.path, "read", error))?;
        if (bytes.len() as u64) < length {
            return Err(self.truncated(length));
        }
        self.left -= length;
        self.checksum.update(&bytes);
        Ok(bytes)
    }

    fn truncated(&self, wanted: u64) -> Error {
        let problem = format!(
            "is truncated: {wanted} bytes are announced, but {} are left",
            self.left
        );
        Error::format(self.path, problem)
    }

    /// Checks that the bytes left are exactly these samples and the checksum.
    fn expect(&self, shape: ImageShape, training: usize, test: usize) -> Result<()> {
        let samples = training.checked_add(test);
        let sample = shape
            .features()
            .and_then(|features| features.checked_add(1));
        let bytes = samples
            .zip(sample)
            .and_then(|(n, size)| n.checked_mul(size));
        let wanted = bytes.and_then(|bytes| (bytes as u64).checked_add(CHECKSUM));
        if wanted == Some(self.left) {
            return Ok(());
        }
        let wanted = wanted.map_or("more bytes than a file can have".to_string(), |n| {
            format!("{n} bytes")
        });
        let problem = format!(
            "announces {training} + {test} images of {shape}, with the checksum {wanted}, but {} bytes follow",
            self.left
        );
        Err(Error::format(self.path, problem))
    }

    fn half(&mut self, samples: usize, shape: ImageShape) -> Result<(Vec<u8>, Vec<u8>)> {
        let pixels = samples.saturating_mul(shape.features().unwrap_or(usize::MAX));
        Ok((self.take(samples as u64)?, self.take(pixels as u64)?))
    }

    /// Reads the checksum, which must be that of all bytes before it.
    fn verify(&mut self) -> Result<()> {
        let found = self.checksum.value();
        let written = LittleEndian::read_u64(&self.take(CHECKSUM)?);
        if found == written {
            return Ok(());
        }
        let problem = format!(
            "is damaged: its checksum is {found:016x}, but {written:016x} is written in it; download or pack it again"
        );
        Err(Error::format(self.path, problem))
    }
}
