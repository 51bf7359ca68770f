//! Softmax, cross-entropy, entropy and accuracy in one pass.

use alloc::vec::Vec;

use super::math;
use super::simd::{Block, Kernel, Simd};
use super::{Cpu, Floats};
use crate::backend::losses::{check_labels, check_mean_entropy, check_softmax_cross_entropy};
use crate::backend::{Losses, summation, sums};
use crate::error::Result;
use crate::shape::LANES;

impl Losses for Cpu {
    fn softmax_cross_entropy(
        &self,
        samples: usize,
        classes: usize,
        logits: &Floats,
        labels: &Vec<u8>,
        gradient: Option<&mut Floats>,
        totals: &mut Floats,
    ) -> Result<()> {
        check_softmax_cross_entropy(
            self,
            [samples, classes],
            logits,
            labels.len(),
            gradient.as_deref(),
            totals,
        )?;
        check_labels(labels, classes)?;
        let found = self.set.run(LossLog {
            samples,
            classes,
            logits: logits.as_blocks(),
            labels,
            gradient: gradient.map(Floats::as_mut_blocks),
        });
        totals.as_mut_slice().copy_from_slice(&found);
        Ok(())
    }

    fn mean_entropy(&self, samples: usize, totals: &Floats, drive: &mut Floats) -> Result<()> {
        check_mean_entropy(self, totals, drive)?;
        drive.as_mut_slice()[0] = totals.as_slice()[sums::ENTROPY] / samples as f32;
        Ok(())
    }
}

/// See [`Losses::softmax_cross_entropy`](crate::backend::Losses::softmax_cross_entropy).
pub struct LossLog<'a> {
    pub samples: usize,
    pub classes: usize,
    pub logits: &'a [Block],
    pub labels: &'a [u8],
    pub gradient: Option<&'a mut [Block]>,
}

impl Kernel for LossLog<'_> {
    type Output = [f32; sums::COUNT];

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) -> [f32; sums::COUNT] {
        let zero = s.splat(0.0);
        let mut totals = [zero; sums::COUNT];
        let mut partial = [zero; sums::COUNT];
        let blocks = self.samples.div_ceil(LANES);
        for block in 0..blocks {
            let found = self.block(s, block);
            for (partial, found) in partial.iter_mut().zip(found) {
                *partial = s.add(*partial, found);
            }
            if (block + 1) % summation::CHUNK == 0 || block + 1 == blocks {
                for (total, partial) in totals.iter_mut().zip(&mut partial) {
                    *total = s.add(*total, *partial);
                    *partial = zero;
                }
            }
        }
        let mut results = [0.0; sums::COUNT];
        for (result, total) in results.iter_mut().zip(totals) {
            let mut lanes = [0.0; LANES];
            s.store(total, &mut lanes);
            *result = summation::lanes(lanes);
        }
        results
    }
}

impl LossLog<'_> {
    /// Loss, entropy and correct predictions of the 16 samples of a block; zeros in the padding lanes.
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, block: usize) -> [S::Vector; sums::COUNT] {
        let first = block * LANES;
        let count = LANES.min(self.samples - first);
        let mut label = [0.0; LANES];
        let mut present = [0.0; LANES];
        for (lane, class) in self.labels[first..first + count].iter().enumerate() {
            label[lane] = f32::from(*class);
            present[lane] = 1.0;
        }
        let (label, present) = (s.load(&label), s.load(&present));
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let logits = &self.logits[block * self.classes..][..self.classes];

        // The largest logit, and whether the label is the first class with that logit.
        let mut largest = s.load(&logits[0]);
        let mut winner = zero;
        for (class, logit) in logits.iter().enumerate().skip(1) {
            let logit = s.load(logit);
            winner = s.if_less(largest, logit, s.splat(class as f32), winner);
            largest = s.if_less(largest, logit, logit, largest);
        }
        let same = |a, b, yes, no| s.if_less(a, b, no, s.if_less(b, a, no, yes));

        let (mut total, mut weighted, mut at_label) = (zero, zero, zero);
        for (class, logit) in logits.iter().enumerate() {
            let z = s.sub(s.load(logit), largest);
            let e = math::exp(s, z);
            total = s.add(total, e);
            weighted = s.fma(e, z, weighted);
            at_label = same(label, s.splat(class as f32), z, at_label);
        }
        let log_total = math::ln(s, total);
        let loss = s.sub(log_total, at_label);
        let entropy = s.sub(log_total, s.div(weighted, total));
        let hit = same(label, winner, one, zero);

        if let Some(gradient) = &mut self.gradient {
            let gradient = &mut gradient[block * self.classes..][..self.classes];
            let share = s.mul(present, s.splat(1.0 / self.samples as f32));
            for (class, (logit, gradient)) in logits.iter().zip(gradient).enumerate() {
                let e = math::exp(s, s.sub(s.load(logit), largest));
                let target = same(label, s.splat(class as f32), one, zero);
                s.store(s.mul(s.sub(s.div(e, total), target), share), gradient);
            }
        }
        // NaN·0 is NaN, so these products hide no NaN. The logits of padding lanes are zero, so the products
        // only remove the padding.
        [
            s.mul(loss, present),
            s.mul(entropy, present),
            s.mul(hit, present),
        ]
    }
}
