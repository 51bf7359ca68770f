//! Image transformations that make new tasks: rotation and permutation of pixels.

use alloc::vec;
use alloc::vec::Vec;

use rand::RngExt;

use super::{Dataset, ImageShape};
use crate::error::{Error, Result};
use crate::rng::{Purpose, RandomStream};

/// The source of a pixel that lies outside the original image.
const OUTSIDE: u32 = u32::MAX;

impl Dataset {
    /// Rotates every image by `degrees` counter-clockwise about its centre: nearest neighbour, same size, 0 outside
    /// the original. The result is that of torchvision's `rotate` with its defaults for Pillow images.
    ///
    /// Pixel (x, y) takes the pixel at ⌊c + R·((x, y) + ½ − c)⌋, where c is the centre and R the inverse rotation. As
    /// in Pillow, the four elements of R and the first position are rounded to 1/65536, and the other positions follow
    /// by integer addition, so that every machine gives the same result.
    ///
    /// # Errors
    /// [`Error::Setting`] for an angle that is not finite, or images of 32,768 or more pixels per side.
    pub fn rotated(&self, degrees: f64) -> Result<Dataset> {
        Ok(self.rearranged(&rotation(self.shape(), degrees)?))
    }

    /// Permutes the pixels of every image in the same way: new pixel i is old pixel p(i).
    ///
    /// p is permutation `number` of a fixed list: 0 is the identity, every other a Fisher–Yates shuffle drawn from (0,
    /// [`Purpose::Permutation`], number). The channels of a pixel stay together.
    pub fn permuted(&self, number: u64) -> Dataset {
        self.rearranged(&permutation(self.shape(), number))
    }

    fn rearranged(&self, sources: &[u32]) -> Dataset {
        let channels = self.shape().channels;
        let mut changed = self.clone();
        let features = self.features();
        let images = self.pixels().chunks_exact(features);
        for (from, to) in images.zip(changed.pixels_mut().chunks_exact_mut(features)) {
            for (pixel, source) in to.chunks_exact_mut(channels).zip(sources) {
                let source = (*source as usize).checked_mul(channels);
                match source.and_then(|first| from.get(first..)?.get(..channels)) {
                    Some(shown) => pixel.copy_from_slice(shown),
                    None => pixel.fill(0),
                }
            }
        }
        changed
    }
}

/// The source of each pixel of the rotated image, `[height · width]`: see [`Dataset::rotated`].
///
/// # Errors
/// As [`Dataset::rotated`].
pub fn rotation(shape: ImageShape, degrees: f64) -> Result<Vec<u32>> {
    if !degrees.is_finite() {
        return Err(Error::setting(
            "angle",
            degrees,
            "a finite number of degrees",
        ));
    }
    if shape.height.max(shape.width) >= 1 << 15 {
        let expected = "images of fewer than 32,768 pixels per side";
        return Err(Error::setting("images", shape, expected));
    }
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
    let mut sources = vec![OUTSIDE; height * width];
    for line in sources.chunks_exact_mut(width.max(1)) {
        let mut at = row;
        for source in line {
            let found = inside(at[0], width).zip(inside(at[1], height));
            *source = found.map_or(OUTSIDE, |(x, y)| (y * width + x) as u32);
            at = [at[0] + across[0], at[1] + across[1]];
        }
        row = [row[0] + down[0], row[1] + down[1]];
    }
    Ok(sources)
}

/// The source of each pixel of the permuted image, `[height · width]`: see [`Dataset::permuted`].
pub fn permutation(shape: ImageShape, number: u64) -> Vec<u32> {
    let mut order: Vec<u32> = (0..u32::MAX).take(shape.height * shape.width).collect();
    if number > 0 {
        shuffle(
            &mut order,
            &mut RandomStream::new(0, Purpose::Permutation, number),
        );
    }
    order
}

/// The Fisher–Yates shuffle, from the last position down.
pub(crate) fn shuffle<T>(items: &mut [T], stream: &mut RandomStream) {
    for last in (1..items.len()).rev() {
        // Drawn as u64, so that the result does not depend on the width of `usize`.
        let other = stream.random_range(0..=last as u64) as usize;
        items.swap(last, other);
    }
}

/// Draws `count` of the items without replacement, uniformly, to the front, in the order in which they are drawn.
#[cfg(feature = "report")]
pub(crate) fn draw_first<T>(items: &mut [T], count: usize, stream: &mut RandomStream) {
    for place in 0..count.min(items.len()) {
        // Drawn as u64, so that the result does not depend on the width of `usize`.
        let other = stream.random_range(place as u64..items.len() as u64) as usize;
        items.swap(place, other);
    }
}
