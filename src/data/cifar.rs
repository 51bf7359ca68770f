//! CIFAR-10 and CIFAR-100 in their binary format: images of 32×32 pixels, red, green and blue.
//!
//! A. Krizhevsky (2009), *Learning Multiple Layers of Features from Tiny Images*;
//! <https://www.cs.toronto.edu/~kriz/cifar.html>, "binary version". A file consists of rows:
//!
//! | bytes of a row | CIFAR-10 | CIFAR-100 |
//! | --- | --- | --- |
//! | labels | 1: the class, below 10 | 2: the superclass, below 20; the class, below 100 |
//! | 1024 | the red plane, `[32][32]` | as CIFAR-10 |
//! | 1024 | the green plane | as CIFAR-10 |
//! | 1024 | the blue plane | as CIFAR-10 |
//! | total | 3073 | 3074 |
//!
//! An image is stored as `[32][32][3]`. The published files have 10,000 rows each, CIFAR-100's `train.bin` 50,000. Any
//! whole number of rows, at least 1, is accepted, so that a subset can be used.

use std::io::{BufReader, Read};
use std::path::Path;

use super::files::{self, Place};
use super::{Dataset, ImageShape, TrainTest};
use crate::error::{Error, Result};

pub use super::cifar_names::{CLASSES_10, CLASSES_100, SUPERCLASS_NAMES, SUPERCLASSES};

/// The shape of every image.
pub const SHAPE: ImageShape = ImageShape {
    height: 32,
    width: 32,
    channels: 3,
};

/// Pixels of a plane.
const PLANE: usize = SHAPE.height * SHAPE.width;

/// Bytes of an image.
const IMAGE: usize = PLANE * SHAPE.channels;

/// CIFAR-10's files: five with training samples, one with test samples.
pub const FILES_10: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// CIFAR-100's files: training samples and test samples.
pub const FILES_100: [&str; 2] = ["train.bin", "test.bin"];

/// Looks for [`FILES_10`] in `directory`, then in its subdirectory `cifar-10-batches-bin`, as the archive unpacks.
pub fn search_10(directory: &Path) -> [Place<6>; 2] {
    ["", "cifar-10-batches-bin"].map(|below| Place::look(directory, below, FILES_10, as_it_is))
}

/// Looks for [`FILES_100`] in `directory`, then in its subdirectory `cifar-100-binary`, as the archive unpacks.
pub fn search_100(directory: &Path) -> [Place<2>; 2] {
    ["", "cifar-100-binary"].map(|below| Place::look(directory, below, FILES_100, as_it_is))
}

fn as_it_is(name: &str) -> Vec<String> {
    vec![name.to_string()]
}

/// Reads CIFAR-10 from the first place of [`search_10`] that has all six files: 50,000 training and 10,000 test images
/// of the classes [`CLASSES_10`], the training files in order.
///
/// # Errors
/// [`Error::File`] if no place has all files (the message lists every place searched) or a file cannot be read;
/// [`Error::Format`] for a file that is empty, ends within a row or has a label out of range; [`Error::Memory`] if the
/// images do not fit.
///
/// ```no_run
/// use neurogain::data::cifar;
///
/// let cifar = cifar::load_10("downloads".as_ref())?;
/// assert_eq!(cifar.train.shape(), cifar::SHAPE);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn load_10(directory: &Path) -> Result<TrainTest> {
    let places = search_10(directory);
    let Some(found) = places.iter().find_map(Place::complete) else {
        let action = "find the CIFAR-10 files";
        let wanted = FILES_10.join(", ");
        return Err(files::not_found(directory, action, &places, &wanted));
    };
    let [training @ .., test] = found;
    load(&training, test, Labels::Ten)
}

/// Reads CIFAR-100 from the first place of [`search_100`] that has both files: 50,000 training and 10,000 test images.
/// A label is one of 100 classes. Its superclass follows from [`SUPERCLASSES`]; every row is checked against it.
///
/// # Errors
/// As [`load_10`]; also [`Error::Format`] for a row whose superclass is not that of its class.
pub fn load_100(directory: &Path) -> Result<TrainTest> {
    let places = search_100(directory);
    let Some([training, test]) = places.iter().find_map(Place::complete) else {
        let action = "find the CIFAR-100 files";
        let wanted = FILES_100.join(", ");
        return Err(files::not_found(directory, action, &places, &wanted));
    };
    load(&[training], test, Labels::Hundred)
}

