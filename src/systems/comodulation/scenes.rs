//! Scenes of several digits: a grid of cells, some of which hold a digit, with noise.
//!
//! The primary task: one digit in a random cell. A task cues one cell: its digit is the label, and digits in other
//! cells distract. This is the setting of the models that arXiv 2311.15053 builds on.

use core::ops::Range;

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::{ComodulationSettings, TaskSettings};
use crate::data::change::draw_first;
use crate::data::{Dataset, ImageShape, TrainTest};
use crate::error::{Error, Result};
use crate::learn::PixelScaling;
use crate::rng::{Purpose, RandomStream};
use crate::run::MemoryNeed;

settings! {
    /// Scenes of several digits, made from the images of `data.source`.
    ///
    /// A scene is a grid of cells. A digit's pixels are scaled as `data` says; an empty cell is 0. Noise is added to
    /// every pixel, and the scene is scaled to mean 0 and standard deviation 1. Training scenes are made of training
    /// images, test scenes of test images; scenes do not depend on the run's seed.
    #[derive(Debug, Clone, PartialEq)]
    pub struct SceneSettings {
        /// Cells per row and per column.
        pub cells: usize [Between(2, 16, "cells")] = 4,
        /// Standard deviation of the noise, before a scene is scaled.
        pub noise: f32 [NotNegative] = 0.1,
        /// The number of cells beside the cued one that hold a random digit: the same cells in all scenes of a task.
        pub distractors: usize = 8,
        /// Training scenes of pretraining; each has one digit, in a random cell.
        pub primary: usize [Between(1, 1000000, "scenes")] = 6400,
        /// Training scenes of each task.
        pub task: usize [Between(1, 1000000, "scenes")] = 2000,
        /// Test scenes of pretraining, and of each task.
        pub test: usize [Between(1, 1000000, "scenes")] = 1000,
    }
}

/// Bytes per standard deviation of a scene: values from −4 to 11.9 are kept, in steps of 1/16. Few pixels are bright.
const SCALE: f64 = 16.0;
/// The byte of the value 0.
const ZERO: f64 = 64.0;

/// The scaling of a scene's bytes to inputs.
pub(super) fn scaling() -> PixelScaling {
    PixelScaling {
        maximum: SCALE as f32,
        mean: vec![(ZERO / SCALE) as f32],
        standard_deviation: vec![1.0],
    }
}

/// The scenes of an experiment, and the range of each part: pretraining, then each task; training, then test.
pub(super) struct Scenes {
    pub(super) samples: TrainTest,
    pub(super) parts: [Vec<Range<usize>>; 2],
}

/// Makes the scenes of every part.
///
/// # Errors
/// [`Error::Setting`] if the images are not square and grey, or a task's digits have no images; [`Error::Memory`] if
/// memory does not suffice.
pub(super) fn scenes(
    settings: &ComodulationSettings,
    scenes: &SceneSettings,
    pieces: &TrainTest,
) -> Result<Scenes> {
    let tasks = settings.tasks.len() as u64;
    let [primary, task, test] = [scenes.primary, scenes.task, scenes.test].map(|n| n as u64);
    let count = primary
        .saturating_add(task.saturating_mul(tasks))
        .saturating_add(test.saturating_mul(tasks.saturating_add(1)));
    let pixels = (scenes.cells * scenes.cells) as u64 * pieces.train.features() as u64;
    MemoryNeed {
        bytes: count.saturating_mul(pixels),
        purpose: format!("{count} scenes of {pixels} pixels"),
        remedy: "lower scenes.primary, scenes.task or scenes.test",
    }
    .check()?;
    let (train, train_parts) = half(settings, scenes, &pieces.train, 0)?;
    let (test, test_parts) = half(settings, scenes, &pieces.test, 1)?;
    Ok(Scenes {
        samples: TrainTest { train, test },
        parts: [train_parts, test_parts],
    })
}

