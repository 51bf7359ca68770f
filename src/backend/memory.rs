//! A device's memory.

use core::fmt::Debug;

use super::check;
use crate::error::Result;

/// A device that stores numbers.
pub trait Memory: Debug + Clone + Send + Sync + 'static {
    /// f32 numbers on the device.
    type Floats: Debug + Clone + Send + Sync;
    /// Bytes on the device: pixels and labels.
    type Bytes: Debug + Clone + Send + Sync;

    /// `length` zeros. Fails with [`Error::Memory`](crate::Error::Memory) if there is no room.
    fn zeros(&self, length: usize) -> Result<Self::Floats>;
    /// Makes a buffer hold `length` numbers, whatever they are, in the memory at hand where it
    /// suffices. Fails with [`Error::Memory`](crate::Error::Memory) if there is no room.
    fn resize(&self, floats: &mut Self::Floats, length: usize) -> Result<()>;
    /// How many numbers a buffer holds.
    fn length(&self, floats: &Self::Floats) -> usize;
    /// Copies from the host; lengths are equal.
    fn upload(&self, host: &[f32], device: &mut Self::Floats) -> Result<()>;
    /// Copies to the host; lengths are equal.
    fn download(&self, device: &Self::Floats, host: &mut [f32]) -> Result<()>;
    /// Copies several to the host, one behind the other, having waited for the device once; their lengths
    /// add up to the host's.
    fn download_each<'a>(
        &self,
        parts: impl Iterator<Item = &'a Self::Floats> + Clone,
        host: &mut [f32],
    ) -> Result<()>;
    /// Bytes from the host.
    fn bytes(&self, host: &[u8]) -> Result<Self::Bytes>;
    /// Makes a buffer hold these bytes, in the memory at hand where it suffices.
    fn upload_bytes(&self, host: &[u8], device: &mut Self::Bytes) -> Result<()>;
}

/// The operands of a download of several.
pub(super) fn check_download_each<'a, B: Memory>(
    backend: &B,
    parts: impl Iterator<Item = &'a B::Floats>,
    host: usize,
) -> Result<()> {
    let length = parts.map(|part| backend.length(part)).sum();
    check::lengths("download of several", &[("host", host, length)])
}
