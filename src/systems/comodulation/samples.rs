//! The samples that a method learns from: all, or a few with their maps before the modulation.

use super::experiment::ComodulationExperiment;
use super::tasks::LabelledIndices;
use super::{ComodulationMethod, Condition};
use crate::backend::Backend;
use crate::error::Result;
use crate::learn::{ComodulationLearner, EVALUATION_BATCH, Input};
use crate::models::{Comodulated, Trainable};
use crate::nn::BatchStats;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The samples that a task learns from.
pub(super) struct Samples {
    pub(super) train: LabelledIndices,
    /// Empty without validation.
    pub(super) validation: LabelledIndices,
    /// The maps of both before the modulation, if the network is frozen and the samples are few.
    pub(super) encoded: Option<[Encoded; 2]>,
}

/// The maps of samples before the modulation.
pub(super) struct Encoded {
    shape: Shape,
    /// `[samples][height][width][channels]`.
    numbers: Vec<f32>,
}

impl Encoded {
    /// The maps of the samples at these places.
    pub(super) fn gather<B: Backend>(&self, backend: &B, places: &[usize]) -> Result<Tensor<B>> {
        let each = self.shape.columns();
        let rows: Vec<f32> = places
            .iter()
            .flat_map(|&place| &self.numbers[place * each..][..each])
            .copied()
            .collect();
        let shape = match self.shape {
            Shape::Blocked {
                height,
                width,
                channels,
                ..
            } => Shape::images(places.len(), height, width, channels),
            dense => dense,
        };
        Tensor::from_rows(backend, shape, &rows)
    }
}

impl<B: Backend> ComodulationExperiment<'_, B> {
    /// The samples that each task learns from.
    pub(super) fn samples(
        &self,
        method: &ComodulationMethod,
        condition: Condition,
        seed: u64,
        network: &mut Comodulated<B>,
    ) -> Result<Vec<Samples>> {
        let mut samples = Vec::with_capacity(self.tasks.len());
        for (number, task) in self.tasks.iter().enumerate() {
            let Some(count) = condition.samples else {
                samples.push(Samples {
                    train: task.train.clone(),
                    validation: LabelledIndices::default(),
                    encoded: None,
                });
                continue;
            };
            let [train, validation] = task.train.drawn(count, seed, &(number, &task.name))?;
            let encoded = match method.trainable {
                Trainable::Modulation => Some([
                    self.encoded(network, &train)?,
                    self.encoded(network, &validation)?,
                ]),
                Trainable::Weights => None,
            };
            samples.push(Samples {
                train,
                validation,
                encoded,
            });
        }
        Ok(samples)
    }

    /// The maps of these training samples before the modulation.
    fn encoded(&self, network: &mut Comodulated<B>, of: &LabelledIndices) -> Result<Encoded> {
        let backend = self.backend;
        let mut batch = self.training.batch(backend)?;
        let mut encoded = Encoded {
            shape: network.encoded().shape(),
            numbers: Vec::new(),
        };
        let all: Vec<usize> = (0..of.samples.len()).collect();
        for places in all.chunks(EVALUATION_BATCH) {
            self.gather(&self.training, of, places, &mut batch)?;
            network.encode(backend, &batch.inputs, false)?;
            encoded.shape = network.encoded().shape();
            encoded.numbers.extend(network.encoded().to_rows(backend)?);
        }
        Ok(encoded)
    }

    /// The cross-entropy of a task on its validation samples.
    pub(super) fn validate(
        &self,
        learner: &mut ComodulationLearner<B>,
        task: usize,
        of: &Samples,
    ) -> Result<f64> {
        let Some([_, validation]) = &of.encoded else {
            let prediction = self.evaluate(learner, task, &self.training, &of.validation)?;
            return Ok(prediction.loss.mean_cross_entropy());
        };
        let backend = self.backend;
        let mut loss = BatchStats::default();
        let all: Vec<usize> = (0..of.validation.samples.len()).collect();
        for (chunk, places) in all.chunks(EVALUATION_BATCH).enumerate() {
            let maps = validation.gather(backend, places)?;
            let labels: Vec<u8> = places.iter().map(|&at| of.validation.labels[at]).collect();
            let labels = backend.bytes(&labels)?;
            let input = Input::Encoded(&maps);
            let found = learner.predict_from(backend, task, input, &labels, chunk as u64)?;
            loss = loss.plus(found.loss);
        }
        Ok(loss.mean_cross_entropy())
    }
}
