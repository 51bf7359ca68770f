//! Softmax, cross-entropy, entropy and accuracy, fused.

use alloc::vec::Vec;

use crate::backend::{Backend, Cpu, sums};
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Sums over the samples of a batch, and the number of samples.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BatchStats {
    /// The number of samples, m.
    pub samples: usize,
    /// Σ cross-entropy −ln p_label, nats.
    pub cross_entropy: f64,
    /// Σ softmax entropy H = −Σ_c p_c·ln p_c, nats.
    pub entropy: f64,
    /// Number of samples whose largest logit is that of the label; ties go to the lower class.
    pub correct: f64,
}

impl BatchStats {
    /// From a batch's [`sums`].
    fn of(samples: usize, numbers: &[f32]) -> Self {
        let total = |sum: usize| f64::from(numbers[sum]);
        BatchStats {
            samples,
            cross_entropy: total(sums::LOSS),
            entropy: total(sums::ENTROPY),
            correct: total(sums::CORRECT),
        }
    }

    /// Mean cross-entropy, nats.
    pub fn mean_cross_entropy(&self) -> f64 {
        self.cross_entropy / self.samples as f64
    }

    /// Mean entropy H, nats: in [0, ln C].
    pub fn mean_entropy(&self) -> f64 {
        self.entropy / self.samples as f64
    }

    /// Fraction of correct samples.
    pub fn accuracy(&self) -> f64 {
        self.correct / self.samples as f64
    }

    /// The sums over both batches.
    pub fn plus(self, other: BatchStats) -> BatchStats {
        BatchStats {
            samples: self.samples + other.samples,
            cross_entropy: self.cross_entropy + other.cross_entropy,
            entropy: self.entropy + other.entropy,
            correct: self.correct + other.correct,
        }
    }
}

/// The softmax cross-entropy loss of batches of logits, `p = softmax(z)`, `L = mean of −ln p_label`.
/// Accumulates per-batch losses on the device; reading them synchronises once, not once per batch.
///
/// Backward: with S = Σ_c exp(z_c), L = ln S − z_label for one sample, so
/// `∂L/∂z_c = exp(z_c)/S − [c = label] = p_c − [c = label]`, divided by the number m of samples in the mean.
///
/// ```
/// use neurogain::nn::LossLog;
/// use neurogain::{Cpu, Memory, Shape, Tensor};
/// let cpu = Cpu::new()?;
/// let logits = Tensor::from_rows(&cpu, Shape::features(2, 2), &[0.0, 0.0, 9.0, 0.0])?;
/// let mut loss = LossLog::new();
/// loss.infer(&cpu, &logits, &cpu.bytes(&[0, 0])?)?;
/// loss.infer(&cpu, &logits, &cpu.bytes(&[1, 1])?)?;
/// assert_eq!(loss.last(&cpu)?.accuracy(), 0.0);
/// assert_eq!(loss.total(&cpu)?.accuracy(), 0.5);
/// # Ok::<(), neurogain::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LossLog<B: Backend = Cpu> {
    /// The sums of each batch in the list, then unused tensors for later batches.
    sums: Vec<Tensor<B>>,
    /// The number of samples of each batch in the list.
    samples: Vec<usize>,
    /// A buffer for numbers read from the device.
    host: Vec<f32>,
}

impl<B: Backend> Default for LossLog<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B: Backend> LossLog<B> {
    /// An empty list.
    pub fn new() -> Self {
        LossLog {
            sums: Vec::new(),
            samples: Vec::new(),
            host: Vec::new(),
        }
    }

    /// Computes the loss of a training batch, which starts a new list, and writes its gradient with respect to the
    /// logits
    /// to `dlogits`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the labels do not fit the logits.
    pub fn forward(
        &mut self,
        backend: &B,
        logits: &Tensor<B>,
        labels: &B::Bytes,
        dlogits: &mut Tensor<B>,
    ) -> Result<()> {
        self.samples.clear();
        dlogits.reshape(backend, logits.shape())?;
        self.pass(backend, logits, labels, Some(dlogits.floats_mut()))
    }

    /// Computes the loss of a batch and appends it to the list.
    ///
    /// # Errors
    /// [`Error::Shape`] if the labels do not fit the logits.
    pub fn infer(&mut self, backend: &B, logits: &Tensor<B>, labels: &B::Bytes) -> Result<()> {
        self.pass(backend, logits, labels, None)
    }

    /// Writes the mean entropy H of the last batch in the list to `drive`, which is one element.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no batch.
    pub fn mean_entropy(&self, backend: &B, drive: &mut Tensor<B>) -> Result<()> {
        let (sums, samples) = self.last_batch()?;
        backend.mean_entropy(samples, sums.floats(), drive.floats_mut())
    }

    /// The loss of the last batch in the list.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no batch, and errors of the device.
    pub fn last(&self, backend: &B) -> Result<BatchStats> {
        let (sums, samples) = self.last_batch()?;
        let mut numbers = [0.0; sums::COUNT];
        backend.download(sums.floats(), &mut numbers)?;
        Ok(BatchStats::of(samples, &numbers))
    }

    /// The sum of the losses of all batches in the list, added in their order; empties the list.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn total(&mut self, backend: &B) -> Result<BatchStats> {
        let mut host = core::mem::take(&mut self.host);
        host.resize(self.batches() * sums::COUNT, 0.0);
        backend.download_each(self.parts(), &mut host)?;
        let total = self
            .losses(&host)
            .fold(BatchStats::default(), BatchStats::plus);
        self.host = host;
        self.samples.clear();
        Ok(total)
    }

    /// The number of batches in the list.
    pub(crate) fn batches(&self) -> usize {
        self.samples.len()
    }

    /// The sums of each batch in the list: [`sums::COUNT`] elements.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &B::Floats> + Clone {
        let sums = self.sums.iter().take(self.batches());
        sums.map(Tensor::floats)
    }

    /// The loss of each batch in the list, from the elements of its parts.
    pub(crate) fn losses(&self, numbers: &[f32]) -> impl Iterator<Item = BatchStats> {
        let batches = self.samples.iter().zip(numbers.chunks_exact(sums::COUNT));
        batches.map(|(&samples, numbers)| BatchStats::of(samples, numbers))
    }

    fn last_batch(&self) -> Result<(&Tensor<B>, usize)> {
        let last = self.sums.iter().zip(&self.samples).last();
        let (sums, &samples) =
            last.ok_or_else(|| Error::shape("softmax cross-entropy", "a batch", "none"))?;
        Ok((sums, samples))
    }

    fn pass(
        &mut self,
        backend: &B,
        logits: &Tensor<B>,
        labels: &B::Bytes,
        gradient: Option<&mut B::Floats>,
    ) -> Result<()> {
        let shape = logits.shape();
        if shape.blocks() == 0 {
            return Err(Error::shape(
                "softmax cross-entropy",
                "samples of logits",
                shape,
            ));
        }
        let samples = shape.rows();
        if self.sums.len() == self.batches() {
            let sums = Tensor::zeros(backend, Shape::vector(sums::COUNT))?;
            self.sums.push(sums);
        }
        let place = self.batches();
        backend.softmax_cross_entropy(
            samples,
            shape.columns(),
            logits.floats(),
            labels,
            gradient,
            self.sums[place].floats_mut(),
        )?;
        self.samples.push(samples);
        Ok(())
    }
}
