//! Changes of whole images that make a new task of an old one: rotation, and another order of pixels.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use rand::RngExt;

use super::{Dataset, ImageShape};
use crate::error::{Error, Result};
use crate::rng::{Purpose, Stream};

/// Where a pixel of a changed image comes from: the number of a pixel of the original, or nowhere.
type Sources = Vec<Option<usize>>;

impl Dataset {
    /// Every image rotated by `degrees` counter-clockwise about its centre: nearest neighbour, same size,
    /// 0 where nothing of the original lies. That is what torchvision's `rotate` does by default to
    /// Pillow's images.
    ///
    /// Pixel (x, y) takes what lies at ⌊c + R·((x, y) + ½ − c)⌋, c the centre, R the rotation back. As in
    /// Pillow, the four numbers of R and the first place are rounded to 1/65536 and places then found by
    /// whole-number addition, so that every machine finds the same.
    ///
    /// # Errors
    /// [`Error::Setting`] for an angle that is not finite, or images of 32,768 or more pixels a side.
    pub fn rotated(&self, degrees: f64) -> Result<Dataset> {
        let shape = self.shape();
        if !degrees.is_finite() {
            return Err(Error::setting(
                "angle",
                degrees,
                "a finite number of degrees",
            ));
        }
        if shape.height.max(shape.width) >= 1 << 15 {
            let expected = "images of less than 32,768 pixels a side";
            return Err(Error::setting("images", shape, expected));
        }
        Ok(self.rearranged(&rotation(shape, degrees)))
    }

    /// Every image with its pixels in another order, the same for all: pixel i is what was pixel p(i).
    ///
    /// p is number `number` of a fixed list: 0 is the order as it is, every other a Fisher–Yates shuffle
    /// drawn from (0, [`Purpose::Permutation`], number). The channels of a pixel stay together.
    pub fn permuted(&self, number: u64) -> Dataset {
        let shape = self.shape();
        let mut order: Vec<usize> = (0..shape.height * shape.width).collect();
        if number > 0 {
            let mut stream = Stream::new(0, Purpose::Permutation, number);
            for last in (1..order.len()).rev() {
                // Drawn as u64, so that the width of `usize` does not matter.
                let other = stream.random_range(0..=last as u64) as usize;
                order.swap(last, other);
            }
        }
        let sources: Sources = order.into_iter().map(Some).collect();
        self.rearranged(&sources)
    }

    /// The samples of each of `parts`, one after another; labels stay as they are.
    ///
    /// # Errors
    /// [`Error::Shape`] where there is no part, or parts differ in the shape of their images.
    pub fn joined(parts: &[Dataset]) -> Result<Dataset> {
        let Some(first) = parts.first() else {
            return Err(Error::shape("joined", "at least one dataset", "none"));
        };
        if let Some(other) = parts.iter().find(|part| part.shape() != first.shape()) {
            let expected = format!("images of {}", first.shape());
            return Err(Error::shape("joined", expected, other.shape()));
        }
        let classes = parts.iter().map(Dataset::classes).max().unwrap_or(0);
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        let bytes = parts.iter().map(|part| part.pixels().len()).sum();
        pixels.try_reserve_exact(bytes).map_err(|_| Error::Memory {
            purpose: format!("{} variants of the samples", parts.len()),
            bytes: bytes as u64,
            remedy: "use fewer".into(),
        })?;
        for part in parts {
            pixels.extend_from_slice(part.pixels());
            labels.extend_from_slice(part.labels());
        }
        Dataset::images(first.shape(), classes, pixels, labels)
    }

    fn rearranged(&self, sources: &Sources) -> Dataset {
        let channels = self.shape().channels;
        let mut changed = self.clone();
        let features = self.features();
        let images = self.pixels().chunks_exact(features);
        for (from, to) in images.zip(changed.pixels_mut().chunks_exact_mut(features)) {
            for (pixel, source) in to.chunks_exact_mut(channels).zip(sources) {
                match source {
                    Some(source) => pixel.copy_from_slice(&from[source * channels..][..channels]),
                    None => pixel.fill(0),
                }
            }
        }
        changed
    }
}

fn rotation(shape: ImageShape, degrees: f64) -> Sources {
    let (height, width) = (shape.height, shape.width);
    let radians = -(degrees % 360.0).to_radians();
    // Rounded to 15 digits, as Pillow does, so that quarter turns are exact.
    let rounded = |x: f64| libm::rint(x * 1e15) / 1e15;
    let (cosine, sine) = (rounded(libm::cos(radians)), rounded(libm::sin(radians)));
    let centre = [width as f64 / 2.0, height as f64 / 2.0];
    let offset = [
        centre[0] - cosine * centre[0] - sine * centre[1],
        centre[1] + sine * centre[0] - cosine * centre[1],
    ];
    let fixed = |x: f64| libm::floor(x * 65536.0 + 0.5) as i64;
    let across = [fixed(cosine), fixed(-sine)];
    let down = [fixed(sine), fixed(cosine)];
    let mut row = [
        fixed(offset[0] + 0.5 * cosine + 0.5 * sine),
        fixed(offset[1] - 0.5 * sine + 0.5 * cosine),
    ];
    let inside = |at: i64, size: usize| usize::try_from(at >> 16).ok().filter(|&at| at < size);
    let mut sources = vec![None; height * width];
    for line in sources.chunks_exact_mut(width.max(1)) {
        let mut at = row;
        for source in line {
            let found = inside(at[0], width).zip(inside(at[1], height));
            *source = found.map(|(x, y)| y * width + x);
            at = [at[0] + across[0], at[1] + across[1]];
        }
        row = [row[0] + down[0], row[1] + down[1]];
    }
    sources
}
