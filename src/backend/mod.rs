//! The kernel contract: what every kernel computes, on which shapes, and in which order it adds.
//!
//! A kernel's result is a function of its inputs alone: not of the instruction set, the number of
//! threads, or the scheduling. Every backend gives the same bits, because the contract fixes every
//! rounding:
//!
//! 1. **Products** over `k` are one chain of fused multiply-adds per output element, `k` ascending,
//!    starting from +0: `s ← fma(a_k, b_k, s)`.
//! 2. **Long sums** over samples have the shape that [`summation`] fixes.
//! 3. **exp, ln, tanh and 1/√x** are the polynomials of [`cpu::math`].
//! 4. Everything else is written as the sequence of IEEE 754 operations that its documentation
//!    gives, each rounded once; `fma` is written where two operations are rounded as one.
//! 5. Which NaN a result is (its sign and payload) is not fixed; that it is NaN is.
//!
//! The rule for accumulation, stated once: a kernel overwrites its outputs and reads its inputs.
//! An output that is also read is documented as updated in place.
//!
//! Activations are blocked ([`Shape::Blocked`](crate::Shape)): `[blocks][features][16]`, where the
//! last block's padding lanes are zero. `m` counts samples, `n` outputs, `k` inputs.
//!
//! ```
//! use neurogain::backend::cpu::InstructionSet;
//! use neurogain::{Backend, Cpu};
//! // The same bits on every instruction set that this machine has, with any number of threads.
//! for set in InstructionSet::available() {
//!     let cpu = Cpu::with(set, 2)?;
//!     let mut x = cpu.zeros(32)?;
//!     cpu.upload(&[-1.5; 32], &mut x)?;
//!     cpu.relu(&mut x)?;
//!     let mut host = [1.0; 32];
//!     cpu.download(&x, &mut host)?;
//!     assert_eq!(host, [0.0; 32]);
//! }
//! # Ok::<(), neurogain::Error>(())
//! ```

mod check;
pub mod cpu;
#[cfg(feature = "cuda")]
#[cfg_attr(docsrs, doc(cfg(feature = "cuda")))]
pub mod cuda;
mod image;
mod operands;
pub mod summation;

use core::fmt::Debug;

use crate::error::Result;

pub use cpu::Cpu;
#[cfg(feature = "cuda")]
#[cfg_attr(docsrs, doc(cfg(feature = "cuda")))]
pub use cuda::Cuda;
pub use image::{
    BatchNorm, Convolution, Normalisation, Normalise, NormaliseBackward, Pool, Pooling, Window,
};
pub use operands::{AdamStep, PixelMaps, Placement, Product, Update, sums};

