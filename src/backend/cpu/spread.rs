//! Distributes kernels that treat every pixel, or every block of samples, alike over threads.

use super::simd::{Block, InstructionSet, Kernel};
use super::threads::{Job, MOVED};
use crate::backend::NormDims;
use crate::shape::LANES;

impl NormDims {
    /// 1 in the lanes that hold samples, 0 in the padding lanes of a pixel's block.
    #[inline(always)]
    pub(super) fn present(&self, pixel: usize) -> Block {
        let count = self.count(pixel);
        let mut present = [1.0; LANES];
        if count < LANES {
            present[count..].fill(0.0);
        }
        present
    }
}

/// Units `first..first + count` of a kernel. A unit is a pixel, numbered through all blocks, or a block of samples.
///
/// Every operand has the same number of blocks per unit. An absent operand is empty.
pub struct Spread<'a, K, const READ: usize, const WRITTEN: usize> {
    pub set: InstructionSet,
    pub kernel: K,
    pub first: usize,
    pub count: usize,
    /// The [work](Job::work) per unit.
    pub work: usize,
    pub read: [&'a [Block]; READ],
    pub written: [&'a mut [Block]; WRITTEN],
}

impl<'a, K, const READ: usize, const WRITTEN: usize> Spread<'a, K, READ, WRITTEN> {
    /// All pixels of an activation; the work per pixel is that of moving its elements.
    pub fn pixels(
        set: InstructionSet,
        dimensions: NormDims,
        kernel: K,
        read: [&'a [Block]; READ],
        written: [&'a mut [Block]; WRITTEN],
    ) -> Self {
        Spread {
            set,
            kernel,
            first: 0,
            count: dimensions.all_pixels(),
            work: dimensions.channels * LANES * MOVED,
            read,
            written,
        }
    }
}

impl<'a, K, const READ: usize, const WRITTEN: usize> Job for Spread<'a, K, READ, WRITTEN>
where
    Self: Kernel<Output = ()>,
    K: Copy + Send,
{
    fn work(&self) -> usize {
        self.count * self.work
    }

    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), Self> {
        let units = self.count * left / parts;
        if units == 0 {
            return Err(self);
        }
        let at = |length: usize| length / self.count * units;
        let read = self.read.map(|blocks| blocks.split_at(at(blocks.len())));
        let mut later: [&'a mut [Block]; WRITTEN] = core::array::from_fn(|_| Default::default());
        let mut places = later.iter_mut();
        let written = self.written.map(|blocks| {
            let (before, after) = blocks.split_at_mut(at(blocks.len()));
            if let Some(place) = places.next() {
                *place = after;
            }
            before
        });
        let before = Spread {
            count: units,
            read: read.map(|halves| halves.0),
            written,
            ..self
        };
        let after = Spread {
            first: self.first + units,
            count: self.count - units,
            read: read.map(|halves| halves.1),
            written: later,
            ..before
        };
        Ok((before, after))
    }

    fn run(self) {
        self.set.run(self);
    }
}
