//! The samples that settings name.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::hexadecimal;
use super::settings::require;
use crate::data::{TrainTest, cifar, collection, digits, mnist};
use crate::error::{Error, Result};

settings! {
    /// Where the samples come from and how pixels become inputs: `(x/maximum − mean)/standard_deviation`.
    #[derive(Debug, Clone, PartialEq)]
    pub struct DataSettings {
        /// The format.
        pub source: DataSource,
        /// The pixel value that stands for full ink: 255 for MNIST, 16 for the digits.
        pub maximum: f32 [Positive],
        /// Mean of the scaled pixels, one for each channel.
        pub mean: Vec<f32> [Finite],
        /// Standard deviation of the scaled pixels, one for each channel.
        pub standard_deviation: Vec<f32> [Positive],
        /// What a collection of images is called in the directory of the data; only with source "images".
        pub name: Option<String> [Name],
        /// Rows and columns that its images are resized to; only with sources "images" and "celeba".
        pub side: Option<u32> [AtLeastOne],
    }
}

settings! {
    /// The known sources of samples.
    pub enum DataSource {
        /// The UCI digits that ship inside.
        Digits = "digits",
        /// Four IDX files in a directory.
        Mnist = "mnist",
        /// Four IDX files of the same names in a directory of their own.
        FashionMnist = "fashion-mnist",
        /// Six binary files in a directory.
        Cifar10 = "cifar10",
        /// Two binary files in a directory; the labels are the 100 fine ones.
        Cifar100 = "cifar100",
        /// Folders of PNG and JPEG images, or a file that `neurogain data pack` made of them.
        Images = "images",
        /// CelebA's aligned images, attributes and partition: for comodulation experiments, whose tasks are its
        /// attributes.
        Celeba = "celeba",
    }
}

impl DataSettings {
    /// Whether both name the same samples, whatever becomes of their pixels.
    pub(crate) fn same_samples(&self, other: &Self) -> bool {
        (self.source, &self.name, self.side) == (other.source, &other.name, other.side)
    }
}

impl DataSource {
    /// Classes of its samples; the most that there can be, where the samples themselves decide.
    pub fn classes(self) -> usize {
        match self {
            DataSource::Digits => digits::CLASSES,
            DataSource::Mnist | DataSource::FashionMnist => mnist::CLASSES,
            DataSource::Cifar10 => 10,
            DataSource::Cifar100 => 100,
            DataSource::Images => 256,
            DataSource::Celeba => 1,
        }
    }

    /// Channels of its images.
    pub fn channels(self) -> usize {
        match self {
            DataSource::Digits | DataSource::Mnist | DataSource::FashionMnist => 1,
            DataSource::Cifar10
            | DataSource::Cifar100
            | DataSource::Images
            | DataSource::Celeba => 3,
        }
    }
}

/// Loads the samples that `data` names; `directory` is where the files are that do not ship inside.
///
/// # Errors
/// Those of the source's format: [`mnist::load`], [`cifar::load_10`], [`cifar::load_100`],
/// [`collection::load`]; [`Error::Setting`] for a collection of images without name or side.
pub fn load_samples(data: &DataSettings, directory: &Path) -> Result<TrainTest> {
    let loaded = match data.source {
        DataSource::Digits => Ok(digits::load()),
        DataSource::Mnist => mnist::load(directory),
        DataSource::FashionMnist => mnist::load_fashion(directory),
        DataSource::Cifar10 => cifar::load_10(directory),
        DataSource::Cifar100 => cifar::load_100(directory),
        DataSource::Images => match (&data.name, data.side) {
            (Some(name), Some(side)) => Ok(collection::load(directory, name, side)?.samples),
            _ => Err(Error::setting("data.name, data.side", "(missing)", IMAGES)),
        },
        DataSource::Celeba => Err(Error::setting(
            "data.source",
            "celeba",
            "samples with labels: CelebA has attributes, which comodulation experiments learn",
        )),
    };
    // What is missing can be got from elsewhere.
    loaded.map_err(|error| match home(data.source) {
        Some(home) => error.advised(&format!(
            ". Get them from {home}, and name their directory with --data DIR or the variable NEUROGAIN_DATA"
        )),
        None => error,
    })
}

/// Where the files of a source are published; none for a source whose files are the user's own or whose reader says
/// it itself.
fn home(source: DataSource) -> Option<&'static str> {
    match source {
        DataSource::Digits | DataSource::Images | DataSource::Celeba => None,
        DataSource::Mnist => Some("https://ossci-datasets.s3.amazonaws.com/mnist/ (each with .gz)"),
        DataSource::FashionMnist => {
            Some("https://github.com/zalandoresearch/fashion-mnist (each with .gz)")
        }
        DataSource::Cifar10 => Some("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"),
        DataSource::Cifar100 => Some("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"),
    }
}

/// SHA-256 over the shape, classes, labels and pixels of both halves, in hexadecimal: equal where a run would
/// learn from the same.
pub fn data_digest(samples: &TrainTest) -> String {
    let mut hash = Sha256::new();
    for half in [&samples.train, &samples.test] {
        hash.update(format!("{} samples of {}, ", half.len(), half.shape()));
        hash.update(format!("{} classes\n", half.classes()));
        hash.update(half.labels());
        hash.update(half.pixels());
    }
    hexadecimal(hash)
}

/// What settings of a collection of images need.
const IMAGES: &str = "the collection's name, such as \"mini-imagenet\", and the side of its images in pixels, such as 84";

/// Whether samples can be named so.
pub(crate) fn check_data(data: &DataSettings) -> Result<()> {
    let channels = data.source.channels();
    for (key, list) in [
        ("data.mean", &data.mean),
        ("data.standard_deviation", &data.standard_deviation),
    ] {
        let expected = format!("{channels} number(s), one for each channel");
        require(list.len() == channels, key, format!("{list:?}"), expected)?;
    }
    let given = [data.name.is_some(), data.side.is_some()];
    let wanted = match data.source {
        DataSource::Images => [true, true],
        DataSource::Celeba => [false, true],
        _ => [false, false],
    };
    let value = format!(
        "{:?}, {:?} with source {}",
        data.name,
        data.side,
        data.source.name()
    );
    let expected = match data.source {
        DataSource::Images => IMAGES,
        DataSource::Celeba => "no name, and the side of its images in pixels, such as 64",
        _ => "neither, as only a collection of images has them",
    };
    require(given == wanted, "data.name, data.side", value, expected)
}

/// `limit` of `count` places, evenly spread; all if `limit` is 0.
pub(crate) fn evenly(count: usize, limit: usize) -> impl Iterator<Item = usize> + Clone {
    let kept = match limit {
        0 => count,
        limit => limit.min(count),
    };
    // In u128, which holds the product of any two sizes.
    (0..kept).map(move |i| (i as u128 * count as u128 / kept as u128) as usize)
}
