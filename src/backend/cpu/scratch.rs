//! Scratch memory for packed operands and partial sums: one growing buffer per thread and depth of nesting, so that only
//! the first call allocates.

use alloc::vec::Vec;

use wide::f32x16;

use super::simd::Block;

/// Calls `work` with this many blocks, aligned to 64 bytes, with unspecified contents.
#[cfg(feature = "std")]
pub fn with<R>(blocks: usize, work: impl FnOnce(&mut [Block]) -> R) -> R {
    use core::cell::Cell;
    std::thread_local! {
        static SCRATCH: Cell<Vec<Vec<f32x16>>> = const { Cell::new(Vec::new()) };
    }
    // Taken out while in use: a nested call takes the next one. The last is the outermost.
    let mut free = SCRATCH.take();
    let mut scratch = free.pop().unwrap_or_default();
    SCRATCH.set(free);
    let result = lend(&mut scratch, blocks, work);
    let mut free = SCRATCH.take();
    free.push(scratch);
    SCRATCH.set(free);
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
