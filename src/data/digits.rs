//! The built-in UCI digits: 1,797 images of 8×8 pixels.
//!
//! E. Alpaydin, C. Kaynak (1998), *Optical Recognition of Handwritten Digits*, test set; UCI
//! Machine Learning Repository, <https://doi.org/10.24432/C50P49>, CC BY 4.0. `data/digits/README.md`
//! gives the layout of the file and how it was made.

use alloc::vec::Vec;

use super::{Dataset, ImageShape, TrainTest};

/// The shape of an image: 8 rows of 8 grey pixels.
pub const SHAPE: ImageShape = ImageShape {
    height: 8,
    width: 8,
    channels: 1,
};
/// Pixels of an image.
pub const FEATURES: usize = SHAPE.height * SHAPE.width;
/// Number of classes: the digits 0 to 9.
pub const CLASSES: usize = 10;
/// The pixel value of full ink; 0 is paper.
pub const MAXIMUM: u8 = 16;

/// In each class, every third sample is held out for testing.
const TEST_EVERY: usize = 3;

/// Bytes of a record: an image, then its label.
const RECORD: usize = FEATURES + 1;

static RECORDS: &[u8] = include_bytes!("../../data/digits/digits.bin");

/// Whether `bytes` consists of whole records with pixels and labels in range.
const fn is_well_formed(bytes: &[u8]) -> bool {
    let mut at = 0;
    while at < bytes.len() {
        let is_label = at % RECORD == FEATURES;
        let limit = if is_label {
            CLASSES - 1
        } else {
            MAXIMUM as usize
        };
        if bytes[at] as usize > limit {
            return false;
        }
        at += 1;
    }
    bytes.len().is_multiple_of(RECORD)
}

// A damaged file fails the build, so that loading cannot fail.
const _: () = assert!(is_well_formed(RECORDS));

/// A digit, whose image is in the program's read-only data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digit {
    /// The pixels, `[8][8]` from the top left.
    pub image: &'static [u8; FEATURES],
    /// The class.
    pub label: u8,
    /// Whether it is a test sample.
    pub is_test: bool,
}

/// The digits of [`load`] in the file's order, without copies. On a microcontroller their images stay in flash.
///
/// ```
/// use neurogain::data::digits;
///
/// let tests = digits::iter().filter(|digit| digit.is_test);
/// assert_eq!(tests.count(), 596);
/// ```
pub fn iter() -> impl Iterator<Item = Digit> {
    let mut seen = [0_usize; CLASSES];
    let records = RECORDS.as_chunks::<RECORD>().0.iter();
    records.filter_map(move |record| {
        let (image, &[label]) = record.split_first_chunk()? else {
            return None;
        };
        let seen = &mut seen[usize::from(label)];
        *seen += 1;
        Some(Digit {
            image,
            label,
            is_test: seen.is_multiple_of(TEST_EVERY),
        })
    })
}

/// The digits, split into 1,201 training and 596 test samples.
///
/// An image is `[8][8]` from the top left, each pixel 0 (paper) to 16 (full ink).
///
/// The split is fixed: within each class, in the order of the original file, every third sample (the 3rd, 6th, 9th,
/// ...) is a test sample. Every class is thus split in the same proportion, and the classes {0, 1}, the first task of
/// Split-Digits, have 119 test samples: one sample is 0.84 % of accuracy. Both halves keep the file's order. The same
/// 13 people wrote both halves, so that test accuracy is for known writers, not for new ones.
///
/// ```
/// use neurogain::data::digits;
///
/// let digits = digits::load();
/// assert_eq!((digits.train.len(), digits.test.len()), (1201, 596));
/// assert_eq!(digits.test.of_classes(&[0, 1]).len(), 119);
/// ```
pub fn load() -> TrainTest {
    let (mut train, mut test) = (Half::default(), Half::default());
    for digit in iter() {
        let half = if digit.is_test { &mut test } else { &mut train };
        half.pixels.extend_from_slice(digit.image);
        half.labels.push(digit.label);
    }
    TrainTest {
        train: train.into_dataset(),
        test: test.into_dataset(),
    }
}

#[derive(Default)]
struct Half {
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Half {
    fn into_dataset(self) -> Dataset {
        Dataset::images(SHAPE, CLASSES, self.pixels, self.labels)
            .expect("every record has valid lengths and labels, by the assertion above")
    }
}
