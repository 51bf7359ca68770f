//! The training and test samples of each task, with their labels.

use core::ops::Range;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::scenes::scenes;
use super::{ComodulationSettings, TaskSettings};
use crate::data::change::draw_first;
use crate::data::{TrainTest, celeba};
use crate::error::{Error, Result};
use crate::rng::{Purpose, RandomStream};
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
    /// With scenes: the training and the test samples of pretraining, and of each task.
    pub parts: Option<[Vec<Range<usize>>; 2]>,
}

impl TaskData {
    /// Loads the samples that `settings` name from `directory`, and the backbone's weights.
    ///
    /// # Errors
    /// Those of [`load_samples`], [`celeba::load`] and [`read_weights`].
    pub fn load(settings: &ComodulationSettings, directory: &Path) -> Result<Self> {
        let data = &settings.data;
        let weights = settings.network.weights.as_deref().map(Path::new);
        let weights = weights.map(|path| {
            // Found from anywhere if it is kept with the data.
            let with_data = directory.join(path);
            match !path.exists() && with_data.exists() {
                true => read_weights(&with_data),
                false => read_weights(path).map_err(|error| match path.exists() {
                    true => error,
                    false => error.advised(&format!("; nor is there {}", with_data.display())),
                }),
            }
        });
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
        let (samples, parts) = match &settings.scenes {
            Some(of) => {
                let made = scenes(settings, of, &samples)?;
                (made.samples, Some(made.parts))
            }
            None => (samples, None),
        };
        Ok(TaskData {
            samples,
            attributes,
            weights: weights.transpose()?,
            parts,
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

/// The tasks of a list, each with at most `evaluation.limit` test samples; all if that is 0.
pub(super) fn tasks(
    list: &str,
    settings: &[TaskSettings],
    of: &ComodulationSettings,
    material: &TaskData,
) -> Result<Vec<Task>> {
    let limit = of.evaluation.limit;
    let source = of.data.source;
    let task = |(number, task): (usize, &TaskSettings)| {
        // Scenes of pretraining are the first part, those of task n part n + 1.
        let part = match list {
            "tasks" => number + 1,
            _ => 0,
        };
        let train = labelled(list, task, of, material, (part, 0))?;
        let test = limited(labelled(list, task, of, material, (part, 1))?, limit);
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
            classes: task.class_count(source),
            train,
            test,
        })
    };
    settings.iter().enumerate().map(task).collect()
}

/// The training samples (0) or test samples (1) of a task.
fn labelled(
    list: &str,
    task: &TaskSettings,
    of: &ComodulationSettings,
    material: &TaskData,
    (part, half): (usize, usize),
) -> Result<LabelledIndices> {
    let samples = [&material.samples.train, &material.samples.test][half];
    let parts = material.parts.as_ref();
    let part = parts.and_then(|parts| parts[half].get(part));
    let range = part.cloned().unwrap_or(0..samples.len());
    let classes = task.class_labels(of.data.source);
    let used = task.used_labels(of.data.source);
    let mut found = LabelledIndices::default();
    let mut take = |sample: usize, label: usize| {
        if let (Ok(sample), Ok(label)) = (u32::try_from(sample), u8::try_from(label)) {
            found.samples.push(sample);
            found.labels.push(label);
        }
    };
    match (&task.attribute, &material.attributes) {
        (None, _) => {
            let class_of = |label: u8| {
                let label = u16::from(label);
                let class = classes.iter().position(|labels| labels.contains(&label));
                class.filter(|_| used.contains(&label))
            };
            let class_of: Vec<Option<usize>> = (0..=255).map(class_of).collect();
            for sample in range {
                if let Some(class) = class_of[usize::from(samples.labels()[sample])] {
                    take(sample, class);
                }
            }
        }
        (Some(name), Some(attributes)) => {
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

impl LabelledIndices {
    /// Draws `count` of the samples, the first half (the larger one if `count` is odd) for training, the other for
    /// validation; from (seed, [`Purpose::LabelledSamples`], task).
    ///
    /// # Errors
    /// [`Error::Setting`] if there are fewer samples.
    pub(super) fn drawn(&self, count: usize, seed: u64, task: &(usize, &str)) -> Result<[Self; 2]> {
        let all = self.samples.len();
        if count > all {
            let expected = format!("at most {all}, the training samples of task {}", task.1);
            return Err(Error::setting("adaptation.samples", count, expected));
        }
        let mut stream = RandomStream::new(seed, Purpose::LabelledSamples, task.0 as u64);
        let mut places: Vec<usize> = (0..all).collect();
        draw_first(&mut places, count, &mut stream);
        let (train, validation) = places[..count].split_at(count.div_ceil(2));
        let of = |places: &[usize]| LabelledIndices {
            samples: places.iter().map(|&place| self.samples[place]).collect(),
            labels: places.iter().map(|&place| self.labels[place]).collect(),
        };
        Ok([of(train), of(validation)])
    }
}

#[cfg(test)]
mod tests {
    use super::LabelledIndices;

    #[test]
    fn drawn_halves_are_disjoint_and_do_not_depend_on_the_number() {
        let all = LabelledIndices {
            samples: (100..200).collect(),
            labels: (0..100).map(|label| label % 7).collect(),
        };
        let of = |count| all.drawn(count, 3, &(1, "t")).expect("enough samples");
        let [train, validation] = of(11);
        assert_eq!((train.samples.len(), validation.samples.len()), (6, 5));
        let mut both = [&train.samples[..], &validation.samples].concat();
        both.sort_unstable();
        both.dedup();
        assert_eq!(both.len(), 11);
        for half in [&train, &validation] {
            for (sample, label) in half.samples.iter().zip(&half.labels) {
                assert_eq!(u32::from(*label), (sample - 100) % 7);
            }
        }
        // The same again; and a larger number begins with the same samples.
        assert_eq!(of(11)[0].samples, train.samples);
        assert_eq!(of(40)[0].samples[..6], train.samples);
        assert_ne!(
            all.drawn(11, 4, &(1, "t")).expect("enough")[0].samples,
            train.samples
        );
        assert_ne!(
            all.drawn(11, 3, &(2, "t")).expect("enough")[0].samples,
            train.samples
        );
        assert!(all.drawn(101, 3, &(1, "t")).is_err());
    }
}
