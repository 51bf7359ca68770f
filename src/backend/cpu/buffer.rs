//! f32 buffers aligned to 64 bytes, so that no vector load crosses a cache line.

use alloc::vec::Vec;

use wide::f32x16;

use super::Cpu;
use super::simd::Block;
use crate::backend::memory::check_download_each;
use crate::backend::{Memory, check};
use crate::error::{Error, Result};
use crate::shape::LANES;

/// Numbers of an activation that stay in a core's cache beside a few others of that size: 3 MiB. On a Zen 5 with 1 MiB of
/// L2 a core, half and twice as many are slower.
const IN_CACHE: usize = 3 << 18;

impl Memory for Cpu {
    type Floats = Floats;
    type Bytes = Vec<u8>;

    fn zeros(&self, length: usize) -> Result<Floats> {
        Floats::zeros(length)
    }

    fn resize(&self, floats: &mut Floats, length: usize) -> Result<()> {
        floats.resize(length)
    }

    fn length(&self, floats: &Floats) -> usize {
        floats.as_slice().len()
    }

    fn upload(&self, host: &[f32], device: &mut Floats) -> Result<()> {
        check::lengths("upload", &[("host", host.len(), device.as_slice().len())])?;
        device.as_mut_slice().copy_from_slice(host);
        Ok(())
    }

    fn download(&self, device: &Floats, host: &mut [f32]) -> Result<()> {
        check::lengths("download", &[("host", host.len(), device.as_slice().len())])?;
        host.copy_from_slice(device.as_slice());
        Ok(())
    }

    fn download_each<'a>(
        &self,
        parts: impl Iterator<Item = &'a Floats> + Clone,
        mut host: &mut [f32],
    ) -> Result<()> {
        check_download_each(self, parts.clone(), host.len())?;
        for part in parts {
            let (here, behind) = host.split_at_mut(part.as_slice().len());
            here.copy_from_slice(part.as_slice());
            host = behind;
        }
        Ok(())
    }

    fn bytes(&self, host: &[u8]) -> Result<Vec<u8>> {
        Ok(host.to_vec())
    }

    fn upload_bytes(&self, host: &[u8], device: &mut Vec<u8>) -> Result<()> {
        device.clear();
        device.extend_from_slice(host);
        Ok(())
    }

    fn download_bytes(&self, device: &Vec<u8>) -> Result<Vec<u8>> {
        Ok(device.clone())
    }

    fn blocks_in_cache(&self, numbers: usize) -> usize {
        (IN_CACHE / numbers.max(1)).max(1) * self.threads()
    }
}

/// An f32 buffer in host memory, aligned to 64 bytes and allocated in whole blocks of 16.
#[derive(Debug, Clone, Default)]
pub struct Floats {
    blocks: Vec<f32x16>,
    length: usize,
}

impl Floats {
    /// `length` zeros.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is not enough memory.
    pub fn zeros(length: usize) -> Result<Self> {
        let mut floats = Floats::default();
        floats.resize(length)?;
        Ok(floats)
    }

    /// Changes the length to `length`: keeps the existing elements and appends zeros.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is not enough memory.
    pub fn resize(&mut self, length: usize) -> Result<()> {
        let count = length.div_ceil(LANES);
        let more = count.saturating_sub(self.blocks.len());
        self.blocks
            .try_reserve_exact(more)
            .map_err(|_| Error::Memory {
                purpose: "a tensor".into(),
                bytes: (length as u64).saturating_mul(4),
                remedy: "use a smaller batch or network".into(),
            })?;
        self.blocks.resize(count, f32x16::ZERO);
        self.length = length;
        self.clear_padding();
        Ok(())
    }

    /// The elements.
    pub fn as_slice(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.blocks)[..self.length]
    }

    /// The elements, mutable.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.blocks)[..self.length]
    }

    /// The elements as blocks of 16; the last block is padded with zeros.
    pub fn as_blocks(&self) -> &[Block] {
        bytemuck::cast_slice(&self.blocks)
    }

    /// The elements as mutable blocks of 16; the padding of the last must stay zero.
    pub fn as_mut_blocks(&mut self) -> &mut [Block] {
        bytemuck::cast_slice_mut(&mut self.blocks)
    }

    /// Sets the padding of the last block to zero.
    pub fn clear_padding(&mut self) {
        let length = self.length;
        let whole: &mut [f32] = bytemuck::cast_slice_mut(&mut self.blocks);
        whole[length..].fill(0.0);
    }
}
