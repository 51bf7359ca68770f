//! Images as bytes with labels, and the map from a byte to an input.

use alloc::format;
use alloc::vec::Vec;

use crate::error::{Error, Result};

/// Labelled samples: `features` bytes each, row after row.
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

    /// The samples whose label is one of `classes`, ascending.
    pub fn of_classes(&self, classes: &[u8]) -> Vec<u32> {
        (0u32..)
            .zip(&self.labels)
            .filter(|(_, label)| classes.contains(label))
            .map(|(index, _)| index)
            .collect()
    }
}
