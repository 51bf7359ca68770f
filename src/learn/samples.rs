//! Samples on a backend, and batches gathered from them.

use alloc::format;
use alloc::vec::Vec;

use rand::RngExt;

use crate::backend::{Backend, Cpu, CropFlip, PixelMaps};
use crate::data::{Dataset, ImageShape};
use crate::error::{Error, Result};
use crate::learn::drawing::{Maps, Viewed};
use crate::rng::RandomStream;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The scaling of bytes to inputs: `(byte/maximum − mean)/standard_deviation`, in f64, rounded once. Mean and
/// deviation are one for each channel, or one for all channels.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelScaling {
    /// The byte that is scaled to 1.
    pub maximum: f32,
    /// Mean of the scaled bytes.
    pub mean: Vec<f32>,
    /// Standard deviation of the scaled bytes.
    pub standard_deviation: Vec<f32>,
}

impl PixelScaling {
    /// The input for each byte of each channel, `[channels][256]`.
    pub(crate) fn table(&self, channels: usize) -> Result<Vec<f32>> {
        let counts = [self.mean.len(), self.standard_deviation.len()];
        if counts != [1, 1] && counts != [channels, channels] {
            let expected = format!("a mean and a deviation for each of {channels} channels");
            let found = format!("{} and {}", counts[0], counts[1]);
            return Err(Error::shape("normalisation", expected, found));
        }
        let maximum = f64::from(self.maximum);
        let mut table = Vec::with_capacity(channels.saturating_mul(256));
        let constants = self.mean.iter().zip(&self.standard_deviation);
        for (&mean, &deviation) in constants
            .cycle()
            .take(if counts[0] == 1 { 1 } else { channels })
        {
            let input = |byte| {
                ((f64::from(byte) / maximum - f64::from(mean)) / f64::from(deviation)) as f32
            };
            table.extend((0..256).map(input));
        }
        if !table.iter().all(|input| input.is_finite()) {
            let found = format!("{:?}", self.standard_deviation);
            let expected = "a normalisation whose inputs are finite";
            return Err(Error::setting("data.standard_deviation", found, expected));
        }
        Ok(table)
    }
}

/// Random augmentation of training images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RandomCropFlip {
    /// Random crop to the image's size, after padding each side with this many black pixels.
    pub padding: u8,
    /// Flipped horizontally with probability ½.
    pub horizontal_flip: bool,
}

impl RandomCropFlip {
    /// Draws a placement for each of `samples` samples from `stream`: first the shifts of all samples, each by rows,
    /// then by columns; then all flips.
    pub fn draw(&self, samples: usize, stream: &mut RandomStream, placements: &mut Vec<CropFlip>) {
        let padding = i16::from(self.padding);
        let mut shift = || stream.random_range(-padding..=padding);
        placements.clear();
        for _ in 0..samples {
            let (down, right) = (shift(), shift());
            placements.push(CropFlip {
                down,
                right,
                mirrored: false,
            });
        }
        if self.horizontal_flip {
            for placement in placements {
                placement.mirrored = stream.random();
            }
        }
    }
}

/// A dataset on a backend.
#[derive(Debug, Clone)]
pub struct DeviceDataset<B: Backend = Cpu> {
    shape: ImageShape,
    pixels: B::Bytes,
    /// Labels are on the host, where views map them.
    labels: Vec<u8>,
    table: Tensor<B>,
}

/// The inputs and labels of some samples.
#[derive(Debug, Clone)]
pub struct Batch<B: Backend = Cpu> {
    /// One input per sample.
    pub inputs: Tensor<B>,
    /// One class per sample.
    pub labels: B::Bytes,
}

impl<B: Backend> DeviceDataset<B> {
    /// Copies a dataset to the backend.
    ///
    /// # Errors
    /// [`Error::Shape`] if the normalisation does not match the channels, [`Error::Setting`] if an input is not
    /// finite, [`Error::Memory`] if memory is insufficient.
    pub fn new(backend: &B, dataset: &Dataset, normalisation: &PixelScaling) -> Result<Self> {
        let shape = dataset.shape();
        let table = normalisation.table(shape.channels)?;
        let tables = Shape::matrix(table.len() / 256, 256);
        Ok(DeviceDataset {
            shape,
            pixels: backend.bytes(dataset.pixels())?,
            labels: dataset.labels().to_vec(),
            table: Tensor::from_rows(backend, tables, &table)?,
        })
    }

