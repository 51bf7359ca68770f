//! Winograd's algorithm for 3×3 windows: when it is used, its operations, and its error.
//!
//! # When
//! [`serves`]: windows of 3×3 with stride 1 and padding 1, by the dimensions alone, in all three directions.
//!
//! # What it computes
//! An image is cut into tiles of 2×2 output pixels; a tile reads 4×4 source pixels, and pixels outside of the image are
//! zeros. With Bᵀ ([`source`]), G ([`kernel`]) and Aᵀ ([`result`]) along both axes, first down the columns, then
//! along the rows:
//!
//! - The forward pass, F(2×2, 3×3): `y = Aᵀ·[Σ_c (G·w·Gᵀ) ⊙ (Bᵀ·x·B)]·A`, with w the effective weights fl(g·w). Each of
//!   the 16 elements of the bracket is one chain of fused multiply-adds from +0 over the channels c, ascending.
//! - The gradient to the input: the same of dy, with the window turned by 180° (taps 2, 1, 0 along each axis). With
//!   [`Update::Add`](super::Update::Add), the result is added to dx in one more addition.
//! - The gradient to the weights, F(3×3, 2×2): `dw = g·Gᵀ·[Σ (A·dy·Aᵀ) ⊙ (Bᵀ·x·B)]·G` ([`result_gradient_element`],
//!   [`kernel_gradient`]). Each of the 16 elements of the bracket is summed over the tiles, numbered through
//!   `[blocks][tile rows][tile columns]`, in chunks of [`CHUNK`] tiles: each of the 16 lanes of
//!   a chunk is a chain of fused multiply-adds from +0; the lanes of a chunk are added in the tree of
//!   [`lanes`](super::summation::lanes); the chunks are added in ascending order, starting from the first's.
//!
//! These are 16 multiplications where the direct way has 36.
//!
//! # Error
//! If all brackets are multiplied out, a result is a sum of products p: of one weight, one source and a constant ±1, ±½ or ±¼.
//! On its way to the result, each product passes at most n roundings, each a factor 1 + δ with |δ| ≤ u = 2⁻²⁴. Hence
//!
//! > |found − exact| ≤ γ_n·Σ|p|,   γ_n = n·u/(1 − n·u),
//!
//! where Σ|p| is the same expression with the absolute values of w, x and of the elements of A, B and G. Multiplications by
//! ½ are exact. The roundings are, forward: 4 of the weights (two sums along each axis), 2 of the sources, one a channel, 4
//! of the result: n = c + 10, and one more with `Update::Add`. To the weights: 2 + 2 of dy and x, one a tile of a chunk, 4 of the tree
//! of lanes, one a chunk, 4 of Gᵀ and 1 of the gain. All this holds if nothing under- or overflows.
//!
//! # ∞ and NaN
//! A source that is NaN makes NaN the results whose windows contain it, as in the direct way; one that is infinite makes them
//! infinite or NaN. Padding is zeros here, so a weight that is not finite makes all results of its output so, also where
//! the direct way would skip it. In the gradient to the weights, an element of dy or x that is not finite may make all nine taps
//! of its channel so.

use super::convolutions::Conv2dDims;
use super::cpu::simd::Arithmetic;
use super::window::Window;

/// Side of a tile of results.
pub const TILE: usize = 2;

/// Side of the sources of a tile, and of its products.
pub const SIDE: usize = 4;

/// Products of a tile and a pair of channels.
pub const PRODUCTS: usize = SIDE * SIDE;

/// Tiles in a chunk of the gradient to the weights.
pub const CHUNK: usize = 16;

/// Fewest channels, of both sides, for which the transforms pay.
const CHANNELS: usize = 8;

/// Whether Winograd's algorithm computes a convolution: a window of 3×3, stride 1, padding 1; at least 8 channels on
/// either side; and at most four fifths of the direct way's multiplications (which skips taps in the padding).
pub fn serves(dimensions: &Conv2dDims) -> bool {
    let window = Window {
        size: 3,
        stride: 1,
        padding: 1,
    };
    let Conv2dDims {
        height,
        width,
        inputs,
        outputs,
        ..
    } = *dimensions;
    // (Multiplications of a row) / (of one product) of both ways.
    let direct = |pixels: usize| pixels.saturating_mul(3).saturating_sub(2);
    let here = |pixels: usize| pixels.div_ceil(TILE).saturating_mul(SIDE);
    dimensions.window == window
        && inputs.min(outputs) >= CHANNELS
        && here(height).saturating_mul(here(width)) / 4 * 5
            <= direct(height).saturating_mul(direct(width))
}

