//! Launches of `kernels/loss.cu`.
#![allow(unsafe_code)]

use super::Cuda;
use super::buffer::{Bytes, Floats};
use super::launch::Argument;
use super::reductions::add_partials;
use crate::backend::losses::{check_labels, check_mean_entropy, check_softmax_cross_entropy};
use crate::backend::{Losses, summation, sums};
use crate::error::Result;
use crate::shape::LANES;

impl Losses for Cuda {
    fn softmax_cross_entropy(
        &self,
        samples: usize,
        classes: usize,
        logits: &Floats,
        labels: &Bytes,
        gradient: Option<&mut Floats>,
        totals: &mut Floats,
    ) -> Result<()> {
        let sizes = [samples, classes];
        let count = labels.length();
        check_softmax_cross_entropy(self, sizes, logits, count, gradient.as_deref(), totals)?;
        // `largest` is an upper bound on the labels: only if it is too large are they checked one by one.
        if usize::from(labels.largest()) >= classes {
            check_labels(&labels.to_host()?, classes)?;
        }
        let blocks = samples.div_ceil(LANES);
        let chunks = blocks.div_ceil(summation::CHUNK);
        let gradient = match gradient {
            Some(gradient) => Argument::written(gradient)?,
            None => Argument::address(0),
        };
        self.with_scratch(|scratch| {
            let partials = &mut scratch.partials;
            partials.resize(&self.owner, chunks * sums::COUNT * LANES)?;
            let arguments = &[
                Argument::count(samples)?,
                Argument::count(classes)?,
                (1.0 / samples as f32).into(),
                logits.into(),
                labels.into(),
                gradient,
                Argument::written(partials)?,
            ];
            let threads = blocks.min(summation::CHUNK) * LANES;
            // SAFETY: the lengths are those that samples and classes give, as checked; partials has 3·16
            // elements per chunk.
            unsafe {
                self.launch(
                    "softmax_cross_entropy",
                    chunks,
                    [threads as u32, 1],
                    arguments,
                )?;
            }
            add_partials(self, chunks, sums::COUNT, partials, totals)
        })
    }

    fn mean_entropy(&self, samples: usize, totals: &Floats, drive: &mut Floats) -> Result<()> {
        check_mean_entropy(self, totals, drive)?;
        let arguments = &[
            Argument::count(sums::ENTROPY)?,
            (samples as f32).into(),
            totals.into(),
            Argument::written(drive)?,
        ];
        // SAFETY: totals has a sum with this index, drive one element, as just checked.
        unsafe { self.launch("mean_of_total", 1, [1, 1], arguments) }
    }
}
