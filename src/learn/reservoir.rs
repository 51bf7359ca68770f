//! A random sample of all samples seen so far.

use alloc::vec;
use alloc::vec::Vec;

use rand::RngExt;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::rng::RandomStream;
use crate::shape::Shape;
use crate::state::{Role, Visitor};
use crate::tensor::Tensor;

/// A fixed number of samples, drawn uniformly without replacement from all samples seen so far: reservoir sampling
/// (Vitter 1985, algorithm R). The samples are kept on the host, as inputs of the network.
#[derive(Debug)]
pub(super) struct Reservoir {
    capacity: usize,
    /// Numbers per sample; 0 before the first sample.
    features: usize,
    /// Samples seen so far.
    seen: u64,
    /// `[capacity][features]`, zeros for samples that are not there yet.
    inputs: Vec<f32>,
    labels: Vec<f64>,
}

impl Reservoir {
    pub(super) fn new(capacity: usize) -> Self {
        Reservoir {
            capacity,
            features: 0,
            seen: 0,
            inputs: Vec::new(),
            labels: vec![0.0; capacity],
        }
    }

    /// Samples in the reservoir.
    pub(super) fn count(&self) -> usize {
        let capacity = self.capacity;
        usize::try_from(self.seen).map_or(capacity, |seen| seen.min(capacity))
    }

    /// Shows a batch to the reservoir; `rows` are its inputs, `[samples][features]`.
    pub(super) fn add(
        &mut self,
        rows: &[f32],
        labels: &[u8],
        stream: &mut RandomStream,
    ) -> Result<()> {
        let features = rows.len().checked_div(labels.len()).unwrap_or(0);
        if self.features == 0 {
            self.resize(features)?;
        }
        if features != self.features {
            return Err(Error::shape("replay buffer", self.features, features));
        }
        for (row, label) in rows.chunks_exact(features.max(1)).zip(labels) {
            let place = match self.seen < self.capacity as u64 {
                true => self.seen,
                false => stream.random_range(0..=self.seen),
            };
            self.seen += 1;
            // A place beyond the capacity: the sample is not kept.
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            if place < self.capacity {
                self.inputs[place * features..][..features].copy_from_slice(row);
                self.labels[place] = f64::from(*label);
            }
        }
        Ok(())
    }

    /// Appends `count` samples, drawn uniformly with replacement; none from an empty reservoir.
    pub(super) fn draw(
        &self,
        count: usize,
        stream: &mut RandomStream,
        rows: &mut Vec<f32>,
        labels: &mut Vec<u8>,
    ) {
        // Drawn as u32, so that the result does not depend on the width of `usize`.
        let kept = u32::try_from(self.count()).unwrap_or(u32::MAX);
        if kept == 0 {
            return;
        }
        for _ in 0..count {
            let place = stream.random_range(0..kept) as usize;
            rows.extend_from_slice(&self.inputs[place * self.features..][..self.features]);
            labels.push(self.labels[place] as u8);
        }
    }

    /// Shows `visitor` the samples.
    pub(super) fn visit<B: Backend>(
        &mut self,
        backend: &B,
        visitor: &mut dyn Visitor<B>,
    ) -> Result<()> {
        let mut features = self.features as u64;
        visitor.count("maml.features", &mut features)?;
        if features != self.features as u64 {
            // A restored state: its samples may have another size, or be the first ones.
            self.resize(usize::try_from(features).unwrap_or(usize::MAX))?;
        }
        visitor.count("maml.seen", &mut self.seen)?;
        let shape = Shape::matrix(self.capacity, self.features);
        let mut inputs = Tensor::from_rows(backend, shape, &self.inputs)?;
        visitor.tensor(Role::Learner, "maml.inputs", &mut inputs)?;
        self.inputs = inputs.to_rows(backend)?;
        visitor.numbers("maml.labels", &mut self.labels)
    }

    fn resize(&mut self, features: usize) -> Result<()> {
        let numbers = self.capacity.checked_mul(features);
        let memory = || Error::Memory {
            purpose: "the replay buffer of MAML".into(),
            bytes: (numbers.unwrap_or(usize::MAX) as u64).saturating_mul(4),
            remedy: "use a smaller capacity".into(),
        };
        let length = numbers.ok_or_else(memory)?;
        self.inputs.clear();
        self.inputs
            .try_reserve_exact(length)
            .map_err(|_| memory())?;
        self.inputs.resize(length, 0.0);
        self.features = features;
        Ok(())
    }
}
