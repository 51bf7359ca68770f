//! The input token: the current images, averaged over windows.

use alloc::format;

use super::dense::{Builder, Dense, Rows};
use crate::backend::{Backend, Pool, Pool2dDims, Window};
use crate::error::{Error, Result};
use crate::nn::Init;
use crate::tensor::Tensor;

/// The largest number of windows along a side: 7 for one channel, 4 for several.
fn limit(channels: usize) -> usize {
    if channels == 1 { 7 } else { 4 }
}

/// `e = W_e·p + b_e`, where p is the image averaged over windows of equal size.
#[derive(Debug, Clone)]
pub(super) struct InputToken<B: Backend> {
    height: usize,
    width: usize,
    channels: usize,
    window: Window,
    /// Numbers of a pooled image.
    pub pixels: usize,
    pub map: Dense<B>,
}

impl<B: Backend> InputToken<B> {
    /// For images of this height, width and channels. The windows are the smallest squares of which at most [`limit`] cover each
    /// side; where they stick out of the image, only the pixels inside count.
    pub fn new(
        builder: &mut Builder<'_, B>,
        [height, width, channels]: [usize; 3],
        token_width: usize,
    ) -> Result<Self> {
        let side = height.max(width);
        let size = side.div_ceil(limit(channels));
        // Windows along the longer side, in which the image is centred.
        let covered = side.div_ceil(size).saturating_mul(size);
        let window = Window {
            size,
            stride: size,
            padding: (covered - side).div_ceil(2),
        };
        let dims = pooling(0, [height, width, channels], window);
        let [rows, columns] = dims.output()?;
        let pixels = rows * columns * channels;
        let name = "neurosync.input";
        let uniform = Init::KaimingUniform;
        let map = Dense::new(builder, name, [token_width, pixels], uniform, pixels, true)?;
        Ok(InputToken {
            height,
            width,
            channels,
            window,
            pixels,
            map,
        })
    }

    /// The pooled images of a batch.
    pub fn pool(&self, backend: &B, x: &Tensor<B>, pooled: &mut Tensor<B>) -> Result<()> {
        let image = [self.height, self.width, self.channels];
        let numbers = image.iter().product::<usize>();
        let found = x.shape();
        if found.blocks() == 0 || found.columns() != numbers {
            let [height, width, channels] = image;
            let expected = format!("images of {height}×{width}×{channels}");
            return Err(Error::shape("input token", expected, found));
        }
        pooled.reshape(backend, Rows::of(found.rows()).shape(self.pixels))?;
        let dims = pooling(found.blocks(), image, self.window);
        backend.pool(Pool::Average, dims, x.floats(), pooled.floats_mut())
    }
}

fn pooling(blocks: usize, [height, width, channels]: [usize; 3], window: Window) -> Pool2dDims {
    Pool2dDims {
        blocks,
        height,
        width,
        channels,
        window,
    }
}
