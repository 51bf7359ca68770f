//! A kernel's arguments and its launch.
#![allow(unsafe_code)]

use alloc::sync::Arc;
use core::ffi::c_void;

use super::Cuda;
use super::buffer::{Bytes, Floats};
use super::device::{Memory, another_device};
use crate::backend::{Conv2dDims, NormDims};
use crate::error::{Error, Result};

/// Threads per thread block in kernels with one element per thread.
pub const THREADS: usize = 256;

/// The largest argument in 32-bit words: the dimensions of a convolution.
const WORDS: usize = 10;

/// The value of one kernel parameter, as stored in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(8))]
pub struct Argument {
    words: [u32; WORDS],
    /// The address of the owner of a buffer's memory; 0 for other arguments.
    owner: usize,
}

/// Maximum number of parameters of a kernel.
const PARAMETERS: usize = 15;

/// A kernel with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    pub kernel: &'static str,
    pub blocks: u32,
    pub threads: [u32; 2],
    arguments: [Argument; PARAMETERS],
    count: usize,
}

impl Launch {
    /// A launch with `blocks` thread blocks of `threads` threads.
    pub fn new(kernel: &'static str, blocks: u32, threads: [u32; 2], given: &[Argument]) -> Self {
        let mut arguments = [Argument::words([0; WORDS]); PARAMETERS];
        let count = given.len().min(PARAMETERS);
        debug_assert_eq!(count, given.len(), "{kernel}");
        arguments[..count].copy_from_slice(&given[..count]);
        Launch {
            kernel,
            blocks,
            threads,
            arguments,
            count,
        }
    }

    /// Whether the two differ at most in the arguments.
    pub fn same_kernel(&self, other: &Launch) -> bool {
        let parts = |launch: &Launch| (launch.blocks, launch.threads, launch.count);
        parts(self) == parts(other) && self.kernel == other.kernel
    }

    /// Pointers to the arguments in CUDA's form, terminated by null.
    pub fn pointers(&self) -> [*mut c_void; PARAMETERS + 1] {
        let mut pointers = [core::ptr::null_mut(); PARAMETERS + 1];
        for (pointer, argument) in pointers.iter_mut().zip(&self.arguments[..self.count]) {
            // The callee copies the value and does not write it.
            *pointer = (argument as *const Argument).cast_mut().cast();
        }
        pointers
    }
}

impl Argument {
    fn words<const N: usize>(words: [u32; N]) -> Self {
        let mut all = [0; WORDS];
        all[..N].copy_from_slice(&words);
        Argument {
            words: all,
            owner: 0,
        }
    }

    /// A struct of sizes, followed by further words.
    pub fn sizes<const N: usize, const M: usize>(
        sizes: [usize; N],
        more: [u32; M],
    ) -> Result<Self> {
        let mut all = [0; WORDS];
        for (word, size) in all.iter_mut().zip(sizes) {
            *word = number(size)?;
        }
        all[N..N + M].copy_from_slice(&more);
        Ok(Self::words(all))
    }

    /// The address of memory on the device.
    fn memory(memory: &Memory) -> Self {
        Argument {
            owner: Arc::as_ptr(memory.owner()) as usize,
            ..Self::address(memory.address())
        }
    }

    /// An address whose owner is not checked, such as null.
    pub fn address(address: u64) -> Self {
        let words: [u32; 2] = bytemuck::cast(address);
        Self::words(words)
    }

    /// A buffer that is read, or null.
    pub fn optional(floats: Option<&Floats>) -> Self {
        floats.map_or(Self::address(0), Self::from)
    }

    /// A buffer that is written; copied first if shared.
    pub fn written(floats: &mut Floats) -> Result<Self> {
        Ok(Self::memory(floats.own()?))
    }

    /// A count. An error if it is larger than a kernel's counter.
    pub fn count(count: usize) -> Result<Self> {
        Ok(number(count)?.into())
    }
}

impl From<u32> for Argument {
    fn from(number: u32) -> Self {
        Self::words([number])
    }
}

impl From<f32> for Argument {
    fn from(number: f32) -> Self {
        Self::words([number.to_bits()])
    }
}

impl From<&Floats> for Argument {
    fn from(floats: &Floats) -> Self {
        Self::memory(floats.memory())
    }
}

impl From<&Bytes> for Argument {
    fn from(bytes: &Bytes) -> Self {
        Self::memory(bytes.memory())
    }
}

/// As the struct `Conv2dDims` of kernels/common.cuh.
impl TryFrom<(Conv2dDims, [usize; 2])> for Argument {
    type Error = Error;
    fn try_from((d, [rows, columns]): (Conv2dDims, [usize; 2])) -> Result<Self> {
        let window = [d.window.size, d.window.stride, d.window.padding];
        let [size, stride, padding] = window;
        let all = [
            d.blocks, d.height, d.width, d.inputs, d.outputs, rows, columns, size, stride, padding,
        ];
        let mut words = [0; WORDS];
        for (word, size) in words.iter_mut().zip(all) {
            *word = number(size)?;
        }
        Ok(Self::words(words))
    }
}

/// As the struct `NormDims` of kernels/common.cuh.
impl TryFrom<NormDims> for Argument {
    type Error = Error;
    fn try_from(d: NormDims) -> Result<Self> {
        Ok(Self::words([
            number(d.samples)?,
            number(d.pixels)?,
            number(d.channels)?,
        ]))
    }
}

/// A size in the kernels' type: below 2³¹.
pub fn number(size: usize) -> Result<u32> {
    let number = u32::try_from(size).ok().filter(|n| *n <= i32::MAX as u32);
    number.ok_or_else(|| Error::shape("CUDA kernel", "sizes below 2³¹", size))
}

impl Cuda {
    /// Queues a launch of a kernel; does nothing if there are no thread blocks.
    ///
    /// # Safety
    /// The arguments have the types of the kernel's parameters, in their order, and the buffers among
    /// them have the lengths that the kernel derives from the other arguments.
    pub(super) unsafe fn launch(
        &self,
        kernel: &'static str,
        blocks: usize,
        threads: [u32; 2],
        arguments: &[Argument],
    ) -> Result<()> {
        if blocks == 0 {
            return Ok(());
        }
        let here = Arc::as_ptr(&self.owner) as usize;
        if arguments
            .iter()
            .any(|argument| ![0, here].contains(&argument.owner))
        {
            return Err(another_device());
        }
        let launch = Launch::new(kernel, number(blocks)?, threads, arguments);
        // SAFETY: every argument has its parameter's type and the kernel stays inside its buffers, as the
        // caller promises; memory is freed only after the launches that are pending.
        unsafe { self.owner.launch(launch) }
    }

    /// Queues a launch of a kernel with one thread for each of `length` elements.
    ///
    /// # Safety
    /// As for [`launch`](Cuda::launch).
    pub(super) unsafe fn each(
        &self,
        kernel: &'static str,
        length: usize,
        arguments: &[Argument],
    ) -> Result<()> {
        let blocks = length.div_ceil(THREADS);
        // SAFETY: as the caller promises.
        unsafe { self.launch(kernel, blocks, [THREADS as u32, 1], arguments) }
    }
}