/// A device that stores numbers and runs the kernels.
///
/// Every kernel fails with [`Error::Shape`](crate::Error::Shape) when a buffer's length does not
/// fit the dimensions it is given.
pub trait Backend: Debug + Clone + Send + Sync + 'static {
    /// f32 numbers on the device.
    type Floats: Debug + Clone + Send + Sync;
    /// Bytes on the device: pixels and labels.
    type Bytes: Debug + Clone + Send + Sync;

    /// `length` zeros. Fails with [`Error::Memory`](crate::Error::Memory) if there is no room.
    fn zeros(&self, length: usize) -> Result<Self::Floats>;
    /// Makes a buffer hold `length` numbers, whatever they are, in the memory at hand where it
    /// suffices. Fails with [`Error::Memory`](crate::Error::Memory) if there is no room.
    fn resize(&self, floats: &mut Self::Floats, length: usize) -> Result<()>;
    /// How many numbers a buffer holds.
    fn length(&self, floats: &Self::Floats) -> usize;
    /// Copies from the host; lengths are equal.
    fn upload(&self, host: &[f32], device: &mut Self::Floats) -> Result<()>;
    /// Copies to the host; lengths are equal.
    fn download(&self, device: &Self::Floats, host: &mut [f32]) -> Result<()>;
    /// Copies several to the host, one behind the other, having waited for the device once; their lengths
    /// add up to the host's.
    fn download_each<'a>(
        &self,
        parts: impl Iterator<Item = &'a Self::Floats> + Clone,
        host: &mut [f32],
    ) -> Result<()>;
    /// Bytes from the host.
    fn bytes(&self, host: &[u8]) -> Result<Self::Bytes>;
    /// Makes a buffer hold these bytes, in the memory at hand where it suffices.
    fn upload_bytes(&self, host: &[u8], device: &mut Self::Bytes) -> Result<()>;

    /// `y[b][o] = Σ_k fl(g[o]·w[o][k])·x[b][k]`, one chain over k ascending.
    ///
    /// `w` is `[n][k]`, `g` is `[n]` (absent: 1), `x` is `[blocks][k][16]`, `y` is `[blocks][n][16]`.
    fn product_forward(
        &self,
        dimensions: Product,
        gain: Option<&Self::Floats>,
        w: &Self::Floats,
        x: &Self::Floats,
        y: &mut Self::Floats,
    ) -> Result<()>;

    /// `dx[b][k] = Σ_o fl(g[o]·w[o][k])·dy[b][o]`, one chain over o ascending.
    fn product_to_input(
        &self,
        dimensions: Product,
        gain: Option<&Self::Floats>,
        w: &Self::Floats,
        dy: &Self::Floats,
        dx: &mut Self::Floats,
    ) -> Result<()>;

    /// `dw[o][k] = g[o]·Σ_samples dy[o]·x[k]`, the sum in the shape of [`summation`]'s products.
    fn product_to_weights(
        &self,
        dimensions: Product,
        gain: Option<&Self::Floats>,
        dy: &Self::Floats,
        x: &Self::Floats,
        dw: &mut Self::Floats,
    ) -> Result<()>;

    /// `y[b][oy][ox][o] = Σ_t Σ_c fl(g[o]·w[o][ty][tx][c])·x[b][oy·stride + ty − padding][ox·stride +
    /// tx − padding][c]`, one chain over (tap row ty, tap column tx, channel c) ascending. A tap that
    /// falls in the padding is skipped, not multiplied by zero: an infinite weight at the border of
    /// an image gives no NaN. Shapes: [`Convolution`]; `g` is `[outputs]` (absent: 1).
    fn convolution_forward(
        &self,
        dimensions: Convolution,
        gain: Option<&Self::Floats>,
        w: &Self::Floats,
        x: &Self::Floats,
        y: &mut Self::Floats,
    ) -> Result<()>;

    /// `dx[b][iy][ix][c] = Σ fl(g[o]·w[o][ty][tx][c])·dy[b][oy][ox][o]` over the output pixels
    /// (oy, ox) whose window holds the pixel, with ty = iy + padding − oy·stride and tx likewise: one
    /// chain over (oy, ox, o) ascending, so that the taps descend. A pixel in no window gets +0. With
    /// [`Update::Add`] the chain starts from what dx holds, so that the gradients of a residual
    /// block's two paths need no pass of their own to be added.
    fn convolution_to_input(
        &self,
        dimensions: Convolution,
        gain: Option<&Self::Floats>,
        w: &Self::Floats,
        dy: &Self::Floats,
        update: Update,
        dx: &mut Self::Floats,
    ) -> Result<()>;

    /// `dw[o][ty][tx][c] = g[o]·Σ dy[b][oy][ox][o]·x[b][oy·stride + ty − padding][…][c]` over samples
    /// and output pixels.
    ///
    /// The sum has the shape of [`summation`]'s products, where every output pixel of every block is
    /// a block of its own: pixels are counted through `[blocks][rows][columns]`, a chunk is
    /// [`summation::CHUNK`] of them, in a chunk each lane is a chain of fused multiply-adds from +0
    /// over the pixels ascending, without those whose tap falls in the padding. For a 1×1 window on
    /// 1×1 images it is [`product_to_weights`](Backend::product_to_weights).
    fn convolution_to_weights(
        &self,
        dimensions: Convolution,
        gain: Option<&Self::Floats>,
        dy: &Self::Floats,
        x: &Self::Floats,
        dw: &mut Self::Floats,
    ) -> Result<()>;

    /// The statistics of each channel over samples and pixels, without the padding, and their running
    /// averages.
    ///
    /// The sums have the shape of [`convolution_to_weights`](Backend::convolution_to_weights)' sums:
    /// every pixel of every block of samples is a block of [`summation`]. With n = samples·pixels,
    /// rounded to f32, and K the mean over the first chunk (its sum, divided):
    /// d = x − K, D = Σ d, V = Σ d² (`fma(d, d, ·)`), m = fl(D/n), mean = K + m,
    /// S = max(V − fl(D·m), 0), r = 1/√(S/n + ε). Shifting by K, which lies among the data, keeps the
    /// cancellation in S harmless however far the mean is from 0.
    ///
    /// `statistics`, `[2][channels]`, takes mean and r. `running`, `[2][channels]`, holds averages of
    /// the mean and the unbiased variance S/(n − 1), and is updated in place:
    /// `a ← fma(momentum, new, fl((1 − momentum)·a))`. Fails for n = 1.
    fn batch_statistics(
        &self,
        dimensions: Normalisation,
        settings: BatchNorm,
        x: &Self::Floats,
        running: &mut Self::Floats,
        statistics: &mut Self::Floats,
    ) -> Result<()>;

    /// The statistics for inference: the running mean, and r = 1/√(running variance + ε).
    fn running_statistics(
        &self,
        epsilon: f32,
        running: &Self::Floats,
        statistics: &mut Self::Floats,
    ) -> Result<()>;

    /// `y = fma(x − mean, fl(γ·r), β)`, then the residual is added and ReLU taken (as in
    /// [`relu`](Backend::relu)), if given; +0 in the padding. Serves training, with the statistics of
    /// the batch, and inference, with the running ones.
    fn normalise(&self, operands: Normalise<'_, Self::Floats>, y: &mut Self::Floats) -> Result<()>;

    /// The gradient of [`normalise`](Backend::normalise) with the statistics of the batch, through
    /// them too.
    ///
    /// With dŷ = dy where y > 0, else +0 (dy itself without ReLU), sums as in
    /// [`batch_statistics`](Backend::batch_statistics):
    /// dβ = Σ dŷ, dγ = r·Σ dŷ·(x − mean) (`fma(dŷ, x − mean, ·)`), and
    /// `dx = fl(γ·r)·fma(mean − x, fl(fl(r·dγ)/n), dŷ − fl(dβ/n))`, +0 in the padding.
    ///
    /// In place: dx takes the place of dy. `residual` takes dŷ, the residual's gradient, if given.
    fn normalise_backward(
        &self,
        operands: NormaliseBackward<'_, Self::Floats>,
        dy: &mut Self::Floats,
        residual: Option<&mut Self::Floats>,
        dgamma: &mut Self::Floats,
        dbeta: &mut Self::Floats,
    ) -> Result<()>;

    /// Pooling: each window of the image gives one pixel, from those of its pixels that lie inside.
    ///
    /// [`Pool::Average`]: their sum (a chain of additions in row-major order, from the first), divided
    /// by their number. [`Pool::Max`]: the largest, the first in row-major order of equal ones; a NaN
    /// where there is one.
    fn pool(
        &self,
        pool: Pool,
        dimensions: Pooling,
        x: &Self::Floats,
        y: &mut Self::Floats,
    ) -> Result<()>;

    /// The gradient of [`pool`](Backend::pool): a chain of additions for each pixel of dx from +0,
    /// over the windows that hold it, in row-major order: of dy divided by the number of the window's
    /// pixels that lie inside for an average; for a maximum of dy where the pixel is the window's
    /// maximum, else of +0. The maximum of pixels with NaN among them is the last NaN. `x` is the
    /// input of the forward pass, not read for an average.
    fn pool_backward(
        &self,
        pool: Pool,
        dimensions: Pooling,
        x: &Self::Floats,
        dy: &Self::Floats,
        dx: &mut Self::Floats,
    ) -> Result<()>;

    /// `x ← max(x, 0)`, in place; NaN stays NaN and −0 becomes +0.
    fn relu(&self, x: &mut Self::Floats) -> Result<()>;

    /// `dy ← dy where y > 0, else +0`, in place; `y` is ReLU's output. The derivative at 0 is 0.
    fn relu_backward(&self, y: &Self::Floats, dy: &mut Self::Floats) -> Result<()>;

    /// `y ← fl(x·y)`, in place.
    fn multiply(&self, x: &Self::Floats, y: &mut Self::Floats) -> Result<()>;

    /// Softmax, cross-entropy, entropy and accuracy in one pass over the logits.
    ///
    /// With z = logits − max, S = Σ_c exp(z_c) (a chain of additions, c ascending) and L = ln S:
    /// loss = L − z_label, H = L − (Σ_c exp(z_c)·z_c)/S (one chain of fused multiply-adds).
    /// `logits` is `[blocks][classes][16]`, `labels` holds a class for each sample, `totals` takes
    /// the [`sums`] over the samples. If `gradient` is given it takes d(mean loss)/d logits =
    /// `(exp(z_c)/S − [c = label])·fl(1/m)`, and zeros in the padding.
    fn softmax_cross_entropy(
        &self,
        samples: usize,
        classes: usize,
        logits: &Self::Floats,
        labels: &Self::Bytes,
        gradient: Option<&mut Self::Floats>,
        totals: &mut Self::Floats,
    ) -> Result<()>;

    /// `drive[0] = fl(totals[ENTROPY]/fl(m))`, of the [`sums`] of m samples: the mean entropy H.
    fn mean_entropy(
        &self,
        samples: usize,
        totals: &Self::Floats,
        drive: &mut Self::Floats,
    ) -> Result<()>;

    /// `g[i] ← fma(γ, g[i], fma(η, H[i], baseline))`, in place, where `baseline` is fl((1 − γ)·g0);
    /// `drive` holds H for each neuron, or one H for all.
    fn gain_update(
        &self,
        gamma: f32,
        baseline: f32,
        eta: f32,
        drive: &Self::Floats,
        g: &mut Self::Floats,
    ) -> Result<()>;

    /// `w ← fma(−α, dw, w)`, in place.
    fn sgd(&self, learning_rate: f32, dw: &Self::Floats, w: &mut Self::Floats) -> Result<()>;

    /// `v ← fma(μ, v, dw)`, then `w ← fma(−α, v, w)`, in place.
    fn momentum(
        &self,
        learning_rate: f32,
        momentum: f32,
        dw: &Self::Floats,
        v: &mut Self::Floats,
        w: &mut Self::Floats,
    ) -> Result<()>;

    /// Adam's recurrence, in place; see [`AdamStep`].
    fn adam(
        &self,
        step: AdamStep,
        dw: &Self::Floats,
        m: &mut Self::Floats,
        v: &mut Self::Floats,
        w: &mut Self::Floats,
    ) -> Result<()>;

    /// Rows of a byte matrix as a block-layout batch: `out[s][f] = table[f mod channels][byte]`,
    /// where row `indices[s]` of `pixels`, `[rows][features]`, gives the bytes. `table` is
    /// `[channels][256]`. Padding lanes become zero.
    ///
    /// Without `maps` the byte is number f of the row. With them a row is an image of features/pixels
    /// channels, and the byte is channel c of its pixel `sources[of[s]][p]` for f = p·channels + c, 0 if the
    /// image has no such pixel.
    fn gather(
        &self,
        pixels: &Self::Bytes,
        table: &Self::Floats,
        indices: &[u32],
        maps: Option<PixelMaps<'_, Self::Bytes>>,
        features: usize,
        out: &mut Self::Floats,
    ) -> Result<()>;

    /// [`gather`](Backend::gather) of images, each shifted and mirrored:
    /// `out[s][y][x][c] = table[c mod tables][byte]`, where the byte is channel c of pixel (y + down, x' + right)
    /// of image `indices[s]`, 0 outside of it, with x' = x or, mirrored, width − 1 − x.
    ///
    /// `pixels` is `[images][height][width][channels]`, `shape` is height, width and channels, `table`
    /// holds one table of 256 for each channel or one for all, and `placements` one for each sample. With
    /// `maps` the image that is shifted and mirrored is the mapped one.
    fn gather_images(
        &self,
        pixels: &Self::Bytes,
        shape: [usize; 3],
        table: &Self::Floats,
        indices: &[u32],
        maps: Option<PixelMaps<'_, Self::Bytes>>,
        placements: &[Placement],
        out: &mut Self::Floats,
    ) -> Result<()>;

    /// `sum[0] = Σ|x|` over all numbers, in the shape of [`summation`].
    fn absolute_sum(&self, x: &Self::Floats, sum: &mut Self::Floats) -> Result<()>;
}
