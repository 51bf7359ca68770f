//! Views of samples: a map of their pixels and a map of their labels.
//!
//! Both are applied when a batch is gathered, so that a stream stores the samples once for any number of tasks.

use alloc::sync::Arc;
use alloc::vec::Vec;

use rand::RngExt;

use crate::data::{ImageShape, change};
use crate::error::Result;
use crate::rng::{Purpose, RandomStream};

/// A map of pixels and a map of labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct View {
    /// The map of each image's pixels.
    pub pixels: PixelMap,
    /// The map of the labels.
    pub labels: LabelMap,
}

/// The source of each pixel of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum PixelMap {
    /// Each pixel is its own source.
    #[default]
    Identity,
    /// The image rotated by whole degrees: [`Dataset::rotated`](crate::data::Dataset::rotated).
    Rotation(u16),
    /// The image under the permutation of pixels with this number, 0 the identity:
    /// [`Dataset::permuted`](crate::data::Dataset::permuted).
    Permutation(u64),
}

impl PixelMap {
    /// Whether every pixel is its own source.
    pub fn is_identity(self) -> bool {
        use PixelMap::{Identity, Permutation, Rotation};
        matches!(self, Identity | Rotation(0) | Permutation(0))
    }

    /// The index of the source of each pixel, `[height · width]`; an index beyond the image means black.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a rotation of images of 32,768 or more pixels per side.
    pub fn sources(self, shape: ImageShape) -> Result<Vec<u32>> {
        match self {
            PixelMap::Identity => Ok(change::permutation(shape, 0)),
            PixelMap::Rotation(degrees) => change::rotation(shape, f64::from(degrees)),
            PixelMap::Permutation(number) => Ok(change::permutation(shape, number)),
        }
    }
}

/// The label of a sample in a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LabelMap {
    /// Its class.
    #[default]
    Identity,
    /// The table entry of its class; the class itself beyond the last entry.
    Classes(Arc<[u8]>),
    /// A label drawn uniformly for each sample from (`seed`, [`Purpose::RandomLabels`], `number`, sample).
    Random {
        /// Labels to draw from: `0..labels`.
        labels: u16,
        /// The seed of the stream.
        seed: u64,
        /// The number of the task.
        number: u16,
    },
}

impl LabelMap {
    /// A permutation of the classes `0..classes`, drawn from (`seed`, [`Purpose::ShuffledLabels`], `number`); the
    /// identity for number 0.
    pub fn shuffled(classes: usize, seed: u64, number: u16) -> LabelMap {
        let mut order: Vec<u8> = (0..=u8::MAX).take(classes).collect();
        if number > 0 {
            let mut stream = RandomStream::new(seed, Purpose::ShuffledLabels, number.into());
            change::shuffle(&mut order, &mut stream);
        }
        LabelMap::Classes(order.into())
    }

    /// Each of `classes` becomes its position in the list.
    pub fn local(classes: &[u8]) -> LabelMap {
        let most = classes.iter().max().map_or(0, |&most| usize::from(most));
        let mut table = alloc::vec![0; most + 1];
        for (label, &class) in (0..).zip(classes) {
            table[usize::from(class)] = label;
        }
        LabelMap::Classes(table.into())
    }

    /// The label of a sample of this class.
    pub fn label(&self, sample: u32, class: u8) -> u8 {
        match self {
            LabelMap::Identity => class,
            LabelMap::Classes(table) => *table.get(usize::from(class)).unwrap_or(&class),
            &LabelMap::Random {
                labels,
                seed,
                number,
            } => {
                let number = number.into();
                let mut stream = RandomStream::indexed(seed, Purpose::RandomLabels, number, sample);
                // Labels are bytes, so that there are at most 256.
                stream.random_range(0..labels.clamp(1, 256)) as u8
            }
        }
    }
}
