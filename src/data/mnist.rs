//! MNIST, and every data set in its form (Fashion-MNIST, KMNIST): four IDX files in a directory.

use core::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::idx::{self, Images};
use super::{Dataset, TrainTest};
use crate::error::{Error, Result};

/// The digits 0 to 9.
pub const CLASSES: usize = 10;

/// The four files: training images, training labels, test images, test labels.
pub const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// Below the directory that a user names, where the files may lie; the last is torchvision's habit.
const PLACES: [&str; 3] = ["", "mnist", "MNIST/raw"];

/// One directory that was looked in, and what was found there.
///
/// Displayed as "DIR: all four files" or "DIR: lacks NAME, NAME".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The directory.
    pub directory: PathBuf,
    /// The path of each of [`FILES`], where it is there.
    pub files: [Option<PathBuf>; 4],
}

impl Place {
    /// The paths of [`FILES`], if all four are there.
    pub fn complete(&self) -> Option<[&Path; 4]> {
        match &self.files {
            [Some(a), Some(b), Some(c), Some(d)] => Some([a, b, c, d]),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing: Vec<&str> = FILES
            .into_iter()
            .zip(&self.files)
            .filter(|(_, path)| path.is_none())
            .map(|(name, _)| name)
            .collect();
        write!(f, "{}: ", self.directory.display())?;
        match missing.len() {
            0 => f.write_str("all four files"),
            4 if !self.directory.is_dir() => f.write_str("no such directory"),
            4 => f.write_str("none of the four files"),
            _ => write!(f, "lacks {}", missing.join(", ")),
        }
    }
}

/// Looks for the files in `directory`, then in its `mnist`, then in its `MNIST/raw`.
///
/// Each file may also be spelled with a dot (`train-images.idx3-ubyte`), and end in `.gz`; a plain
/// file is taken before a gzipped one. [`load`] reads the first place that has all four: files of
/// different places are never mixed, because they may be of different data sets.
pub fn search(directory: &Path) -> [Place; 3] {
    PLACES.map(|below| {
        let directory = match below {
            "" => directory.to_path_buf(),
            _ => directory.join(below),
        };
        let files = FILES.map(|name| find(&directory, name));
        Place { directory, files }
    })
}

fn find(directory: &Path, name: &str) -> Option<PathBuf> {
    let dotted = name.replace("-idx", ".idx");
    [
        name.to_string(),
        dotted.clone(),
        format!("{name}.gz"),
        format!("{dotted}.gz"),
    ]
    .into_iter()
    .map(|spelling| directory.join(spelling))
    .find(|path| may_be_read(path))
}

/// Whether there is a file, or something that only reading can tell: a directory that forbids
/// looking should end in the system's reason, not in "no such file".
fn may_be_read(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(metadata) => metadata.is_file(),
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

/// Reads the training and test samples that [`search`] finds for `directory`.
///
/// A sample is `[rows][columns]` pixels, 0 (paper) to 255 (full ink): 60,000 training and 10,000 test
/// samples of 28 × 28 for MNIST. Other numbers and sizes are accepted, as long as training and test
/// images are of one size.
///
/// # Errors
/// [`Error::File`] if no place has all four files, with every place that was looked in, or if a file
/// cannot be read; [`Error::Format`] for a file that is not what its format says, and for images of
/// different sizes; [`Error::Memory`] if the images do not fit.
///
/// ```no_run
/// use neurogain::data::mnist;
///
/// let mnist = mnist::load("downloads".as_ref())?;
/// assert_eq!(mnist.train.features(), 28 * 28);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn load(directory: &Path) -> Result<TrainTest> {
    let places = search(directory);
    let Some(files) = places.iter().find_map(Place::complete) else {
        return Err(not_found(directory, &places));
    };
    let [train_images, train_labels, test_images, test_labels] = files;
    // Test first: it is the smaller, and a wrong file is found before the others are read.
    let test = idx::read_labelled(test_images, test_labels, CLASSES)?;
    let train = idx::read_labelled(train_images, train_labels, CLASSES)?;
    if size(&test.0) != size(&train.0) {
        return Err(Error::format(
            test_images,
            format!(
                "holds images of {} pixels, those of {} are {}; they must be of one size",
                size(&test.0),
                train_images.display(),
                size(&train.0)
            ),
        ));
    }
    Ok(TrainTest {
        train: dataset(train)?,
        test: dataset(test)?,
    })
}

fn size(images: &Images) -> String {
    format!("{} × {}", images.rows, images.columns)
}

fn dataset((images, labels): (Images, Vec<u8>)) -> Result<Dataset> {
    Dataset::new(images.rows * images.columns, CLASSES, images.pixels, labels)
}

fn not_found(directory: &Path, places: &[Place]) -> Error {
    let looked: Vec<String> = places.iter().map(Place::to_string).collect();
    Error::file(
        directory,
        "find the MNIST files",
        format!(
            "looked in {}; wanted, in one of them, are {}, each with or without .gz",
            looked.join("; "),
            FILES.join(", ")
        ),
    )
}
