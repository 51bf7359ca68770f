//! Launches of `kernels/sum.cu`.
#![allow(unsafe_code)]

use super::Cuda;
use super::buffer::Floats;
use super::launch::Argument;
use super::normalisation::{CHANNELS, THREADS};
use crate::backend::reductions::check_neuron_statistics;
use crate::backend::{NormDims, Reductions, check, summation};
use crate::error::Result;
use crate::shape::LANES;

/// Elements per chunk of a sum over a vector.
const CHUNK_NUMBERS: usize = summation::CHUNK * LANES;

impl Reductions for Cuda {
    fn absolute_sum(&self, x: &Floats, sum: &mut Floats) -> Result<()> {
        check::one_number(self, "absolute sum", "sum", sum)?;
        self.vector_sum("absolute_sum_chunks", x, sum)
    }

    fn squared_sum(&self, x: &Floats, sum: &mut Floats) -> Result<()> {
        check::one_number(self, "squared sum", "sum", sum)?;
        self.vector_sum("squared_sum_chunks", x, sum)
    }

    fn neuron_statistics(
        &self,
        dimensions: NormDims,
        x: &Floats,
        statistics: &mut Floats,
    ) -> Result<()> {
        check_neuron_statistics(self, dimensions, x, statistics)?;
        let (channels, chunks) = (dimensions.channels, dimensions.chunks());
        let groups = channels.div_ceil(CHANNELS);
        self.with_scratch(|scratch| {
            let partials = &mut scratch.partials;
            partials.resize(&self.owner, chunks * 2 * channels * LANES)?;
            let (partials, d) = (
                Argument::written(partials)?,
                Argument::try_from(dimensions)?,
            );
            let statistics = Argument::written(statistics)?;
            for spread in [0u32, 1] {
                let spread = spread.into();
                let sums = &[d, spread, x.into(), statistics, partials];
                let finish = &[d, spread, Argument::count(chunks)?, partials, statistics];
                // SAFETY: x and statistics have the lengths that the dimensions give, as checked; partials has
                // 2·channels·16 elements per chunk.
                unsafe {
                    self.launch("neuron_sums", groups * chunks, THREADS, sums)?;
                    self.launch("neuron_statistics", channels, THREADS, finish)?;
                }
            }
            Ok(())
        })
    }
}

impl Cuda {
    /// A sum over the elements of x; the kernel `chunk_lanes` computes the lanes of its chunks.
    fn vector_sum(&self, chunk_lanes: &'static str, x: &Floats, sum: &mut Floats) -> Result<()> {
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
            // 16 chunks per thread block.
            let blocks = chunks.div_ceil(16);
            // SAFETY: x has `length` elements, partials 16 for each of its chunks.
            unsafe {
                self.launch(chunk_lanes, blocks, [256, 1], arguments)?;
            }
            add_partials(self, chunks, 1, partials, sum)
        })
    }
}

/// Adds the chunks' lanes: `partials` is `[chunks][quantities][16]`, `sums` `[quantities]`.
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
    // SAFETY: both callers give partials of chunks·quantities·16 elements and sums of `quantities`.
    unsafe { cuda.launch("add_partials", quantities.div_ceil(16), [256, 1], arguments) }
}
