//! Images as bytes with labels.

use alloc::format;
use alloc::vec::Vec;

use crate::error::{Error, Result};

/// Labelled samples: `features` bytes each, sample after sample.
///
/// What a byte stands for (0 to 16 in the shipped digits, 0 to 255 in MNIST) is the source's to say;
/// scaling happens where a batch is made.
///
/// ```
/// use neurogain::data::Dataset;
///
/// // Three samples of two pixels, of the classes 0, 1 and 0.
/// let dataset = Dataset::new(2, 2, vec![9, 8, 7, 6, 5, 4], vec![0, 1, 0])?;
/// assert_eq!(dataset.len(), 3);
/// assert_eq!(dataset.of_classes(&[0]), [0, 2]);
/// # Ok::<(), neurogain::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    features: usize,
    classes: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Dataset {
    /// `pixels` is `[samples][features]`, `labels` `[samples]`, each below `classes`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the lengths do not fit, [`Error::Setting`] for a label out of range.
    pub fn new(features: usize, classes: usize, pixels: Vec<u8>, labels: Vec<u8>) -> Result<Self> {
        if features == 0 || labels.len().checked_mul(features) != Some(pixels.len()) {
            return Err(Error::shape(
                "dataset",
                format!("{} × {features} pixels, features > 0", labels.len()),
                format!("{} pixels", pixels.len()),
            ));
        }
        if let Some(at) = labels.iter().position(|&l| usize::from(l) >= classes) {
            return Err(Error::setting(
                format!("label of sample {at}"),
                labels[at],
                format!("a class below {classes}"),
            ));
        }
        Ok(Dataset {
            features,
            classes,
            pixels,
            labels,
        })
    }

    /// Samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Pixels of one sample.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of classes: labels are `0..classes`.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// `[samples][features]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// `[samples]`.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The indices of the samples whose label is one of `classes`, ascending.
    pub fn of_classes(&self, classes: &[u8]) -> Vec<u32> {
        (0u32..)
            .zip(&self.labels)
            .filter(|(_, label)| classes.contains(label))
            .map(|(index, _)| index)
            .collect()
    }
}
