//! A contiguous f32 tensor on a backend.
//!
//! ```
//! use neurogain::{Cpu, Shape, Tensor};
//! let cpu = Cpu::new()?;
//! let x = Tensor::from_rows(&cpu, Shape::features(2, 3), &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
//! assert_eq!(x.to_rows(&cpu)?, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
//! assert!(Tensor::from_rows(&cpu, Shape::features(2, 3), &[1.0]).is_err());
//! # Ok::<(), neurogain::Error>(())
//! ```

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::shape::{LANES, Shape};

/// Numbers on a backend with their shape, which fixes the layout.
#[derive(Debug, Clone)]
pub struct Tensor<B: Backend = Cpu> {
    shape: Shape,
    floats: B::Floats,
}

impl<B: Backend> Tensor<B> {
    /// A tensor of zeros.
    ///
    /// # Errors
    /// [`Error::Memory`] if memory is insufficient.
    pub fn zeros(backend: &B, shape: Shape) -> Result<Self> {
        let floats = backend.zeros(Self::length(shape)?)?;
        Ok(Tensor { shape, floats })
    }

    /// A tensor of `rows`, which hold [`Shape::rows`] × [`Shape::columns`] numbers, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] if `rows` has another length, [`Error::Memory`] if memory is insufficient.
    pub fn from_rows(backend: &B, shape: Shape, rows: &[f32]) -> Result<Self> {
        let mut tensor = Self::zeros(backend, shape)?;
        let (samples, columns) = (shape.rows(), shape.columns());
        if rows.len() != samples * columns {
            return Err(Error::shape(
                "tensor from rows",
                shape,
                format!("{} numbers", rows.len()),
            ));
        }
        match shape {
            Shape::Dense(_) => backend.upload(rows, &mut tensor.floats)?,
            Shape::Blocked { .. } => {
                let mut stored = vec![0.0; backend.length(&tensor.floats)];
                for (sample, row) in rows.chunks_exact(columns.max(1)).enumerate() {
                    let first = sample / LANES * columns;
                    for (column, &value) in row.iter().enumerate() {
                        stored[(first + column) * LANES + sample % LANES] = value;
                    }
                }
                backend.upload(&stored, &mut tensor.floats)?;
            }
        }
        Ok(tensor)
    }

    /// The numbers, row-major, without padding.
    ///
    /// # Errors
    /// Errors of the backend's download.
    pub fn to_rows(&self, backend: &B) -> Result<Vec<f32>> {
        let mut stored = vec![0.0; backend.length(&self.floats)];
        backend.download(&self.floats, &mut stored)?;
        if let Shape::Dense(_) = self.shape {
            return Ok(stored);
        }
        let columns = self.shape.columns();
        let mut rows = Vec::with_capacity(self.shape.rows() * columns);
        for sample in 0..self.shape.rows() {
            let first = sample / LANES * columns;
            rows.extend(
                (0..columns).map(|column| stored[(first + column) * LANES + sample % LANES]),
            );
        }
        Ok(rows)
    }

    /// Changes the shape; allocates only if the present memory is too small. Contents are then unspecified: for
    /// buffers that a kernel overwrites.
    ///
    /// # Errors
    /// [`Error::Memory`] if memory is insufficient.
    pub fn reshape(&mut self, backend: &B, shape: Shape) -> Result<()> {
        if self.shape != shape {
            backend.resize(&mut self.floats, Self::length(shape)?)?;
            self.shape = shape;
        }
        Ok(())
    }

    /// Changes the shape and keeps the contents: `[samples][height][width][channels]` and
    /// `[samples][height·width·channels]` have one layout.
    ///
    /// # Errors
    /// [`Error::Shape`] unless both shapes are activations with equal samples and equal numbers per sample.
    pub fn view_as(&mut self, shape: Shape) -> Result<()> {
        let activations = matches!(
            (self.shape, shape),
            (Shape::Blocked { .. }, Shape::Blocked { .. })
        );
        let of = |shape: Shape| (shape.rows(), shape.columns());
        if !activations || of(self.shape) != of(shape) {
            return Err(Error::shape("view", self.shape, shape));
        }
        self.shape = shape;
        Ok(())
    }

    /// Overwrites this tensor by the blocks of 16 samples in `range` of an activation; the last block may be padded.
    ///
    /// # Errors
    /// [`Error::Shape`] if x is not an activation or has no such blocks, [`Error::Memory`] if memory is insufficient.
    pub fn take_blocks(&mut self, backend: &B, x: &Self, range: Range<usize>) -> Result<()> {
        let end = x.shape.rows().min(range.end.saturating_mul(LANES));
        let samples = end.saturating_sub(range.start.saturating_mul(LANES));
        self.reshape(backend, x.shape.with_samples(samples)?)?;
        let of_block = x.shape.columns();
        let stored = range.start * of_block..range.end * of_block;
        backend.copy_blocks(&x.floats, stored, &mut self.floats, 0)
    }

    /// Overwrites the blocks of 16 samples of this activation from block `first` on by those of x.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes differ in more than the samples, or if there are not as many blocks.
    pub fn put_blocks(&mut self, backend: &B, first: usize, x: &Self) -> Result<()> {
        let expected = self.shape.with_samples(x.shape.rows())?;
        if x.shape != expected {
            return Err(Error::shape("put blocks", expected, x.shape));
        }
        let of_block = x.shape.columns();
        let stored = 0..x.shape.blocks() * of_block;
        backend.copy_blocks(&x.floats, stored, &mut self.floats, first * of_block)
    }

    fn length(shape: Shape) -> Result<usize> {
        shape.storage().ok_or_else(|| Error::Memory {
            purpose: format!("a tensor of {shape}"),
            bytes: u64::MAX,
            remedy: "use a smaller batch or network".into(),
        })
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The numbers in their layout.
    pub fn floats(&self) -> &B::Floats {
        &self.floats
    }

    /// The numbers in their layout, mutable.
    pub fn floats_mut(&mut self) -> &mut B::Floats {
        &mut self.floats
    }
}

/// A tensor's numbers on the host, row-major, with name and shape.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// `LAYER` for a layer's weights, else `LAYER.PART`, such as `LAYER.gain`.
    pub name: String,
    /// `[outputs][inputs]`, `[outputs][size][size][inputs]` or `[neurons]`.
    pub shape: Vec<usize>,
    /// The numbers; their count is the product of the dimensions.
    pub numbers: Vec<f32>,
}

impl NamedTensor {
    /// Copies a tensor to the host.
    pub(crate) fn of<B: Backend>(backend: &B, name: &str, tensor: &Tensor<B>) -> Result<Self> {
        Ok(NamedTensor {
            name: name.into(),
            shape: tensor.shape().dimensions(),
            numbers: tensor.to_rows(backend)?,
        })
    }
}
