//! Launches of `kernels/sum.cu`.
#![allow(unsafe_code)]

use super::Cuda;
use super::buffer::Floats;
use super::launch::Argument;
use crate::backend::{Reductions, check, summation};
use crate::error::Result;
use crate::shape::LANES;

/// Numbers of a chunk of a sum over the elements of a vector.
const CHUNK_NUMBERS: usize = summation::CHUNK * LANES;

impl Reductions for Cuda {
    fn absolute_sum(&self, x: &Floats, sum: &mut Floats) -> Result<()> {
        check::one_number(self, "absolute sum", "sum", sum)?;
        let length = x.length();
        let chunks = length.div_ceil(CHUNK_NUMBERS);
        if chunks == 0 {
            return sum.own()?.clear(size_of::<f32>());
        }
        self.with_scratch(|scratch| {
            let partials = &mut scratch.partials;
            partials.resize(&self.owner, chunks * LANES)?;
            let arguments = &[
                Argument::count(length)?,
                x.into(),
                Argument::written(partials)?,
            ];
            // 16 chunks a thread block.
            let blocks = chunks.div_ceil(16);
            // SAFETY: x has `length` numbers, partials 16 for each of their chunks.
            unsafe {
                self.launch("absolute_sum_chunks", blocks, [256, 1], arguments)?;
            }
            add_partials(self, chunks, 1, partials, sum)
        })
    }
}

/// The sums of the chunks' lanes: `partials` is `[chunks][quantities][16]`, `sums` `[quantities]`.
pub fn add_partials(
    cuda: &Cuda,
    chunks: usize,
    quantities: usize,
    partials: &Floats,
    sums: &mut Floats,
) -> Result<()> {
    let arguments = &[
        Argument::count(chunks)?,
        Argument::count(quantities)?,
        partials.into(),
        Argument::written(sums)?,
    ];
    // SAFETY: both callers give partials of chunks·quantities·16 numbers and sums of `quantities`.
    unsafe { cuda.launch("add_partials", quantities.div_ceil(16), [256, 1], arguments) }
}
