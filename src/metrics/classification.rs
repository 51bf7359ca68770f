//! Precision, recall and F1, of each class and as means over classes or tasks.
//!
//! A quotient 0/0 is 0, as with scikit-learn's `zero_division=0`: a class that is never predicted has precision 0, a
//! class that never occurs has recall 0.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::error::{Error, Result};

/// Maximum number of classes: a label is a byte.
const MOST_CLASSES: usize = 256;

/// Precision, recall and F1, each in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "report", derive(serde::Serialize, serde::Deserialize))]
pub struct Scores {
    /// TP/(TP + FP): the fraction of predicted positives that are positive.
    pub precision: f64,
    /// TP/(TP + FN): the fraction of positives that are predicted positive.
    pub recall: f64,
    /// 2·TP/(2·TP + FP + FN), the harmonic mean of the two.
    pub f1: f64,
}

impl Scores {
    /// From the numbers of true positives, false positives and false negatives.
    pub fn new(true_positives: u64, false_positives: u64, false_negatives: u64) -> Self {
        let [tp, fp, fn_] = [true_positives, false_positives, false_negatives].map(|n| n as f64);
        Scores {
            precision: quotient(tp, tp + fp),
            recall: quotient(tp, tp + fn_),
            f1: quotient(2.0 * tp, 2.0 * tp + fp + fn_),
        }
    }

    /// The macro average: the unweighted mean of each score over classes or tasks. The mean F1 is the mean of the F1s,
    /// not the F1 of mean precision and recall. NaN if `scores` is empty.
    pub fn mean(scores: &[Scores]) -> Scores {
        let mean =
            |of: fn(&Scores) -> f64| scores.iter().map(of).sum::<f64>() / scores.len() as f64;
        Scores {
            precision: mean(|s| s.precision),
            recall: mean(|s| s.recall),
            f1: mean(|s| s.f1),
        }
    }
}

/// Counts of binary decisions against the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "report", derive(serde::Serialize, serde::Deserialize))]
pub struct Decisions {
    /// TP: positive, predicted positive.
    pub true_positives: u64,
    /// FP: negative, predicted positive.
    pub false_positives: u64,
    /// FN: positive, predicted negative.
    pub false_negatives: u64,
    /// TN: negative, predicted negative.
    pub true_negatives: u64,
}

impl Decisions {
    /// Counts pairs (is positive, is predicted positive).
    pub fn count(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut counts = Decisions::default();
        for (positive, called) in pairs {
            let count = match (positive, called) {
                (true, true) => &mut counts.true_positives,
                (false, true) => &mut counts.false_positives,
                (true, false) => &mut counts.false_negatives,
                (false, false) => &mut counts.true_negatives,
            };
            *count += 1;
        }
        counts
    }

    /// (TP + TN)/n; 0 without decisions.
    pub fn accuracy(&self) -> f64 {
        let right = self.true_positives + self.true_negatives;
        let wrong = self.false_positives + self.false_negatives;
        quotient(right as f64, (right + wrong) as f64)
    }

    /// Precision, recall and F1 of the positive class.
    pub fn scores(&self) -> Scores {
        Scores::new(
            self.true_positives,
            self.false_positives,
            self.false_negatives,
        )
    }
}

/// How samples of several classes were classified.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "report", derive(serde::Serialize, serde::Deserialize))]
pub struct Classification {
    /// The confusion matrix: number of samples, `[true class][predicted class]`.
    pub confusion: Vec<Vec<u64>>,
    /// The fraction of samples whose class is predicted correctly.
    pub accuracy: f64,
    /// The scores of each class against all others.
    pub classes: Vec<Scores>,
    /// Their mean over the classes that occur or are predicted, as in scikit-learn's `average="macro"`. A class
    /// without samples and without predictions does not count.
    pub macro_average: Scores,
}

/// Scores predictions, `[samples]`, against the true labels, `[samples]`, both below `classes`.
///
/// # Errors
/// [`Error::Shape`] without samples and if the two differ in length; [`Error::Setting`] for a label out of range, and
/// for more than 256 classes.
///
/// ```
/// use neurogain::metrics::classification;
/// let found = classification(3, &[0, 0, 1, 1], &[0, 1, 1, 1])?;
/// assert_eq!(found.confusion, [[1, 1, 0], [0, 2, 0], [0, 0, 0]]);
/// assert_eq!(found.classes[0].recall, 0.5);
/// // The third class neither occurs nor is predicted: the mean is over two classes.
/// assert_eq!(found.macro_average.recall, 0.75);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn classification(classes: usize, labels: &[u8], predicted: &[u8]) -> Result<Classification> {
    if labels.len() != predicted.len() || labels.is_empty() {
        return Err(Error::shape(
            "classification",
            "a true and a predicted label of each sample, at least one",
            format!("{} and {}", labels.len(), predicted.len()),
        ));
    }
    if classes > MOST_CLASSES {
        let expected = format!("at most {MOST_CLASSES}, as labels are bytes");
        return Err(Error::setting("classes", classes, expected));
    }
    for (name, values) in [("label", labels), ("prediction", predicted)] {
        if let Some(at) = values.iter().position(|&v| usize::from(v) >= classes) {
            let name = format!("{name} of sample {at}");
            return Err(Error::setting(
                name,
                values[at],
                format!("a class below {classes}"),
            ));
        }
    }
    let mut confusion = vec![vec![0u64; classes]; classes];
    for (&label, &predicted) in labels.iter().zip(predicted) {
        confusion[usize::from(label)][usize::from(predicted)] += 1;
    }
    let right = |class: usize| confusion[class][class];
    let occurs = |class: usize| confusion[class].iter().sum::<u64>();
    let called = |class: usize| confusion.iter().map(|row| row[class]).sum::<u64>();
    let score = |class: usize| {
        let right = right(class);
        Scores::new(right, called(class) - right, occurs(class) - right)
    };
    let scores: Vec<Scores> = (0..classes).map(score).collect();
    let seen = (0..classes).filter(|&class| occurs(class) + called(class) > 0);
    let seen: Vec<Scores> = seen.map(|class| scores[class]).collect();
    let all_right = (0..classes).map(right).sum::<u64>();
    Ok(Classification {
        accuracy: all_right as f64 / labels.len() as f64,
        macro_average: Scores::mean(&seen),
        classes: scores,
        confusion,
    })
}

/// 0 for 0/0.
fn quotient(part: f64, whole: f64) -> f64 {
    match whole > 0.0 {
        true => part / whole,
        false => 0.0,
    }
}