    /// An empty batch to gather into.
    ///
    /// # Errors
    /// [`Error::Memory`] if memory is insufficient.
    pub fn batch(&self, backend: &B) -> Result<Batch<B>> {
        Ok(Batch {
            inputs: Tensor::zeros(backend, self.batch_shape(0))?,
            labels: backend.bytes(&[])?,
        })
    }

    /// Fills `batch` with the samples of these indices.
    ///
    /// # Errors
    /// [`Error::Shape`] for an index beyond the samples, [`Error::Memory`] if memory is insufficient.
    pub fn gather(&self, backend: &B, indices: &[u32], batch: &mut Batch<B>) -> Result<()> {
        self.inputs(backend, indices, None, None, batch)?;
        self.labels_of(backend, indices, batch)
    }

    /// Fills `batch` with the samples of these indices, each shifted and flipped according to its placement.
    ///
    /// # Errors
    /// As [`gather`](Self::gather); also [`Error::Shape`] unless there is one placement per index.
    pub fn gather_placed(
        &self,
        backend: &B,
        indices: &[u32],
        placements: &[CropFlip],
        batch: &mut Batch<B>,
    ) -> Result<()> {
        self.inputs(backend, indices, None, Some(placements), batch)?;
        self.labels_of(backend, indices, batch)
    }

    /// Fills `batch` with samples mapped by their views, then shifted and flipped if there are placements.
    pub(super) fn gather_viewed(
        &self,
        backend: &B,
        samples: &Viewed,
        maps: &Maps<B>,
        placements: Option<&[CropFlip]>,
        batch: &mut Batch<B>,
    ) -> Result<()> {
        let maps = maps.sources.as_ref().map(|sources| PixelMaps {
            sources,
            pixels: self.shape.height * self.shape.width,
            of: &samples.maps,
        });
        self.inputs(backend, &samples.indices, maps, placements, batch)?;
        backend.upload_bytes(&samples.labels, &mut batch.labels)
    }

    fn inputs(
        &self,
        backend: &B,
        indices: &[u32],
        maps: Option<PixelMaps<'_, B::Bytes>>,
        placements: Option<&[CropFlip]>,
        batch: &mut Batch<B>,
    ) -> Result<()> {
        let shape = self.batch_shape(indices.len());
        batch.inputs.reshape(backend, shape)?;
        let (table, inputs) = (self.table.floats(), batch.inputs.floats_mut());
        let Some(placements) = placements else {
            let features = shape.columns();
            return backend.gather(&self.pixels, table, indices, maps, features, inputs);
        };
        let ImageShape {
            height,
            width,
            channels,
        } = self.shape;
        let shape = [height, width, channels];
        backend.gather_images(
            &self.pixels,
            shape,
            table,
            indices,
            maps,
            placements,
            inputs,
        )
    }

    /// Uploads the classes of samples whose indices were checked before.
    fn labels_of(&self, backend: &B, indices: &[u32], batch: &mut Batch<B>) -> Result<()> {
        let labels = indices.iter().map(|&index| self.labels[index as usize]);
        let labels: Vec<u8> = labels.collect();
        backend.upload_bytes(&labels, &mut batch.labels)
    }

    fn batch_shape(&self, samples: usize) -> Shape {
        let ImageShape {
            height,
            width,
            channels,
        } = self.shape;
        Shape::images(samples, height, width, channels)
    }

    /// The samples of these indices in batches of `size`, in order, for example a test set for
    /// [`evaluate`](crate::learn::evaluate).
    ///
    /// # Errors
    /// As [`gather`](Self::gather).
    pub fn batches(&self, backend: &B, indices: &[u32], size: usize) -> Result<Vec<Batch<B>>> {
        let mut batches = Vec::new();
        for indices in indices.chunks(size.max(1)) {
            let mut batch = self.batch(backend)?;
            self.gather(backend, indices, &mut batch)?;
            batches.push(batch);
        }
        Ok(batches)
    }

    /// The class of each sample.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The shape of one sample.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }
}
