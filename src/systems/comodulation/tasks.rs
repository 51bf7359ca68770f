//! The training and test samples of each task, with their labels.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::{ComodulationSettings, TaskSettings};
use crate::data::{TrainTest, celeba};
use crate::error::{Error, Result};
use crate::run::{DataSource, data_digest, hexadecimal, load_samples, read_weights};
use crate::tensor::NamedTensor;

/// The samples of an experiment.
#[derive(Debug, Clone)]
pub struct TaskData {
    /// Images with their labels; if there are attributes, all labels are 0.
    pub samples: TrainTest,
    /// The attributes of the training and the test samples, `[samples][attributes]`, 0 or 1.
    pub attributes: Option<[Vec<u8>; 2]>,
    /// The backbone's initial weights by torchvision's names, if they come from a file.
    pub weights: Option<Vec<NamedTensor>>,
}

impl TaskData {
    /// Loads the samples that `settings` name from `directory`, and the backbone's weights.
    ///
    /// # Errors
    /// Those of [`load_samples`], [`celeba::load`] and [`read_weights`].
    pub fn load(settings: &ComodulationSettings, directory: &Path) -> Result<Self> {
        let data = &settings.data;
        let weights = settings.network.weights.as_deref();
        let weights = weights.map(|path| read_weights(Path::new(path)));
        let (samples, attributes) = match (data.source, data.side) {
            (DataSource::Celeba, Some(side)) => {
                let found = celeba::load(directory, side, None)?;
                let samples = TrainTest {
                    train: found.train.images,
                    test: found.test.images,
                };
                let attributes = [found.train.attributes, found.test.attributes];
                (samples, Some(attributes))
            }
            _ => (load_samples(data, directory)?, None),
        };
        Ok(TaskData {
            samples,
            attributes,
            weights: weights.transpose()?,
        })
    }

    /// SHA-256 over the samples, and over the initial weights if they come from a file, in hexadecimal.
    pub fn digest(&self) -> String {
        let samples = data_digest(&self.samples);
        if self.attributes.is_none() && self.weights.is_none() {
            return samples;
        }
        let mut hash = Sha256::new_with_prefix(samples);
        for half in self.attributes.iter().flatten() {
            hash.update(half);
        }
        for tensor in self.weights.iter().flatten() {
            hash.update(format!("{} {:?}", tensor.name, tensor.shape));
            for number in &tensor.numbers {
                hash.update(number.to_bits().to_le_bytes());
            }
        }
        hexadecimal(hash)
    }
}

/// Sample indices, and the class of each in a task.
#[derive(Debug, Clone, Default)]
pub(super) struct LabelledIndices {
    pub(super) samples: Vec<u32>,
    pub(super) labels: Vec<u8>,
}

/// A task with its samples.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) name: String,
    pub(super) classes: usize,
    pub(super) train: LabelledIndices,
    pub(super) test: LabelledIndices,
}

/// The tasks of a list, each with at most `limit` test samples; all if `limit` is 0.
pub(super) fn tasks(
    list: &str,
    settings: &[TaskSettings],
    material: &TaskData,
    limit: usize,
) -> Result<Vec<Task>> {
    let task = |task: &TaskSettings| {
        let train = labelled(list, task, material, 0)?;
        let test = limited(labelled(list, task, material, 1)?, limit);
        for half in [&train, &test] {
            let mut seen: Vec<u8> = half.labels.clone();
            seen.sort_unstable();
            seen.dedup();
            if seen.len() < 2 {
                let found = format!("samples of only {} of its classes", seen.len());
                return Err(ComodulationSettings::no_samples(list, task, &found));
            }
        }
        Ok(Task {
            name: task.name.clone(),
            classes: task.classes.as_ref().map_or(2, Vec::len),
            train,
            test,
        })
    };
    settings.iter().map(task).collect()
}

/// The training samples (0) or test samples (1) of a task.
fn labelled(
    list: &str,
    task: &TaskSettings,
    material: &TaskData,
    half: usize,
) -> Result<LabelledIndices> {
    let samples = [&material.samples.train, &material.samples.test][half];
    let mut found = LabelledIndices::default();
    let mut take = |sample: usize, label: usize| {
        if let (Ok(sample), Ok(label)) = (u32::try_from(sample), u8::try_from(label)) {
            found.samples.push(sample);
            found.labels.push(label);
        }
    };
    match (&task.classes, &task.attribute, &material.attributes) {
        (Some(classes), _, _) => {
            for (sample, &label) in samples.labels().iter().enumerate() {
                let class = classes
                    .iter()
                    .position(|labels| labels.contains(&u16::from(label)));
                if let Some(class) = class {
                    take(sample, class);
                }
            }
        }
        (None, Some(name), Some(attributes)) => {
            let all = celeba::ATTRIBUTES;
            let attribute = all.iter().position(|known| known == name);
            let attribute = attribute.ok_or_else(|| {
                let known: Vec<String> = all.iter().map(|name| (*name).into()).collect();
                crate::run::settings::unknown("attribute", name, &known)
            })?;
            for (sample, row) in attributes[half].chunks_exact(all.len()).enumerate() {
                take(sample, usize::from(row[attribute]));
            }
        }
        _ => {
            let key = format!("{list}.{}", task.name);
            let expected = "labels or an attribute that the samples have";
            return Err(Error::setting(key, format!("{task:?}"), expected));
        }
    }
    Ok(found)
}

/// Keeps `limit` of the samples, evenly spread; all if `limit` is 0.
fn limited(all: LabelledIndices, limit: usize) -> LabelledIndices {
    let kept = crate::run::evenly(all.samples.len(), limit);
    LabelledIndices {
        samples: kept.clone().map(|place| all.samples[place]).collect(),
        labels: kept.map(|place| all.labels[place]).collect(),
    }
}
