//! The samples of an experiment: settings, loading and digest.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::hexadecimal;
use super::settings::require;
use crate::data::collection::TINY_IMAGENET;
use crate::data::{Dataset, TrainTest, cifar, collection, digits, mnist};
use crate::error::{Error, Result};
use crate::learn::PixelScaling;

settings! {
    /// The source of the samples, and how pixels x become inputs: `(x/maximum − mean)/standard_deviation`.
    #[derive(Debug, Clone, PartialEq)]
    pub struct DataSettings {
        /// The source and format of the files.
        pub source: DataSource,
        /// The largest pixel value of the format, by which pixels are divided: 255 for 8-bit images, 16 for the digits.
        pub maximum: f32 [Positive],
        /// Mean of the scaled pixels: a list of one number per channel.
        pub mean: Vec<f32> [Finite],
        /// Standard deviation of the scaled pixels: a list of one number per channel.
        pub standard_deviation: Vec<f32> [Positive],
        /// Number of training images that are used, evenly spread over the file. Default: all.
        pub samples: Option<usize> [AtLeastOne],
        /// Name of a collection of images in the data directory: the folder NAME or the packed file NAME.packed. Only
        /// with source "images".
        pub name: Option<String> [Name],
        /// Height and width, in pixels, that images are resized to, whatever their aspect ratio; grey images get three
        /// equal channels. Only with sources "images", "tiny-imagenet" and "celeba" (which crops).
        pub side: Option<u32> [AtLeastOne],
    }
}

settings! {
    /// The sources of samples.
    pub enum DataSource {
        /// The UCI digits, which are built into the program.
        Digits = "digits",
        /// MNIST: four IDX files.
        Mnist = "mnist",
        /// Fashion-MNIST: four IDX files with MNIST's names, in their own folder.
        FashionMnist = "fashion-mnist",
        /// CIFAR-10: six binary files.
        Cifar10 = "cifar10",
        /// CIFAR-100: two binary files; the labels are the 100 fine ones.
        Cifar100 = "cifar100",
        /// Folders of PNG and JPEG images, or one file made from them by `neurogain data pack`.
        Images = "images",
        /// Tiny ImageNet: the folder tiny-imagenet-200 as it is published, or a packed file; its validation images are the
        /// test images.
        TinyImagenet = "tiny-imagenet",
        /// CelebA: aligned images, attributes and partition. Only for comodulation experiments, whose tasks are the
        /// attributes.
        Celeba = "celeba",
    }
}

impl DataSettings {
    /// The name of the collection of images, if the source is one.
    pub fn collection(&self) -> Option<&str> {
        match self.source {
            DataSource::Images => self.name.as_deref(),
            DataSource::TinyImagenet => Some(TINY_IMAGENET),
            _ => None,
        }
    }

    /// How pixels are scaled.
    pub(crate) fn scaling(&self) -> PixelScaling {
        PixelScaling {
            maximum: self.maximum,
            mean: self.mean.clone(),
            standard_deviation: self.standard_deviation.clone(),
        }
    }

    /// Whether both name the same samples, however the pixels are scaled.
    pub(crate) fn same_samples(&self, other: &Self) -> bool {
        let of = |data: &Self| (data.source, data.name.clone(), data.side, data.samples);
        of(self) == of(other)
    }
}

impl DataSource {
    /// Number of classes; an upper bound where the files decide it.
    pub fn classes(self) -> usize {
        match self {
            DataSource::Digits => digits::CLASSES,
            DataSource::Mnist | DataSource::FashionMnist => mnist::CLASSES,
            DataSource::Cifar10 => 10,
            DataSource::Cifar100 => 100,
            DataSource::Images => 256,
            DataSource::TinyImagenet => 200,
            DataSource::Celeba => 1,
        }
    }

    /// The names of the classes in the order of their labels, as the definition of the data set gives them; `None` where
    /// the files decide.
    pub fn class_names(self) -> Option<Vec<String>> {
        let named = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect());
        match self {
            DataSource::Digits | DataSource::Mnist => named(&mnist::CLASS_NAMES),
            DataSource::FashionMnist => named(&mnist::FASHION_CLASS_NAMES),
            DataSource::Cifar10 => named(&cifar::CLASSES_10),
            DataSource::Cifar100 => named(&cifar::CLASSES_100),
            // Its attributes are tasks of their own, named in the settings.
            DataSource::Celeba => Some(Vec::new()),
            DataSource::Images | DataSource::TinyImagenet => None,
        }
    }

    /// Channels of the images.
    pub fn channels(self) -> usize {
        match self {
            DataSource::Digits | DataSource::Mnist | DataSource::FashionMnist => 1,
            DataSource::Cifar10
            | DataSource::Cifar100
            | DataSource::Images
            | DataSource::TinyImagenet
            | DataSource::Celeba => 3,
        }
    }
}

