//! The measures of a learnt task.

use serde::{Deserialize, Serialize};

use super::any_number;
use crate::error::Result;
use crate::learn::Prediction;
use crate::metrics::{
    CalibrationBin, Scores, calibration, class_geometry, classification, informativeness,
    shares_near_zero, softmax_confidences,
};

/// Thresholds for "near zero": for each, the share of gains at or below it is measured. Even the gain of a neuron that
/// no batch increases is about 2/(n + 2) after n batches, not 0.
pub const NEAR_ZERO: [f32; 3] = [0.01, 0.1, 0.5];

/// A task's measures on its test samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskMeasures {
    /// The task's name.
    pub task: String,
    /// Test samples.
    pub samples: usize,
    /// Share of correct predictions.
    pub accuracy: f64,
    /// Mean cross-entropy, nats.
    #[serde(with = "any_number")]
    pub cross_entropy: f64,
    /// Precision, recall and F1 of each class.
    pub classes: Vec<Scores>,
    /// The classes that occur in the test samples, ascending; the others of a common softmax do not.
    pub occurring: Vec<usize>,
    /// Means over the classes that occur.
    pub macro_average: Scores,
    /// Expected calibration error.
    pub calibration_error: f64,
    /// The reliability diagram.
    pub reliability: Vec<CalibrationBin>,
    /// Separability of the classes in the readout's input: [`class_geometry`].
    pub separability: Option<f64>,
    /// Participation ratio (dimensions) of the scatter within classes.
    pub participation_ratio: Option<f64>,
    /// The same in the span of the class means; not for two classes, where it is 1 by construction.
    pub subspace_participation_ratio: Option<f64>,
    /// Mean over the decoder's neurons of d′ between the first class and the others, before the gain.
    pub informativeness: Option<f64>,
    /// The same, weighted by the gains; larger than `informativeness` if informative neurons have larger gains.
    pub gained_informativeness: Option<f64>,
    /// Share of gains at or below each of [`NEAR_ZERO`]; empty if gains are per image.
    pub gains_near_zero: Vec<f64>,
    /// The gains g, one per neuron of the decoder; empty if gains are per image.
    pub gains: Vec<f32>,
    /// The couplings c, one per modulated channel or neuron of the encoder.
    pub couplings: Vec<f32>,
    /// The state that was kept, with validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// The state of a task with the lowest cross-entropy in validation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Mean cross-entropy on the validation samples, nats.
    #[serde(with = "any_number")]
    pub cross_entropy: f64,
    /// The learning rate.
    pub learning_rate: f32,
    /// The task's iterations.
    pub iteration: usize,
}

impl TaskMeasures {
    /// The scores of the positive class of a task of two classes: class 1, or the larger of two labels.
    pub fn positive(&self) -> Option<Scores> {
        let [_, positive] = self.occurring[..] else {
            return None;
        };
        self.classes.get(positive).copied()
    }
}

/// What a task's measures are computed from.
pub(super) struct Measured<'a> {
    pub(super) task: &'a str,
    pub(super) classes: usize,
    /// The class of each test sample.
    pub(super) labels: &'a [u8],
    pub(super) prediction: &'a Prediction,
    pub(super) gains: Option<Vec<f32>>,
    pub(super) couplings: Vec<f32>,
    pub(super) kept: Option<Kept>,
}

/// Measures a network's predictions on the test samples of a task.
pub(super) fn measure(of: Measured<'_>) -> Result<TaskMeasures> {
    let Measured {
        task,
        classes,
        labels,
        prediction,
        gains,
        couplings,
        kept,
    } = of;
    let mut occurring: Vec<usize> = labels.iter().copied().map(usize::from).collect();
    occurring.sort_unstable();
    occurring.dedup();
    let predicted: Vec<u8> = prediction
        .logits
        .chunks_exact(classes)
        .map(largest)
        .collect();
    let decided = classification(classes, labels, &predicted)?;
    let confidences = softmax_confidences(classes, &prediction.logits, labels)?;
    let calibrated = calibration(&confidences)?;
    let neurons = prediction.decision.len() / labels.len().max(1);
    let geometry = class_geometry(neurons, &prediction.decision, labels)?;
    let first = occurring.first().copied().unwrap_or_default();
    let others: Vec<bool> = labels
        .iter()
        .map(|&label| usize::from(label) != first)
        .collect();
    let neurons_tell = match others.contains(&true) && others.contains(&false) {
        true => informativeness(neurons, &prediction.activity, &others)?,
        false => vec![None; neurons],
    };
    let weighted = |gains: &[f32]| {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (tells, gain) in neurons_tell.iter().zip(gains) {
            if let Some(tells) = tells {
                sum += f64::from(*gain) * tells;
                weights += f64::from(*gain);
            }
        }
        (weights > 0.0).then(|| sum / weights)
    };
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    let near_zero = gains
        .as_ref()
        .map(|gains| shares_near_zero(gains, &NEAR_ZERO));
    // Not over classes of a common softmax that are predicted but do not occur: each would count with recall 0.
    let own = occurring
        .iter()
        .filter_map(|&class| decided.classes.get(class).copied());
    let macro_average = Scores::mean(&own.collect::<Vec<_>>());
    Ok(TaskMeasures {
        task: task.into(),
        samples: labels.len(),
        accuracy: decided.accuracy,
        cross_entropy: prediction.loss.mean_cross_entropy(),
        classes: decided.classes,
        macro_average,
        calibration_error: calibrated.expected_error,
        reliability: calibrated.bins,
        separability: finite(geometry.separability),
        participation_ratio: finite(geometry.participation_ratio),
        // The means of two classes span one dimension, whatever the noise.
        subspace_participation_ratio: finite(geometry.subspace_participation_ratio)
            .filter(|_| occurring.len() > 2),
        informativeness: finite(weighted(&vec![1.0; neurons])),
        gained_informativeness: finite(gains.as_deref().and_then(weighted)),
        gains_near_zero: near_zero.unwrap_or_default(),
        gains: gains.unwrap_or_default(),
        couplings,
        occurring,
        kept,
    })
}

/// The class with the largest logit; of equal logits, the lowest class.
fn largest(logits: &[f32]) -> u8 {
    let mut best = 0;
    for (class, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = class;
        }
    }
    u8::try_from(best).unwrap_or(u8::MAX)
}