/// Bᵀ·d: `[d0 − d2, d1 + d2, d2 − d1, d3 − d1]`.
#[inline(always)]
pub fn source<A: Arithmetic>(a: A, d: [A::Vector; 4]) -> [A::Vector; 4] {
    [
        a.sub(d[0], d[2]),
        a.add(d[1], d[2]),
        a.sub(d[2], d[1]),
        a.sub(d[3], d[1]),
    ]
}

/// G·w: `[w0, ((w0 + w2) + w1)/2, ((w0 + w2) − w1)/2, w2]`.
#[inline(always)]
pub fn kernel<A: Arithmetic>(a: A, w: [A::Vector; 3]) -> [A::Vector; 4] {
    let (half, outer) = (a.splat(0.5), a.add(w[0], w[2]));
    [
        w[0],
        a.mul(a.add(outer, w[1]), half),
        a.mul(a.sub(outer, w[1]), half),
        w[2],
    ]
}

/// Aᵀ·m: `[(m0 + m1) + m2, (m1 − m2) + m3]`.
#[inline(always)]
pub fn result<A: Arithmetic>(a: A, m: [A::Vector; 4]) -> [A::Vector; 2] {
    [
        a.add(a.add(m[0], m[1]), m[2]),
        a.add(a.sub(m[1], m[2]), m[3]),
    ]
}

/// Gᵀ·m: `[m0 + s, (m1 − m2)/2, s + m3]` with `s = (m1 + m2)/2`.
#[inline(always)]
pub fn kernel_gradient<A: Arithmetic>(a: A, m: [A::Vector; 4]) -> [A::Vector; 3] {
    let half = a.splat(0.5);
    let sum = a.mul(a.add(m[1], m[2]), half);
    [
        a.add(m[0], sum),
        a.mul(a.sub(m[1], m[2]), half),
        a.add(sum, m[3]),
    ]
}

/// Defines the transform of a tile by that of an axis: down each column, then along each row.
macro_rules! both_axes {
    ($($(#[$doc:meta])* $name:ident = $along:ident, [$from:literal to $to:literal];)+) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name<A: Arithmetic>(
            a: A,
            tile: [[A::Vector; $from]; $from],
        ) -> [[A::Vector; $to]; $to] {
            let mut down = [[tile[0][0]; $to]; $from];
            for column in 0..$from {
                let mut line = [tile[0][0]; $from];
                for row in 0..$from {
                    line[row] = tile[row][column];
                }
                down[column] = $along(a, line);
            }
            let mut all = [[tile[0][0]; $to]; $to];
            for row in 0..$to {
                let mut line = [tile[0][0]; $from];
                for column in 0..$from {
                    line[column] = down[column][row];
                }
                all[row] = $along(a, line);
            }
            all
        }
    )+};
}

both_axes! {
    /// Bᵀ·d·B.
    sources = source, [4 to 4];
    /// G·w·Gᵀ.
    kernels = kernel, [3 to 4];
    /// Aᵀ·m·A.
    results = result, [4 to 2];
    /// Gᵀ·m·G.
    kernel_gradients = kernel_gradient, [4 to 3];
}

/// One element of Bᵀ·d alone, of its two elements of d: those of [`SOURCE_PAIRS`].
#[inline(always)]
pub fn source_element<A: Arithmetic, const ELEMENT: usize>(a: A, d: [A::Vector; 2]) -> A::Vector {
    if ELEMENT == 1 {
        a.add(d[0], d[1])
    } else {
        a.sub(d[0], d[1])
    }
}

/// The two elements of d in each element of Bᵀ·d.
pub const SOURCE_PAIRS: [[usize; 2]; SIDE] = [[0, 2], [1, 2], [2, 1], [3, 1]];

/// A·d: `[d0, d0 + d1, d0 − d1, d1]`.
#[inline(always)]
pub fn result_gradient<A: Arithmetic>(a: A, d: [A::Vector; 2]) -> [A::Vector; 4] {
    [d[0], a.add(d[0], d[1]), a.sub(d[0], d[1]), d[1]]
}

/// One element of A·d alone.
#[inline(always)]
pub fn result_gradient_element<A: Arithmetic, const ELEMENT: usize>(
    a: A,
    d: [A::Vector; 2],
) -> A::Vector {
    match ELEMENT {
        0 => d[0],
        1 => a.add(d[0], d[1]),
        2 => a.sub(d[0], d[1]),
        _ => d[1],
    }
}
