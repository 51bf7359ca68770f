//! MNIST and data sets in the same format (Fashion-MNIST, KMNIST): four IDX files in a directory.

use std::path::Path;

use super::files;
use super::idx::{self, Images};
use super::{Dataset, TrainTest};
use crate::error::{Error, Result};

/// Number of classes: the digits 0 to 9.
pub const CLASSES: usize = 10;

/// The four files: training images, training labels, test images, test labels.
pub const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// Where to look for the files, below the user's directory; the last is torchvision's place.
const PLACES: [&str; 3] = ["", "mnist", "MNIST/raw"];
/// MNIST's classes, in the order of their labels.
pub const CLASS_NAMES: [&str; CLASSES] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Fashion-MNIST's classes, in the order of their labels.
pub const FASHION_CLASS_NAMES: [&str; CLASSES] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

const FASHION_PLACES: [&str; 2] = ["fashion-mnist", "FashionMNIST/raw"];

/// One directory searched for [`FILES`].
pub type Place = files::Place<4>;

/// Looks for the files in `directory`, then in its subdirectories `mnist` and `MNIST/raw`.
///
/// Each file may also be spelled with a dot (`train-images.idx3-ubyte`), and end in `.gz`; a plain file is taken
/// before a gzipped one. [`load`] reads the first place that has all four. Files of different places are never mixed,
/// because they may belong to different data sets.
pub fn search(directory: &Path) -> [Place; 3] {
    PLACES.map(|below| Place::look(directory, below, FILES, spellings))
}

fn spellings(name: &str) -> Vec<String> {
    let dotted = name.replace("-idx", ".idx");
    let gzipped = [format!("{name}.gz"), format!("{dotted}.gz")];
    [name.to_string(), dotted]
        .into_iter()
        .chain(gzipped)
        .collect()
}

/// Looks for the files of Fashion-MNIST, which have the same names: in the subdirectories `fashion-mnist` and
/// `FashionMNIST/raw` (torchvision's place) of `directory`, and in `directory` itself if its name contains "fashion".
pub fn search_fashion(directory: &Path) -> Vec<Place> {
    let look = |below: &str| Place::look(directory, below, FILES, spellings);
    let mut places: Vec<Place> = FASHION_PLACES.map(look).into();
    let name = directory.file_name().and_then(|name| name.to_str());
    if name.is_some_and(|name| name.to_ascii_lowercase().contains("fashion")) {
        places.push(look(""));
    }
    places
}

/// Reads the training and test samples that [`search`] finds for `directory`.
///
/// A sample is `[rows][columns][1]` pixels, 0 (paper) to 255 (full ink): 60,000 training and 10,000 test samples of
/// 28 × 28 for MNIST. Other numbers and sizes are accepted if training and test images have the same size.
///
/// # Errors
/// [`Error::File`] if no place has all four files (the message lists every place searched) or a file cannot be read;
/// [`Error::Format`] for a file that does not match its format, and for images of different sizes; [`Error::Memory`]
/// if the images do not fit.
///
/// ```no_run
/// use neurogain::data::mnist;
///
/// let mnist = mnist::load("downloads".as_ref())?;
/// assert_eq!(mnist.train.features(), 28 * 28);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn load(directory: &Path) -> Result<TrainTest> {
    load_from(directory, "find the MNIST files", &search(directory))
}

/// Reads the training and test samples that [`search_fashion`] finds for `directory`.
///
/// # Errors
/// As [`load`].
pub fn load_fashion(directory: &Path) -> Result<TrainTest> {
    let action = "find the Fashion-MNIST files";
    load_from(directory, action, &search_fashion(directory))
}

fn load_from(directory: &Path, action: &'static str, places: &[Place]) -> Result<TrainTest> {
    let Some(found) = places.iter().find_map(Place::complete) else {
        let wanted = format!("{}, each with or without .gz", FILES.join(", "));
        return Err(files::not_found(directory, action, places, &wanted));
    };
    let [train_images, train_labels, test_images, test_labels] = found;
    // The test files first: they are smaller, so that a wrong file is found early.
    let test = idx::read_labelled(test_images, test_labels, CLASSES)?;
    let train = idx::read_labelled(train_images, train_labels, CLASSES)?;
    if size(&test.0) != size(&train.0) {
        return Err(Error::format(
            test_images,
            format!(
                "holds images of {} pixels, but those of {} are {}; all must have the same size",
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
    Dataset::images(images.shape(), CLASSES, images.pixels, labels)
}