fn half(
    settings: &ComodulationSettings,
    scenes: &SceneSettings,
    pieces: &Dataset,
    half: u32,
) -> Result<(Dataset, Vec<Range<usize>>)> {
    let image = pieces.shape();
    if image.channels != 1 || image.height != image.width {
        let expected = "square grey images";
        return Err(Error::setting("data.source", image, expected));
    }
    let side = image.height * scenes.cells;
    let scaled = settings.data.scaling().table(1)?;
    let maker = Maker {
        scenes,
        pieces,
        piece: image.height,
        scaled,
        all: (0..pieces.len()).collect(),
    };
    let (mut pixels, mut labels, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    let tasks = settings.tasks.iter().map(Some);
    for (part, task) in (0..).zip(core::iter::once(None).chain(tasks)) {
        let count = match (half, task) {
            (0, None) => scenes.primary,
            (0, Some(_)) => scenes.task,
            _ => scenes.test,
        };
        let first = labels.len();
        let cued = task.map(|task| Cued::of(settings, scenes, task, pieces, part));
        for number in 0..u32::try_from(count).unwrap_or(u32::MAX) {
            // Every scene has a stream: (part and half, number).
            let mut stream = RandomStream::indexed(0, Purpose::Scenes, 2 * part + half, number);
            labels.push(maker.scene(cued.as_ref(), &mut stream, &mut pixels)?);
        }
        parts.push(first..labels.len());
    }
    let shape = ImageShape {
        height: side,
        width: side,
        channels: 1,
    };
    let dataset = Dataset::images(shape, pieces.classes(), pixels, labels)?;
    Ok((dataset, parts))
}

/// What the scenes of a task have in common.
struct Cued {
    cell: usize,
    /// The images of each digit of the cued cell.
    images: Vec<Vec<usize>>,
    distractors: Vec<usize>,
}

impl Cued {
    fn of(
        settings: &ComodulationSettings,
        scenes: &SceneSettings,
        task: &TaskSettings,
        pieces: &Dataset,
        part: u32,
    ) -> Self {
        let cell = task.cell.unwrap_or(0);
        let mut others: Vec<usize> = (0..scenes.cells * scenes.cells)
            .filter(|&other| other != cell)
            .collect();
        let mut stream = RandomStream::indexed(0, Purpose::DistractorCells, part, 0);
        draw_first(&mut others, scenes.distractors, &mut stream);
        others.truncate(scenes.distractors);
        let labels = task.used_labels(settings.data.source).into_iter();
        let images = labels.map(|label| {
            let of = u8::try_from(label).map_or(Vec::new(), |label| pieces.of_classes(&[label]));
            of.into_iter().map(|image| image as usize).collect()
        });
        Cued {
            cell,
            images: images.collect(),
            distractors: others,
        }
    }
}

struct Maker<'a> {
    scenes: &'a SceneSettings,
    pieces: &'a Dataset,
    /// Rows and columns of an image.
    piece: usize,
    /// The value of each byte of an image.
    scaled: Vec<f32>,
    /// Every image.
    all: Vec<usize>,
}

impl Maker<'_> {
    /// Appends the bytes of a scene, and returns its label.
    fn scene(
        &self,
        cued: Option<&Cued>,
        stream: &mut RandomStream,
        pixels: &mut Vec<u8>,
    ) -> Result<u8> {
        let cells = (self.scenes.cells * self.scenes.cells) as u64;
        let side = self.piece * self.scenes.cells;
        let mut values = vec![0.0f64; side * side];
        let label = match cued {
            None => {
                let cell = stream.random_range(0..cells) as usize;
                self.place(&self.all, cell, stream, &mut values)?
            }
            Some(cued) => {
                let which = stream.random_range(0..cued.images.len().max(1) as u64) as usize;
                let of_label = cued.images.get(which).map_or(&[][..], Vec::as_slice);
                let label = self.place(of_label, cued.cell, stream, &mut values)?;
                for &cell in &cued.distractors {
                    self.place(&self.all, cell, stream, &mut values)?;
                }
                label
            }
        };
        for value in &mut values {
            let noise: f64 = StandardNormal.sample(stream);
            *value += f64::from(self.scenes.noise) * noise;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let square = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
        let deviation = match square > 0.0 {
            true => libm::sqrt(square),
            false => 1.0,
        };
        let byte = |value: &f64| {
            let scaled = libm::round(ZERO + SCALE * (value - mean) / deviation);
            scaled.clamp(0.0, 255.0) as u8
        };
        pixels.extend(values.iter().map(byte));
        Ok(label)
    }

    /// Puts one of these images into a cell, and returns its label.
    fn place(
        &self,
        of: &[usize],
        cell: usize,
        stream: &mut RandomStream,
        values: &mut [f64],
    ) -> Result<u8> {
        if of.is_empty() {
            let expected = "images of every digit of the tasks";
            return Err(Error::setting(
                "data.source",
                "no image of a digit",
                expected,
            ));
        }
        let sample = of[stream.random_range(0..of.len() as u64) as usize];
        let side = self.piece * self.scenes.cells;
        let (top, left) = (cell / self.scenes.cells, cell % self.scenes.cells);
        let first = top * self.piece * side + left * self.piece;
        let image = &self.pieces.pixels()[sample * self.pieces.features()..];
        for (row, bytes) in image.chunks_exact(self.piece).take(self.piece).enumerate() {
            let target = &mut values[first + row * side..][..self.piece];
            for (value, byte) in target.iter_mut().zip(bytes) {
                *value = f64::from(self.scaled[usize::from(*byte)]);
            }
        }
        Ok(self.pieces.labels()[sample])
    }
}