/// The labels before an image.
#[derive(Clone, Copy)]
enum Labels {
    Ten,
    Hundred,
}

impl Labels {
    fn classes(self) -> usize {
        match self {
            Labels::Ten => CLASSES_10.len(),
            Labels::Hundred => SUPERCLASSES.len() * SUPERCLASSES[0].len(),
        }
    }

    /// Bytes before the image.
    fn length(self) -> usize {
        match self {
            Labels::Ten => 1,
            Labels::Hundred => 2,
        }
    }

    /// The class from the bytes before the image, or the problem with them.
    fn class(self, bytes: &[u8]) -> core::result::Result<u8, String> {
        let (superclass, class) = match *bytes {
            [superclass, class] => (Some(superclass), class),
            [class] => (None, class),
            _ => (None, u8::MAX),
        };
        if usize::from(class) >= self.classes() {
            let below = self.classes();
            return Err(format!(
                "has class {class}; every class must be below {below}"
            ));
        }
        let Some(superclass) = superclass else {
            return Ok(class);
        };
        match SUPERCLASSES.get(usize::from(superclass)) {
            None => Err(format!(
                "has superclass {superclass}; every superclass must be below {}",
                SUPERCLASSES.len()
            )),
            Some(classes) if !classes.contains(&class) => Err(format!(
                "has class {class} in superclass {superclass}, whose classes are {classes:?}"
            )),
            Some(_) => Ok(class),
        }
    }
}

fn load(training: &[&Path], test: &Path, labels: Labels) -> Result<TrainTest> {
    // The test file first: it is smaller, so that a wrong file is found early.
    let test = read(&[test], labels)?;
    Ok(TrainTest {
        train: read(training, labels)?,
        test,
    })
}

/// The samples of all files, in order.
fn read(paths: &[&Path], labels: Labels) -> Result<Dataset> {
    let row = (labels.length() + IMAGE) as u64;
    let mut opened = Vec::new();
    let mut rows = 0_u64;
    for &path in paths {
        let (file, length) = files::open(path)?;
        if length == 0 {
            let problem = format!("is empty; expected at least one row of {row} bytes");
            return Err(Error::format(path, problem));
        }
        if !length.is_multiple_of(row) {
            let problem = format!(
                "is truncated or has another format: its {length} bytes are {} rows of {row} bytes and {} more bytes; expected whole rows",
                length / row,
                length % row
            );
            return Err(Error::format(path, problem));
        }
        rows = rows.saturating_add(length / row);
        opened.push((path, file, length / row));
    }
    let first = paths.first().copied().unwrap_or(Path::new(""));
    let mut pixels = files::room(first, rows.saturating_mul(IMAGE as u64))?;
    let mut classes = files::room(first, rows)?;
    let mut bytes = vec![0; labels.length() + IMAGE];
    for (path, file, rows) in opened {
        let mut file = BufReader::with_capacity(1 << 18, file);
        for at in 0..rows {
            // The length was checked above: only a file that shrinks meanwhile ends early.
            file.read_exact(&mut bytes)
                .map_err(|e| Error::file(path, "read", e))?;
            let (label, image) = bytes.split_at(labels.length());
            let class = labels.class(label).map_err(|problem| {
                Error::format(path, format!("row {at}, counted from 0, {problem}"))
            })?;
            classes.push(class);
            interleave(image, &mut pixels);
        }
    }
    Dataset::images(SHAPE, labels.classes(), pixels, classes)
}

/// Appends planes, `[channels][pixels]`, as `[pixels][channels]`.
fn interleave(planes: &[u8], pixels: &mut Vec<u8>) {
    let (red, rest) = planes.split_at(PLANE);
    let (green, blue) = rest.split_at(PLANE);
    for ((&red, &green), &blue) in red.iter().zip(green).zip(blue) {
        pixels.extend([red, green, blue]);
    }
}
