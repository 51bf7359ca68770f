//! Launches of `kernels/elementwise.cu`, `sum.cu` and `loss.cu`.
#![allow(unsafe_code)]

use super::Cuda;
use super::buffer::{Bytes, Floats};
use super::launch::Argument;
use crate::backend::{AdamStep, check, summation, sums};
use crate::error::Result;
use crate::shape::LANES;

/// Numbers of a chunk of a sum over the elements of a vector.
const CHUNK_NUMBERS: usize = summation::CHUNK * LANES;

pub fn relu(cuda: &Cuda, x: &mut Floats) -> Result<()> {
    let length = x.length();
    let arguments = &[Argument::count(length)?, Argument::written(x)?];
    // SAFETY: x has `length` numbers.
    unsafe { cuda.each("relu", length, arguments) }
}

/// `kernel` of as many numbers that it reads as numbers that it writes, behind `constants`.
pub fn update<const N: usize>(
    cuda: &Cuda,
    (kernel, operation): (&'static str, &'static str),
    constants: [f32; N],
    read: &Floats,
    written: &mut [(&str, &mut Floats)],
) -> Result<()> {
    for (name, floats) in &*written {
        check::as_long_as(cuda, operation, read, &[(name, floats)])?;
    }
    let length = read.length();
    let mut arguments = alloc::vec![Argument::count(length)?];
    arguments.extend(constants.map(Argument::from));
    arguments.push(read.into());
    for (_, floats) in written {
        arguments.push(Argument::written(floats)?);
    }
    // SAFETY: all buffers have `length` numbers, as was just checked.
    unsafe { cuda.each(kernel, length, &arguments) }
}

pub fn gain_update(
    cuda: &Cuda,
    [gamma, baseline, eta]: [f32; 3],
    drive: &Floats,
    g: &mut Floats,
) -> Result<()> {
    check::gain_update(cuda, drive, g)?;
    let (drives, length) = (drive.length(), g.length());
    let arguments = &[
        Argument::count(length)?,
        gamma.into(),
        baseline.into(),
        eta.into(),
        Argument::count(drives)?,
        drive.into(),
        Argument::written(g)?,
    ];
    // SAFETY: g has `length` numbers, drive one or as many, as was just checked.
    unsafe { cuda.each("gain_update", length, arguments) }
}

pub fn adam(cuda: &Cuda, step: AdamStep, dw: &Floats, [m, v, w]: [&mut Floats; 3]) -> Result<()> {
    let AdamStep {
        beta1,
        beta2,
        epsilon,
        rate,
        correction,
    } = step;
    let constants = [beta1, beta2, epsilon, rate, correction];
    let written = &mut [("m", m), ("v", v), ("w", w)];
    update(cuda, ("adam", "adam"), constants, dw, written)
}

pub fn mean_entropy(
    cuda: &Cuda,
    samples: usize,
    totals: &Floats,
    drive: &mut Floats,
) -> Result<()> {
    check::mean_entropy(cuda, totals, drive)?;
    let arguments = &[
        Argument::count(sums::ENTROPY)?,
        (samples as f32).into(),
        totals.into(),
        Argument::written(drive)?,
    ];
    // SAFETY: totals has a sum of this number, drive one number, as was just checked.
    unsafe { cuda.launch("mean_of_total", 1, [1, 1], arguments) }
}

pub fn absolute_sum(cuda: &Cuda, x: &Floats, sum: &mut Floats) -> Result<()> {
    check::one_number(cuda, "absolute sum", "sum", sum)?;
    let length = x.length();
    let chunks = length.div_ceil(CHUNK_NUMBERS);
    if chunks == 0 {
        return sum.own()?.clear(size_of::<f32>());
    }
    cuda.with_scratch(|scratch| {
        let partials = &mut scratch.partials;
        partials.resize(&cuda.owner, chunks * LANES)?;
        let arguments = &[
            Argument::count(length)?,
            x.into(),
            Argument::written(partials)?,
        ];
        // 16 chunks a thread block.
        let blocks = chunks.div_ceil(16);
        // SAFETY: x has `length` numbers, partials 16 for each of their chunks.
        unsafe {
            cuda.launch("absolute_sum_chunks", blocks, [256, 1], arguments)?;
        }
        add_partials(cuda, chunks, 1, partials, sum)
    })
}

/// The sums of the chunks' lanes: `partials` is `[chunks][quantities][16]`, `sums` `[quantities]`.
fn add_partials(
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

pub fn softmax_cross_entropy(
    cuda: &Cuda,
    [samples, classes]: [usize; 2],
    logits: &Floats,
    labels: &Bytes,
    gradient: Option<&mut Floats>,
    totals: &mut Floats,
) -> Result<()> {
    let sizes = [samples, classes];
    let count = labels.length();
    check::softmax_cross_entropy(cuda, sizes, logits, count, gradient.as_deref(), totals)?;
    // The largest label is an upper bound: only where that is too large are they looked at one by one.
    if usize::from(labels.largest()) >= classes {
        check::labels(&labels.to_host()?, classes)?;
    }
    let blocks = samples.div_ceil(LANES);
    let chunks = blocks.div_ceil(summation::CHUNK);
    let gradient = match gradient {
        Some(gradient) => Argument::written(gradient)?,
        None => Argument::address(0),
    };
    cuda.with_scratch(|scratch| {
        let partials = &mut scratch.partials;
        partials.resize(&cuda.owner, chunks * sums::COUNT * LANES)?;
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
        // SAFETY: the lengths are those of samples and classes, as was checked; partials has 3·16
        // numbers for each chunk.
        unsafe {
            cuda.launch(
                "softmax_cross_entropy",
                chunks,
                [threads as u32, 1],
                arguments,
            )?;
        }
        add_partials(cuda, chunks, sums::COUNT, partials, totals)
    })
}
