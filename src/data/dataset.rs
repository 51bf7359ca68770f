//! Images as bytes with labels.

use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use crate::error::{Error, Result};

/// The shape of one image; its bytes are `[height][width][channels]`.
///
/// Displayed as "32 × 32 × 3".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values per pixel: 1 for grey, 3 for red, green and blue.
    pub channels: usize,
}

impl ImageShape {
    /// A plain list of features: one pixel with `features` channels.
    pub const fn flat(features: usize) -> Self {
        ImageShape {
            height: 1,
            width: 1,
            channels: features,
        }
    }

    /// `height · width · channels`, or `None` on overflow.
    pub const fn features(self) -> Option<usize> {
        match self.height.checked_mul(self.width) {
            Some(pixels) => pixels.checked_mul(self.channels),
            None => None,
        }
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {} × {}", self.height, self.width, self.channels)
    }
}

/// Labelled samples: images of one shape, `[samples][height][width][channels]`, one byte per value.
///
/// The range of the bytes depends on the source (0 to 16 in the built-in digits, 0 to 255 in MNIST). They are scaled
/// when a batch is gathered.
///
/// ```
/// use neurogain::data::{Dataset, ImageShape};
///
/// // Three samples of two features, of the classes 0, 1 and 0.
/// let dataset = Dataset::new(2, 2, vec![9, 8, 7, 6, 5, 4], vec![0, 1, 0])?;
/// assert_eq!(dataset.len(), 3);
/// assert_eq!(dataset.of_classes(&[0]), [0, 2]);
///
/// // One image of one row: a red pixel and a green one.
/// let shape = ImageShape { height: 1, width: 2, channels: 3 };
/// let dataset = Dataset::images(shape, 2, vec![255, 0, 0, 0, 255, 0], vec![1])?;
/// assert_eq!(dataset.features(), 6);
/// # Ok::<(), neurogain::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    shape: ImageShape,
    classes: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Dataset {
    /// Samples that are not images: `pixels` is `[samples][features]`, `labels` `[samples]`, each below `classes`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the lengths do not match, [`Error::Setting`] for a label out of range.
    pub fn new(features: usize, classes: usize, pixels: Vec<u8>, labels: Vec<u8>) -> Result<Self> {
        Self::images(ImageShape::flat(features), classes, pixels, labels)
    }

    /// Images: `pixels` is `[samples][height][width][channels]`, `labels` `[samples]`, each below
    /// `classes`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn images(
        shape: ImageShape,
        classes: usize,
        pixels: Vec<u8>,
        labels: Vec<u8>,
    ) -> Result<Self> {
        let features = shape.features().filter(|&features| features > 0);
        let length = features.and_then(|features| labels.len().checked_mul(features));
        if length != Some(pixels.len()) {
            return Err(Error::shape(
                "dataset",
                format!("{} × {shape} pixels, features > 0", labels.len()),
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
            shape,
            classes,
            pixels,
            labels,
        })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The shape of one sample.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// Bytes of one sample: `height · width · channels`.
    pub fn features(&self) -> usize {
        // The constructor checked that the product does not overflow.
        self.shape.height * self.shape.width * self.shape.channels
    }

    /// Number of classes: labels are `0..classes`.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// `[samples][height][width][channels]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    pub(super) fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
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
