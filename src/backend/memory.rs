//! A device's memory.

use alloc::vec::Vec;
use core::fmt::Debug;

use super::check;
use crate::error::Result;

/// A device that stores numbers.
pub trait Memory: Debug + Clone + Send + Sync + 'static {
    /// f32 numbers on the device.
    type Floats: Debug + Clone + Send + Sync;
    /// Bytes on the device: pixels and labels.
    type Bytes: Debug + Clone + Send + Sync;

    /// `length` zeros. Fails with [`Error::Memory`](crate::Error::Memory) if there is not enough memory.
    fn zeros(&self, length: usize) -> Result<Self::Floats>;
    /// Changes the length of a buffer, and reuses its memory if that is large enough. Contents are unspecified.
    /// Fails with [`Error::Memory`](crate::Error::Memory) if there is not enough memory.
    fn resize(&self, floats: &mut Self::Floats, length: usize) -> Result<()>;
    /// The length of a buffer.
    fn length(&self, floats: &Self::Floats) -> usize;
    /// Copies from the host; the lengths must be equal.
    fn upload(&self, host: &[f32], device: &mut Self::Floats) -> Result<()>;
    /// Copies to the host; the lengths must be equal.
    fn download(&self, device: &Self::Floats, host: &mut [f32]) -> Result<()>;
    /// Copies several buffers to the host, concatenated, with a single synchronisation. Their lengths must add up to
    /// the host's.
    fn download_each<'a>(
        &self,
        parts: impl Iterator<Item = &'a Self::Floats> + Clone,
        host: &mut [f32],
    ) -> Result<()>;
    /// Copies bytes from the host to a new buffer.
    fn bytes(&self, host: &[u8]) -> Result<Self::Bytes>;
    /// Replaces a buffer's contents by these bytes, and reuses its memory if that is large enough.
    fn upload_bytes(&self, host: &[u8], device: &mut Self::Bytes) -> Result<()>;
    /// Copies a buffer's bytes to the host.
    fn download_bytes(&self, device: &Self::Bytes) -> Result<Vec<u8>>;
    /// How many blocks of 16 samples inference should take through several layers at once, if the largest activation
    /// of a block has `numbers` numbers: as many as stay in cache, at least 1; `usize::MAX` if it does not matter.
    /// Results do not depend on it.
    fn blocks_in_cache(&self, numbers: usize) -> usize;
}

/// Checks the operands of a download of several buffers.
pub(super) fn check_download_each<'a, B: Memory>(
    backend: &B,
    parts: impl Iterator<Item = &'a B::Floats>,
    host: usize,
) -> Result<()> {
    let length = parts.map(|part| backend.length(part)).sum();
    check::lengths("download of several", &[("host", host, length)])
}