/// Loads the samples that `data` names; `directory` holds the files of all sources but the digits.
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
        DataSource::Images | DataSource::TinyImagenet => match (data.collection(), data.side) {
            (Some(name), Some(side)) => {
                collection::load(directory, name, side).map(|found| found.samples)
            }
            _ => Err(Error::setting("data.name, data.side", "(missing)", IMAGES)),
        },
        DataSource::Celeba => Err(Error::setting(
            "data.source",
            "celeba",
            "another source: CelebA has attributes instead of labels, and only comodulation experiments can learn them",
        )),
    };
    let loaded = loaded.and_then(|loaded| match data.samples {
        Some(count) => limited(loaded, count),
        None => Ok(loaded),
    });
    // The message says where missing files can be downloaded.
    let fetch = match data.source {
        DataSource::TinyImagenet => String::new(),
        // The script has the names of the settings.
        source => format!(" with data/fetch.sh DIR {}, or", source.name()),
    };
    loaded.map_err(|error| match home(data.source) {
        Some(home) => error.advised(&format!(
            ". Download them{fetch} from {home}, and give their directory with --data DIR or the variable NEUROGAIN_DATA"
        )),
        None => error,
    })
}

/// Keeps `count` of the training images, evenly spread.
fn limited(samples: TrainTest, count: usize) -> Result<TrainTest> {
    let train = &samples.train;
    if count > train.len() {
        let expected = format!("at most {}, the number of training images", train.len());
        return Err(Error::setting("data.samples", count, expected));
    }
    let kept = || evenly(train.len(), count);
    let image = |place: usize| &train.pixels()[place * train.features()..][..train.features()];
    let pixels = kept().flat_map(image).copied().collect();
    let labels = kept().map(|place| train.labels()[place]).collect();
    Ok(TrainTest {
        train: Dataset::images(train.shape(), train.classes(), pixels, labels)?,
        test: samples.test,
    })
}

/// The download address of a source's files; `None` if the files are the user's or the reader's error names it.
fn home(source: DataSource) -> Option<&'static str> {
    match source {
        DataSource::Digits | DataSource::Images | DataSource::Celeba => None,
        DataSource::TinyImagenet => Some("http://cs231n.stanford.edu/tiny-imagenet-200.zip"),
        DataSource::Mnist => Some("https://ossci-datasets.s3.amazonaws.com/mnist/ (each with .gz)"),
        DataSource::FashionMnist => {
            Some("https://github.com/zalandoresearch/fashion-mnist (each with .gz)")
        }
        DataSource::Cifar10 => Some("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"),
        DataSource::Cifar100 => Some("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"),
    }
}

/// SHA-256 over the shape, classes, labels and pixels of the training and test samples, in hexadecimal.
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

/// The settings that a collection of images needs.
const IMAGES: &str = "the collection's name, such as \"mini-imagenet\", and the side of its images in pixels, such as 84";

/// Checks the rules that concern several keys of `data`.
pub(crate) fn check_data(data: &DataSettings) -> Result<()> {
    let channels = data.source.channels();
    for (key, list) in [
        ("data.mean", &data.mean),
        ("data.standard_deviation", &data.standard_deviation),
    ] {
        let expected = format!("{channels} number(s), one per channel");
        require(list.len() == channels, key, format!("{list:?}"), expected)?;
    }
    let given = [data.name.is_some(), data.side.is_some()];
    let wanted = match data.source {
        DataSource::Images => [true, true],
        DataSource::TinyImagenet | DataSource::Celeba => [false, true],
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
        DataSource::TinyImagenet | DataSource::Celeba => {
            "no name, and the side of the images in pixels, such as 64"
        }
        _ => "neither: only source \"images\" has them",
    };
    require(given == wanted, "data.name, data.side", value, expected)
}

/// `limit` indices below `count`, evenly spread; all if `limit` is 0.
pub(crate) fn evenly(count: usize, limit: usize) -> impl Iterator<Item = usize> + Clone {
    let kept = match limit {
        0 => count,
        limit => limit.min(count),
    };
    // A u128 holds the product of any two sizes.
    (0..kept).map(move |i| (i as u128 * count as u128 / kept as u128) as usize)
}
