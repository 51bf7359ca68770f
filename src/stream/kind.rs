//! The kinds of streams: what the numbers in a context's list mean.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::{LabelMap, Part, PixelMap, View};
use crate::data::Dataset;
use crate::error::{Error, Result};

settings! {
    /// What the numbers in the lists of a stream's contexts mean. A new kind is a variant here, with its arms below;
    /// and a map in [`View`] if none of those there does what it wants.
    pub enum StreamKind {
        /// Classes: the samples of these.
        Split = "split",
        /// Angles in degrees: all samples rotated by each.
        Rotated = "rotated",
        /// Orders of the pixels, 0 the usual one: all samples in each.
        Permuted = "permuted",
        /// Numbers of tasks: in each, every sample has a label drawn at random. A network can only memorise them, so
        /// that the task is tested on the training samples.
        RandomLabels = "random-labels",
        /// Orders of the classes, 0 the usual one: in each, the classes have each other's labels.
        ShuffledLabels = "shuffled-labels",
        /// Classes, which become the labels 0, 1, … in the order of the list: all contexts share a head of as many
        /// outputs as the longest list has classes. Each list is one task.
        ClassSubsets = "class-subsets",
    }
}

impl StreamKind {
    /// What one number in a list is, and several.
    pub fn item(self) -> [&'static str; 2] {
        match self {
            StreamKind::Split | StreamKind::ClassSubsets => ["class", "classes"],
            StreamKind::Rotated => ["angle in degrees", "rotations"],
            StreamKind::Permuted => ["permutation", "permutations"],
            StreamKind::RandomLabels => ["number of a task", "tasks"],
            StreamKind::ShuffledLabels => ["order of labels", "orders of labels"],
        }
    }

    /// The largest number in a list, for samples of `classes`.
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

    /// The task of each context: what of its list no earlier one has, or all of the list where each is a task.
    pub fn tasks(self, lists: &[Vec<u16>]) -> Vec<Vec<u16>> {
        match self {
            StreamKind::ClassSubsets => lists.to_vec(),
            _ => super::tasks(lists),
        }
    }

    /// Outputs of a network for these contexts, for samples of `classes`.
    pub fn outputs(self, classes: usize, contexts: &[Vec<u16>]) -> usize {
        match self {
            StreamKind::ClassSubsets => contexts.iter().map(Vec::len).max().unwrap_or(0),
            _ => classes,
        }
    }

    /// The list of `number` of `count` tasks that each have one number: themselves, or angles that divide a turn.
    pub(super) fn numbered(self, number: u16, count: usize) -> Vec<u16> {
        match self {
            StreamKind::Rotated => {
                vec![(usize::from(number) * 360 / count.max(1)) as u16]
            }
            _ => vec![number],
        }
    }

    /// What of a context's list is seen in a view of its own.
    pub(super) fn units(self, list: &[u16]) -> Vec<&[u16]> {
        match self {
            StreamKind::ClassSubsets => vec![list],
            _ => list.chunks(1).collect(),
        }
    }

    /// The samples of a unit, and how they are seen.
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

/// `unit` as classes, each of which has samples.
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
