//! The training batches of a context.

use alloc::format;
use alloc::vec::Vec;

use crate::backend::{Backend, Cpu};
use crate::data::change::shuffle;
use crate::error::{Error, Result};
use crate::learn::drawing::{Drawing, Viewed};
use crate::learn::{Batch, DeviceDataset, Draw, RandomCropFlip};
use crate::rng::{Purpose, RandomStream};
use crate::stream::Context;

settings! {
    /// How the samples of a training batch are chosen.
    pub enum Sampling {
        /// Uniformly with replacement from the samples of the context.
        Uniform = "uniform",
        /// Epoch by epoch: every sample of the context once, in a new random order in each epoch. The last batch of an
        /// epoch is completed with the first samples of the next.
        Epochs = "epochs",
    }
}

/// How batches are drawn from a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchConfig {
    /// Samples per batch.
    pub(crate) size: usize,
    /// How they are chosen.
    pub(crate) sampling: Sampling,
    /// The augmentation of training images.
    pub(crate) transform: RandomCropFlip,
    /// The seed of the random streams. The batch of iteration i of the run draws its samples from (seed,
    /// [`Purpose::Batch`], i) or, epoch by epoch, in the order of (seed, [`Purpose::EpochOrder`], epoch, context), and
    /// its transforms from (seed, [`Purpose::Transform`], i).
    pub(crate) seed: u64,
}

/// The batches of one context, and the buffers for them.
pub(crate) struct Batches<'a, B: Backend = Cpu> {
    samples: &'a DeviceDataset<B>,
    config: BatchConfig,
    drawing: Drawing<'a, B>,
    /// The context, counted from 1.
    context: usize,
    /// The epoch of `order`, counted from 0.
    epoch: Option<u32>,
    order: Vec<u32>,
    drawn: Viewed,
    placements: Vec<crate::backend::CropFlip>,
    batch: Batch<B>,
}

impl<'a, B: Backend> Batches<'a, B> {
    /// The batches of `context`, which has the number `number`, counted from 1.
    pub(crate) fn new(
        backend: &B,
        samples: &'a DeviceDataset<B>,
        config: BatchConfig,
        context: &'a Context,
        number: usize,
    ) -> Result<Self> {
        Ok(Batches {
            samples,
            config,
            drawing: Drawing::new(backend, samples, context)?,
            context: number,
            epoch: None,
            order: Vec::new(),
            drawn: Viewed::default(),
            placements: Vec::new(),
            batch: samples.batch(backend)?,
        })
    }

    /// The batch of iteration `iteration` of the run, which is iteration `step` of the context; both are counted
    /// from 1.
    pub(crate) fn get(&mut self, backend: &B, iteration: usize, step: usize) -> Result<&Batch<B>> {
        let BatchConfig {
            size,
            sampling,
            transform,
            seed,
        } = self.config;
        match sampling {
            Sampling::Uniform => {
                let mut stream = RandomStream::new(seed, Purpose::Batch, iteration as u64);
                self.drawing.draw(size, &mut stream, &mut self.drawn)?;
            }
            Sampling::Epochs => self.in_order(step)?,
        }
        let placed = transform != RandomCropFlip::default();
        if placed {
            let mut stream = RandomStream::new(seed, Purpose::Transform, iteration as u64);
            transform.draw(size, &mut stream, &mut self.placements);
        }
        let placements = placed.then_some(&self.placements[..]);
        let maps = &self.drawing.maps;
        self.samples
            .gather_viewed(backend, &self.drawn, maps, placements, &mut self.batch)?;
        Ok(&self.batch)
    }

    /// Chooses the samples of iteration `step` epoch by epoch.
    fn in_order(&mut self, step: usize) -> Result<()> {
        let (size, count) = (self.config.size, self.drawing.count());
        if count == 0 || u32::try_from(count).is_err() {
            let expected = "a context with at least one sample and at most 2³² − 1";
            return Err(Error::setting("training.sampling", count, expected));
        }
        self.drawn.clear();
        let first = (step - 1) as u64 * size as u64;
        for place in first..first + size as u64 {
            let epoch = u32::try_from(place / count as u64).map_err(|_| {
                let found = format!("iteration {step}");
                Error::setting("training.sampling", found, "at most 2³² epochs")
            })?;
            if self.epoch != Some(epoch) {
                self.order.clear();
                self.order.extend(0..count as u32);
                let (seed, context) = (self.config.seed, self.context as u32);
                let mut stream = RandomStream::indexed(seed, Purpose::EpochOrder, epoch, context);
                shuffle(&mut self.order, &mut stream);
                self.epoch = Some(epoch);
            }
            let place = (place % count as u64) as usize;
            self.drawing
                .add(self.order[place] as usize, &mut self.drawn);
        }
        Ok(())
    }

    /// The context's samples for [`Learner::end_context`](crate::learn::Learner::end_context), drawn from `stream`.
    pub(crate) fn drawn_from<'b>(
        &'b mut self,
        backend: &'b B,
        stream: &'b mut RandomStream,
    ) -> impl Draw<B> + use<'a, 'b, B> {
        DrawnFrom {
            backend,
            stream,
            batches: self,
        }
    }

    fn gather(&mut self, backend: &B, batch: &mut Batch<B>) -> Result<()> {
        let maps = &self.drawing.maps;
        self.samples
            .gather_viewed(backend, &self.drawn, maps, None, batch)
    }
}

struct DrawnFrom<'a, 'b, B: Backend> {
    backend: &'b B,
    stream: &'b mut RandomStream,
    batches: &'b mut Batches<'a, B>,
}

impl<B: Backend> Draw<B> for DrawnFrom<'_, '_, B> {
    fn count(&self) -> usize {
        self.batches.drawing.count()
    }

    fn draw(&mut self, count: usize, batch: &mut Batch<B>) -> Result<()> {
        let Batches { drawing, drawn, .. } = &mut *self.batches;
        drawing.draw(count, self.stream, drawn)?;
        self.batches.gather(self.backend, batch)
    }

    fn get(&mut self, place: usize, batch: &mut Batch<B>) -> Result<()> {
        let Batches { drawing, drawn, .. } = &mut *self.batches;
        if place >= drawing.count() {
            let expected = format!("a sample below {}", drawing.count());
            return Err(Error::shape("samples of a context", expected, place));
        }
        drawn.clear();
        drawing.add(place, drawn);
        self.batches.gather(self.backend, batch)
    }
}
