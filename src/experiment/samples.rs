//! The samples that settings name.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::{DataSettings, DataSource};
use crate::data::{TrainTest, cifar, collection, digits, mnist};
use crate::error::{Error, Result};
use crate::run::hexadecimal;

/// Loads the samples that `data` names; `directory` is where the files are that do not ship inside.
///
/// # Errors
/// Those of the source's format: [`mnist::load`], [`cifar::load_10`], [`cifar::load_100`],
/// [`collection::load`]; [`Error::Setting`] for a collection of images without name or side.
pub fn load_samples(data: &DataSettings, directory: &Path) -> Result<TrainTest> {
    match data.source {
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
pub(super) const IMAGES: &str = "the collection's name, such as \"mini-imagenet\", and the side of its images in pixels, such as 84";
