//! Samples on a backend, and batches gathered from them.

use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// How a byte becomes an input: `(byte/maximum − mean)/standard_deviation`, in f64, rounded once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalisation {
    /// The byte that stands for 1.
    pub maximum: f32,
    /// Mean of the scaled bytes.
    pub mean: f32,
    /// Standard deviation of the scaled bytes.
    pub standard_deviation: f32,
}

impl Normalisation {
    /// The input that each byte becomes.
    fn table(&self) -> Vec<f32> {
        let (maximum, mean) = (f64::from(self.maximum), f64::from(self.mean));
        let deviation = f64::from(self.standard_deviation);
        (0..256)
            .map(|byte| ((f64::from(byte) / maximum - mean) / deviation) as f32)
            .collect()
    }
}

/// A dataset on a backend.
#[derive(Debug, Clone)]
pub struct Samples<B: Backend = Cpu> {
    features: usize,
    count: usize,
    pixels: B::Bytes,
    labels: B::Bytes,
    table: Tensor<B>,
}

/// Inputs and labels of some samples.
#[derive(Debug, Clone)]
pub struct Batch<B: Backend = Cpu> {
    /// Samples of features.
    pub inputs: Tensor<B>,
    /// A class for each sample.
    pub labels: B::Bytes,
}

impl<B: Backend> Samples<B> {
    /// Copies a dataset to the backend.
    ///
    /// # Errors
    /// [`Error::Setting`] if the normalisation divides by zero, [`Error::Memory`] if there is no
    /// room.
    pub fn new(backend: &B, dataset: &Dataset, normalisation: &Normalisation) -> Result<Self> {
        let table = normalisation.table();
        if !table.iter().all(|input| input.is_finite()) {
            return Err(Error::setting(
                "data.standard_deviation",
                normalisation.standard_deviation,
                "a normalisation whose inputs are finite",
            ));
        }
        Ok(Samples {
            features: dataset.features(),
            count: dataset.len(),
            pixels: backend.bytes(dataset.pixels())?,
            labels: backend.bytes(dataset.labels())?,
            table: Tensor::from_rows(backend, Shape::matrix(1, 256), &table)?,
        })
    }

    /// An empty batch to gather into.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is no room.
    pub fn batch(&self, backend: &B) -> Result<Batch<B>> {
        Ok(Batch {
            inputs: Tensor::zeros(backend, Shape::features(0, self.features))?,
            labels: backend.bytes(&[])?,
        })
    }

    /// Fills `batch` with the samples of these indices.
    ///
    /// # Errors
    /// [`Error::Shape`] for an index beyond the samples, [`Error::Memory`] if there is no room.
    pub fn gather(&self, backend: &B, indices: &[u32], batch: &mut Batch<B>) -> Result<()> {
        let shape = Shape::features(indices.len(), self.features);
        batch.inputs.reshape(backend, shape)?;
        let inputs = batch.inputs.floats_mut();
        backend.gather(
            &self.pixels,
            self.table.floats(),
            indices,
            self.features,
            inputs,
        )?;
        backend.gather_labels(&self.labels, indices, &mut batch.labels)
    }

    /// The samples of these indices in batches of `size`, in order: a test set, ready for
    /// [`evaluate`](crate::train::evaluate).
    ///
    /// # Errors
    /// As [`gather`](Self::gather).
    pub fn batches(&self, backend: &B, indices: &[u32], size: usize) -> Result<Vec<Batch<B>>> {
        let mut batches = Vec::new();
        for indices in indices.chunks(size.max(1)) {
            let mut batch = self.batch(backend)?;
            self.gather(backend, indices, &mut batch)?;
            batches.push(batch);
        }
        Ok(batches)
    }

    /// Samples.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Numbers a sample.
    pub fn features(&self) -> usize {
        self.features
    }
}
