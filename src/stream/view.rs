//! How a task sees samples: a map of their pixels and one of their labels.
//!
//! Both are applied where a batch is gathered, so that a stream holds the samples once, however many tasks it
//! has.

use alloc::sync::Arc;
use alloc::vec::Vec;

use rand::RngExt;

use crate::data::{ImageShape, change};
use crate::error::Result;
use crate::rng::{Purpose, RandomStream};

/// A map of pixels and a map of labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct View {
    /// Of the pixels of each image.
    pub pixels: PixelMap,
    /// Of the labels.
    pub labels: LabelMap,
}

/// Which pixel of its image each pixel of a sample shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum PixelMap {
    /// Itself.
    #[default]
    Identity,
    /// The image rotated by whole degrees: [`Dataset::rotated`](crate::data::Dataset::rotated).
    Rotation(u16),
    /// The image in the order of pixels with this number, 0 the usual one:
    /// [`Dataset::permuted`](crate::data::Dataset::permuted).
    Permutation(u64),
}

impl PixelMap {
    /// Whether every pixel shows itself.
    pub fn is_identity(self) -> bool {
        use PixelMap::{Identity, Permutation, Rotation};
        matches!(self, Identity | Rotation(0) | Permutation(0))
    }

    /// The number of the pixel that each pixel shows, `[height · width]`; one that no pixel has for black.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for images of 32,768 or more pixels a side that are to be
    /// rotated.
    pub fn sources(self, shape: ImageShape) -> Result<Vec<u32>> {
        match self {
            PixelMap::Identity => Ok(change::permutation(shape, 0)),
            PixelMap::Rotation(degrees) => change::rotation(shape, f64::from(degrees)),
            PixelMap::Permutation(number) => Ok(change::permutation(shape, number)),
        }
    }
}

/// The label that a sample has in a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LabelMap {
    /// Its class.
    #[default]
    Identity,
    /// The entry of its class; its class itself beyond the last entry.
    Classes(Arc<[u8]>),
    /// One drawn for each sample, all of `labels` alike likely, from (`seed`, [`Purpose::RandomLabels`],
    /// `number`, sample).
    Random {
        /// Labels to draw from: `0..labels`.
        labels: u16,
        /// Of the stream.
        seed: u64,
        /// Of the task.
        number: u16,
    },
}

impl LabelMap {
    /// The classes `0..classes` in an order drawn from (`seed`, [`Purpose::ShuffledLabels`], `number`); as they
    /// are for number 0.
    pub fn shuffled(classes: usize, seed: u64, number: u16) -> LabelMap {
        let mut order: Vec<u8> = (0..=u8::MAX).take(classes).collect();
        if number > 0 {
            let mut stream = RandomStream::new(seed, Purpose::ShuffledLabels, number.into());
            change::shuffle(&mut order, &mut stream);
        }
        LabelMap::Classes(order.into())
    }

    /// Each of `classes` becomes its place in the list.
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
                // Labels are bytes: no number of them is above 256.
                stream.random_range(0..labels.clamp(1, 256)) as u8
            }
        }
    }
}
