//! Batches drawn from a context.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use rand::RngExt;

use crate::backend::Backend;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::learn::DeviceDataset;
use crate::rng::RandomStream;
use crate::stream::{Context, PixelMap, View};

/// The samples of a batch with their pixel maps and labels, before they are gathered.
#[derive(Debug, Clone, Default)]
pub(super) struct Viewed {
    /// The indices of the samples.
    pub(super) indices: Vec<u32>,
    /// The number of each sample's pixel map in [`Maps`].
    pub(super) maps: Vec<u32>,
    /// The label of each sample in its view.
    pub(super) labels: Vec<u8>,
}

impl Viewed {
    pub(super) fn clear(&mut self) {
        self.indices.clear();
        self.maps.clear();
        self.labels.clear();
    }

    /// Adds a sample with its view, whose pixel map has the number `map`. A sample that is not in `samples` is refused
    /// when it is gathered.
    pub(super) fn push<B: Backend>(
        &mut self,
        samples: &DeviceDataset<B>,
        sample: u32,
        view: &View,
        map: u32,
    ) {
        let class = samples.labels().get(sample as usize).copied();
        self.indices.push(sample);
        self.maps.push(map);
        self.labels
            .push(view.labels.label(sample, class.unwrap_or(0)));
    }
}

/// Pixel maps on a backend.
#[derive(Debug)]
pub(super) struct Maps<B: Backend> {
    /// `[maps][pixels]`; `None` if all maps are the identity.
    pub(super) sources: Option<B::Bytes>,
    numbers: BTreeMap<PixelMap, u32>,
}

impl<B: Backend> Maps<B> {
    pub(super) fn new(
        backend: &B,
        shape: ImageShape,
        maps: impl Iterator<Item = PixelMap>,
    ) -> Result<Self> {
        let mut numbers = BTreeMap::new();
        let mut sources = Vec::new();
        let mut mapped = false;
        for map in maps {
            let next = numbers.len() as u32;
            if let alloc::collections::btree_map::Entry::Vacant(new) = numbers.entry(map) {
                new.insert(next);
                mapped |= !map.is_identity();
                let of_map = map.sources(shape)?;
                sources.extend(of_map.into_iter().flat_map(u32::to_le_bytes));
            }
        }
        let sources = mapped.then(|| backend.bytes(&sources)).transpose()?;
        Ok(Maps { sources, numbers })
    }

    /// The number of a map.
    pub(super) fn number(&self, map: PixelMap) -> u32 {
        self.numbers.get(&map).copied().unwrap_or(0)
    }
}

/// A context that batches are drawn from.
pub(super) struct Drawing<'a, B: Backend> {
    samples: &'a DeviceDataset<B>,
    context: &'a Context,
    pub(super) maps: Maps<B>,
    /// The end of each part in the numbering of all samples.
    ends: Vec<usize>,
    /// The numbers of the pixel maps of the parts and, in `of_memory`, of the samples in the replay memory.
    of_parts: Vec<u32>,
    of_memory: Vec<u32>,
}

impl<'a, B: Backend> Drawing<'a, B> {
    pub(super) fn new(
        backend: &B,
        samples: &'a DeviceDataset<B>,
        context: &'a Context,
    ) -> Result<Self> {
        let parts = || context.parts.iter().map(|part| part.view.pixels);
        let memory = &context.replayed.memory;
        let memory = || memory.iter().map(|(part, _)| part.view.pixels);
        let maps = Maps::new(backend, samples.shape(), parts().chain(memory()))?;
        let mut end = 0;
        let ends = context.parts.iter().map(|part| {
            end += part.samples.len();
            end
        });
        Ok(Drawing {
            samples,
            context,
            ends: ends.collect(),
            of_parts: parts().map(|map| maps.number(map)).collect(),
            of_memory: memory().map(|map| maps.number(map)).collect(),
            maps,
        })
    }

    /// Number of samples that a batch is drawn from.
    pub(super) fn count(&self) -> usize {
        self.context.count()
    }

    /// Draws `batch` samples, uniformly with replacement.
    pub(super) fn draw(
        &self,
        batch: usize,
        stream: &mut RandomStream,
        to: &mut Viewed,
    ) -> Result<()> {
        // Drawn as u32, so that the result does not depend on the width of `usize`.
        let count = u32::try_from(self.context.count()).unwrap_or(u32::MAX);
        if count == 0 || batch == 0 {
            let expected = "a batch of at least one sample, from at least one sample";
            return Err(Error::setting("batch", batch, expected));
        }
        to.clear();
        to.indices.try_reserve(batch).map_err(|_| Error::Memory {
            purpose: "a batch".into(),
            bytes: (batch as u64).saturating_mul(4),
            remedy: "use a smaller batch".into(),
        })?;
        for _ in 0..batch {
            self.add(stream.random_range(0..count) as usize, to);
        }
        Ok(())
    }

    /// Adds sample number `place`: the samples of the parts come first, then those of the memory, repeated.
    pub(super) fn add(&self, place: usize, to: &mut Viewed) {
        let number = self.ends.partition_point(|&end| end <= place);
        if let Some(part) = self.context.parts.get(number) {
            let first = self.ends[number] - part.samples.len();
            let sample = part.samples[place - first];
            to.push(self.samples, sample, &part.view, self.of_parts[number]);
            return;
        }
        let memory = &self.context.replayed.memory;
        let after = place - self.ends.last().copied().unwrap_or(0);
        if let Some(at) = after.checked_rem(memory.len()) {
            let (part, sample) = &memory[at];
            to.push(self.samples, *sample, &part.view, self.of_memory[at]);
        }
    }
}
