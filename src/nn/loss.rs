//! Softmax, cross-entropy, entropy and accuracy, fused.

use crate::backend::{Backend, Cpu, sums};
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Sums over the samples of a batch, and how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Loss {
    /// Samples m.
    pub samples: usize,
    /// Σ cross-entropy −ln p_label, nats.
    pub cross_entropy: f64,
    /// Σ softmax entropy H = −Σ_c p_c·ln p_c, nats.
    pub entropy: f64,
    /// Samples whose largest logit is the label's; ties go to the lower class.
    pub correct: f64,
}

impl Loss {
    /// Mean cross-entropy, nats.
    pub fn mean_cross_entropy(&self) -> f64 {
        self.cross_entropy / self.samples as f64
    }

    /// Mean entropy H, nats: in [0, ln C].
    pub fn mean_entropy(&self) -> f64 {
        self.entropy / self.samples as f64
    }

    /// Share of correct samples.
    pub fn accuracy(&self) -> f64 {
        self.correct / self.samples as f64
    }

    /// The sums over both batches.
    pub fn plus(self, other: Loss) -> Loss {
        Loss {
            samples: self.samples + other.samples,
            cross_entropy: self.cross_entropy + other.cross_entropy,
            entropy: self.entropy + other.entropy,
            correct: self.correct + other.correct,
        }
    }
}

/// The loss of a batch of logits, `p = softmax(z)`, `L = mean of −ln p_label`.
///
/// Backward: with S = Σ_c exp(z_c), L = ln S − z_label for one sample, so
/// `∂L/∂z_c = exp(z_c)/S − [c = label] = p_c − [c = label]`, over the m samples of the mean: / m.
#[derive(Debug, Clone)]
pub struct SoftmaxCrossEntropy<B: Backend = Cpu> {
    totals: Tensor<B>,
}

impl<B: Backend> SoftmaxCrossEntropy<B> {
    /// Room for the sums.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is none.
    pub fn new(backend: &B) -> Result<Self> {
        let totals = Tensor::zeros(backend, Shape::vector(sums::COUNT))?;
        Ok(SoftmaxCrossEntropy { totals })
    }

    /// The loss, and its gradient to the logits into `dlogits`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the labels do not fit the logits.
    pub fn forward(
        &mut self,
        backend: &B,
        logits: &Tensor<B>,
        labels: &B::Bytes,
        dlogits: &mut Tensor<B>,
    ) -> Result<Loss> {
        dlogits.reshape(backend, logits.shape())?;
        self.pass(backend, logits, labels, Some(dlogits.floats_mut()))
    }

    /// The loss alone.
    ///
    /// # Errors
    /// [`Error::Shape`] where the labels do not fit the logits.
    pub fn infer(&mut self, backend: &B, logits: &Tensor<B>, labels: &B::Bytes) -> Result<Loss> {
        self.pass(backend, logits, labels, None)
    }

    fn pass(
        &mut self,
        backend: &B,
        logits: &Tensor<B>,
        labels: &B::Bytes,
        gradient: Option<&mut B::Floats>,
    ) -> Result<Loss> {
        let shape = logits.shape();
        if shape.blocks() == 0 {
            return Err(Error::shape(
                "softmax cross-entropy",
                "samples of logits",
                shape,
            ));
        }
        let samples = shape.rows();
        backend.softmax_cross_entropy(
            samples,
            shape.columns(),
            logits.floats(),
            labels,
            gradient,
            self.totals.floats_mut(),
        )?;
        let mut totals = [0.0; sums::COUNT];
        backend.download(self.totals.floats(), &mut totals)?;
        let total = |sum: usize| f64::from(totals[sum]);
        Ok(Loss {
            samples,
            cross_entropy: total(sums::LOSS),
            entropy: total(sums::ENTROPY),
            correct: total(sums::CORRECT),
        })
    }
}
