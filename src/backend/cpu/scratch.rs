//! Scratch memory for packed operands: one growing buffer per thread, so that only the first
//! call allocates.

use alloc::vec::Vec;

use wide::f32x16;

use super::simd::Block;

/// Calls `work` with this many blocks, aligned to 64 bytes, with unspecified contents.
#[cfg(feature = "std")]
pub fn with<R>(blocks: usize, work: impl FnOnce(&mut [Block]) -> R) -> R {
    use core::cell::Cell;
    std::thread_local! {
        static SCRATCH: Cell<Vec<f32x16>> = const { Cell::new(Vec::new()) };
    }
    // Taken out while in use, so that a nested call finds an empty buffer, not this one.
    let mut scratch = SCRATCH.take();
    let result = lend(&mut scratch, blocks, work);
    SCRATCH.set(scratch);
    result
}

/// Calls `work` with this many blocks, aligned to 64 bytes, with unspecified contents.
#[cfg(not(feature = "std"))]
pub fn with<R>(blocks: usize, work: impl FnOnce(&mut [Block]) -> R) -> R {
    lend(&mut Vec::new(), blocks, work)
}

fn lend<R>(scratch: &mut Vec<f32x16>, blocks: usize, work: impl FnOnce(&mut [Block]) -> R) -> R {
    if scratch.len() < blocks {
        scratch.resize(blocks, f32x16::ZERO);
    }
    work(&mut bytemuck::cast_slice_mut(scratch)[..blocks])
}
