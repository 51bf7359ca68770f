//! Buffers on the device. Copies share memory until one of them is written.

use alloc::sync::Arc;

use super::Cuda;
use super::device;
use super::queue::Owner;
use crate::backend::memory::check_download_each;
use crate::backend::{Memory, check};
use crate::error::{Error, Result};

/// The largest length that a kernel can count.
const MOST: usize = i32::MAX as usize;

impl Memory for Cuda {
    type Floats = Floats;
    type Bytes = Bytes;

    fn zeros(&self, length: usize) -> Result<Floats> {
        Floats::zeros(&self.owner, length)
    }

    fn resize(&self, floats: &mut Floats, length: usize) -> Result<()> {
        floats.resize(&self.owner, length)
    }

    fn length(&self, floats: &Floats) -> usize {
        floats.length()
    }

    fn upload(&self, host: &[f32], device: &mut Floats) -> Result<()> {
        check::lengths("upload", &[("host", host.len(), device.length())])?;
        device.own()?.write(bytemuck::cast_slice(host))
    }

    fn download(&self, device: &Floats, host: &mut [f32]) -> Result<()> {
        check::lengths("download", &[("host", host.len(), device.length())])?;
        device.read(host)
    }

    fn download_each<'a>(
        &self,
        parts: impl Iterator<Item = &'a Floats> + Clone,
        host: &mut [f32],
    ) -> Result<()> {
        check_download_each(self, parts.clone(), host.len())?;
        Floats::read_each(&self.owner, parts, host)
    }

    fn bytes(&self, host: &[u8]) -> Result<Bytes> {
        Bytes::new(&self.owner, host)
    }

    fn upload_bytes(&self, host: &[u8], device: &mut Bytes) -> Result<()> {
        device.write(&self.owner, host)
    }

    fn download_bytes(&self, device: &Bytes) -> Result<alloc::vec::Vec<u8>> {
        device.to_host()
    }

    /// All blocks, because launching more kernels costs more than the cache saves.
    fn blocks_in_cache(&self, _: usize) -> usize {
        usize::MAX
    }
}

/// An f32 buffer in a device's memory.
#[derive(Debug, Clone)]
pub struct Floats {
    memory: Arc<device::Memory>,
    length: usize,
}

fn bytes_of(length: usize) -> Result<usize> {
    if length > MOST {
        return Err(Error::Device {
            device: "CUDA".into(),
            problem: format!(
                "a tensor of {length} elements is too large: at most {MOST} are possible"
            ),
            remedy: "use a smaller batch or network".into(),
        });
    }
    Ok(length * size_of::<f32>())
}

impl Floats {
    pub(super) fn zeros(owner: &Arc<Owner>, length: usize) -> Result<Self> {
        let mut memory = device::Memory::new(owner, bytes_of(length)?)?;
        if length > 0 {
            memory.clear(length * size_of::<f32>())?;
        }
        Ok(Floats {
            memory: Arc::new(memory),
            length,
        })
    }

    pub(super) fn resize(&mut self, owner: &Arc<Owner>, length: usize) -> Result<()> {
        let bytes = bytes_of(length)?;
        if bytes > self.memory.bytes() || Arc::strong_count(&self.memory) > 1 {
            self.memory = Arc::new(device::Memory::new(owner, bytes)?);
        }
        self.length = length;
        Ok(())
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    pub(super) fn memory(&self) -> &device::Memory {
        &self.memory
    }

    /// The memory for writing; copies it first if it is shared.
    pub(super) fn own(&mut self) -> Result<&mut device::Memory> {
        if Arc::get_mut(&mut self.memory).is_none() {
            let copy = self.memory.duplicate(self.length * size_of::<f32>())?;
            self.memory = Arc::new(copy);
        }
        // Memory that was just made is not shared.
        Arc::get_mut(&mut self.memory)
            .ok_or_else(|| Error::shape("device memory", "unshared memory", "shared memory"))
    }

    pub(super) fn read(&self, to: &mut [f32]) -> Result<()> {
        self.memory.read(bytemuck::cast_slice_mut(to))
    }

    /// Copies several buffers to the host, concatenated; their lengths add up to `to`'s.
    pub(super) fn read_each<'a>(
        owner: &Owner,
        parts: impl Iterator<Item = &'a Floats>,
        to: &mut [f32],
    ) -> Result<()> {
        let parts = parts.map(|part| (&*part.memory, part.length * size_of::<f32>()));
        device::Memory::read_each(owner, parts, bytemuck::cast_slice_mut(to))
    }
}

/// A byte buffer in a device's memory: pixels and labels.
#[derive(Debug, Clone)]
pub struct Bytes {
    memory: Arc<device::Memory>,
    length: usize,
    /// An upper bound on the bytes.
    largest: u8,
}

impl Bytes {
    pub(super) fn new(owner: &Arc<Owner>, host: &[u8]) -> Result<Self> {
        let mut memory = device::Memory::new(owner, host.len())?;
        memory.write(host)?;
        Ok(Bytes {
            memory: Arc::new(memory),
            length: host.len(),
            largest: host.iter().copied().max().unwrap_or(0),
        })
    }

    /// Copies all of `host`; reuses the memory if it is large enough and not shared.
    pub(super) fn write(&mut self, owner: &Arc<Owner>, host: &[u8]) -> Result<()> {
        let room = Arc::get_mut(&mut self.memory).filter(|memory| host.len() <= memory.bytes());
        let Some(memory) = room else {
            *self = Bytes::new(owner, host)?;
            return Ok(());
        };
        memory.write(host)?;
        self.length = host.len();
        self.largest = host.iter().copied().max().unwrap_or(0);
        Ok(())
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    pub(super) fn largest(&self) -> u8 {
        self.largest
    }

    pub(super) fn memory(&self) -> &device::Memory {
        &self.memory
    }

    pub(super) fn to_host(&self) -> Result<alloc::vec::Vec<u8>> {
        let mut host = alloc::vec![0; self.length];
        self.memory.read(&mut host)?;
        Ok(host)
    }
}
