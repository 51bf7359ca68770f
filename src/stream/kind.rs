//! The kinds of streams. A kind gives the numbers in a context's list their meaning.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::{LabelMap, Part, PixelMap, View};
use crate::data::Dataset;
use crate::error::{Error, Result};

settings! {
    /// The meaning of the numbers in a stream's lists. To add a kind, add a variant here with its arms below, and a
    /// map to [`View`] if no map there fits.
    pub enum StreamKind {
        /// Classes: a context has their samples.
        Split = "split",
        /// Angles in degrees: a context has all samples rotated by each angle.
        Rotated = "rotated",
        /// Permutations of the pixels, by number, 0 the identity: a context has all samples under each permutation.
        Permuted = "permuted",
        /// Numbers of tasks: in a task, every sample has a random label. A network can only memorise them, so that the
        /// task is tested on the training samples.
        RandomLabels = "random-labels",
        /// Permutations of the labels, by number, 0 the identity: in a task, the classes exchange their labels.
        ShuffledLabels = "shuffled-labels",
        /// Classes, relabelled 0, 1, … in the order of the list. All contexts share a head with as many outputs as the
        /// longest list has classes. Each list is one task.
        ClassSubsets = "class-subsets",
    }
}

impl StreamKind {
    /// The noun for one number in a list, and for several.
    pub fn item(self) -> [&'static str; 2] {
        match self {
            StreamKind::Split | StreamKind::ClassSubsets => ["class", "classes"],
            StreamKind::Rotated => ["angle in degrees", "rotations"],
            StreamKind::Permuted => ["permutation", "permutations"],
            StreamKind::RandomLabels => ["number of a task", "tasks"],
            StreamKind::ShuffledLabels => ["order of labels", "orders of labels"],
        }
    }

    /// The largest number allowed in a list, for samples with `classes` classes.
    pub fn largest(self, classes: usize) -> usize {
        match self {
            _ if self.has_classes() => classes.saturating_sub(1),
            StreamKind::Rotated => 359,
            _ => usize::from(u16::MAX),
        }
    }

    /// Whether the numbers are classes.
    pub fn has_classes(self) -> bool {
        matches!(self, StreamKind::Split | StreamKind::ClassSubsets)
    }

    /// Whether tasks are tested on the training samples.
    pub fn tests_training_samples(self) -> bool {
        self == StreamKind::RandomLabels
    }

    /// The task of each context: the numbers of its list that no earlier list has; for class subsets, the whole list.
    pub fn tasks(self, lists: &[Vec<u16>]) -> Vec<Vec<u16>> {
        match self {
            StreamKind::ClassSubsets => lists.to_vec(),
            _ => super::tasks(lists),
        }
    }

    /// The number of outputs of a network for these contexts, for samples with `classes` classes.
    pub fn outputs(self, classes: usize, contexts: &[Vec<u16>]) -> usize {
        match self {
            StreamKind::ClassSubsets => contexts.iter().map(Vec::len).max().unwrap_or(0),
            _ => classes,
        }
    }

    /// The list of task `number` of `count` tasks with one number each: its own number, or one of `count` evenly
    /// spaced angles.
    pub(super) fn numbered(self, number: u16, count: usize) -> Vec<u16> {
        match self {
            StreamKind::Rotated => {
                vec![(usize::from(number) * 360 / count.max(1)) as u16]
            }
            _ => vec![number],
        }
    }

    /// Splits a context's list into units; each has its own view.
    pub(super) fn units(self, list: &[u16]) -> Vec<&[u16]> {
        match self {
            StreamKind::ClassSubsets => vec![list],
            _ => list.chunks(1).collect(),
        }
    }

    /// The samples of a unit, and their view.
    pub(super) fn part(self, unit: &[u16], samples: &Dataset, seed: u64) -> Result<Part> {
        let number = unit.first().copied().unwrap_or(0);
        let (pixels, labels) = match self {
            StreamKind::Split => (PixelMap::Identity, LabelMap::Identity),
            StreamKind::Rotated => (PixelMap::Rotation(number), LabelMap::Identity),
            StreamKind::Permuted => (PixelMap::Permutation(number.into()), LabelMap::Identity),
            StreamKind::RandomLabels => {
                let labels = u16::try_from(samples.classes()).unwrap_or(u16::MAX);
                let map = LabelMap::Random {
                    labels,
                    seed,
                    number,
                };
                (PixelMap::Identity, map)
            }
            StreamKind::ShuffledLabels => {
                let map = LabelMap::shuffled(samples.classes(), seed, number);
                (PixelMap::Identity, map)
            }
            StreamKind::ClassSubsets => (
                PixelMap::Identity,
                LabelMap::local(&classes(unit, samples)?),
            ),
        };
        let samples = match self.has_classes() {
            true => samples.of_classes(&classes(unit, samples)?),
            false => (0u32..).take(samples.len()).collect(),
        };
        let view = View { pixels, labels };
        Ok(Part {
            samples: samples.into(),
            view,
        })
    }
}

/// The classes in `unit`; each must have samples.
fn classes(unit: &[u16], samples: &Dataset) -> Result<Vec<u8>> {
    let class = |&class: &u16| {
        let known = u8::try_from(class).ok();
        let present = known.filter(|class| samples.labels().contains(class));
        present.ok_or_else(|| {
            let expected = format!(
                "classes below {} that have training and test samples",
                samples.classes()
            );
            Error::setting("stream.contexts", class, expected)
        })
    };
    unit.iter().map(class).collect()
}
