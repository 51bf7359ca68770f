//! Winograd's algorithm: its error bound, which convolutions it serves, and what ∞ and NaN give.

use neurogain::backend::winograd::{CHUNK, serves};
use neurogain::backend::{Conv2dDims, Window};
use proptest::prelude::*;

use super::reference::{Case, Data, check, grid, kernels};
use crate::cases_at_most;
use crate::images::backends;

/// The matrices of one axis: Bᵀ, G and Aᵀ.
#[derive(Clone, Copy)]
struct Matrices {
    source: [[f64; 4]; 4],
    kernel: [[f64; 3]; 4],
    result: [[f64; 4]; 2],
}

const MATRICES: Matrices = Matrices {
    source: [
        [1.0, 0.0, -1.0, 0.0],
        [0.0, 1.0, 1.0, 0.0],
        [0.0, -1.0, 1.0, 0.0],
        [0.0, -1.0, 0.0, 1.0],
    ],
    kernel: [
        [1.0, 0.0, 0.0],
        [0.5, 0.5, 0.5],
        [0.5, -0.5, 0.5],
        [0.0, 0.0, 1.0],
    ],
    result: [[1.0, 1.0, 1.0, 0.0], [0.0, 1.0, -1.0, 1.0]],
};

impl Matrices {
    fn absolute(self) -> Self {
        Matrices {
            source: self.source.map(|row| row.map(f64::abs)),
            kernel: self.kernel.map(|row| row.map(f64::abs)),
            result: self.result.map(|row| row.map(f64::abs)),
        }
    }
}

/// m·t·mᵀ.
fn both<const OUT: usize, const IN: usize>(
    m: [[f64; IN]; OUT],
    t: [[f64; IN]; IN],
) -> [[f64; OUT]; OUT] {
    let mut all = [[0.0; OUT]; OUT];
    for (i, j, k) in grid(OUT, OUT, IN * IN) {
        all[i][j] += m[i][k / IN] * t[k / IN][k % IN] * m[j][k % IN];
    }
    all
}

fn transposed<const OUT: usize, const IN: usize>(m: [[f64; IN]; OUT]) -> [[f64; OUT]; IN] {
    let mut all = [[0.0; OUT]; IN];
    for (i, j, _) in grid(IN, OUT, 1) {
        all[i][j] = m[j][i];
    }
    all
}

/// Images `[blocks][height][width][channels][16]`, zeros around them.
struct Images<'a> {
    numbers: &'a [f64],
    height: usize,
    width: usize,
    channels: usize,
}

impl Images<'_> {
    /// N×N pixels from (row, column) on.
    fn tile<const N: usize>(
        &self,
        block: usize,
        [row, column]: [isize; 2],
        channel: usize,
        lane: usize,
    ) -> [[f64; N]; N] {
        let mut tile = [[0.0; N]; N];
        for (down, right, _) in grid(N, N, 1) {
            let (row, column) = (row + down as isize, column + right as isize);
            if let Some(at) = self.at(block, row, column, channel) {
                tile[down][right] = self.numbers[at * 16 + lane];
            }
        }
        tile
    }

    fn at(&self, block: usize, row: isize, column: isize, channel: usize) -> Option<usize> {
        let (height, width) = (self.height as isize, self.width as isize);
        let inside = (0..height).contains(&row) && (0..width).contains(&column);
        if !inside {
            return None;
        }
        let pixel = (block as isize * height + row) * width + column;
        Some(pixel as usize * self.channels + channel)
    }
}

/// y by the matrices; `w(o, c)` is a window.
fn results(
    m: Matrices,
    blocks: usize,
    x: &Images,
    outputs: usize,
    w: impl Fn(usize, usize) -> [[f64; 3]; 3],
) -> Vec<f64> {
    let mut y = vec![0.0; x.numbers.len() / x.channels * outputs];
    let place = Images {
        numbers: &[],
        channels: outputs,
        ..*x
    };
    let windows: Vec<_> = grid(outputs, x.channels, 1)
        .map(|(o, c, _)| both(m.kernel, w(o, c)))
        .collect();
    for (block, row, column) in grid(blocks, x.height.div_ceil(2), x.width.div_ceil(2)) {
        let corner = [2 * row as isize, 2 * column as isize];
        let sources: Vec<_> = grid(16, x.channels, 1)
            .map(|(lane, c, _)| both(m.source, x.tile(block, corner.map(|at| at - 1), c, lane)))
            .collect();
        for (o, lane, _) in grid(outputs, 16, 1) {
            let mut products = [[0.0; 4]; 4];
            let windows = &windows[o * x.channels..][..x.channels];
            for (v, u) in windows.iter().zip(&sources[lane * x.channels..]) {
                for (i, j, _) in grid(4, 4, 1) {
                    products[i][j] += u[i][j] * v[i][j];
                }
            }
            let tile = both(m.result, products);
            for (down, right, _) in grid(2, 2, 1) {
                let (row, column) = (corner[0] + down as isize, corner[1] + right as isize);
                if let Some(at) = place.at(block, row, column, o) {
                    y[at * 16 + lane] = tile[down][right];
                }
            }
        }
    }
    y
}

/// dw by the matrices, without the gain.
fn gradients(m: Matrices, blocks: usize, dy: &Images, x: &Images) -> Vec<f64> {
    let mut dw = vec![0.0; dy.channels * 9 * x.channels];
    let tiles = || {
        let tiles = grid(blocks, x.height.div_ceil(2), x.width.div_ceil(2));
        tiles.flat_map(|(block, row, column)| {
            let corner = [2 * row as isize, 2 * column as isize];
            (0..16).map(move |lane| (block, corner, lane))
        })
    };
    // For each channel, the tiles of every sample.
    let of_dy = |o: usize| {
        let dy = tiles().map(|(block, corner, lane)| dy.tile(block, corner, o, lane));
        dy.map(|tile| both(transposed(m.result), tile)).collect()
    };
    let of_x = |c: usize| {
        let x = tiles().map(|(b, corner, lane)| x.tile(b, corner.map(|at| at - 1), c, lane));
        x.map(|tile| both(m.source, tile)).collect()
    };
    let all_dy: Vec<Vec<[[f64; 4]; 4]>> = (0..dy.channels).map(of_dy).collect();
    let all_x: Vec<Vec<[[f64; 4]; 4]>> = (0..x.channels).map(of_x).collect();
    for (o, c, _) in grid(dy.channels, x.channels, 1) {
        let mut products = [[0.0; 4]; 4];
        for (v, u) in all_dy[o].iter().zip(&all_x[c]) {
            for (i, j, _) in grid(4, 4, 1) {
                products[i][j] += v[i][j] * u[i][j];
            }
        }
        let taps = both(transposed(m.kernel), products);
        for (row, column, _) in grid(3, 3, 1) {
            dw[(o * 9 + row * 3 + column) * x.channels + c] = taps[row][column];
        }
    }
    dw
}

/// y, dx and dw by these matrices, of these numbers, which `sign` changes.
fn by_matrices(m: Matrices, case: &Case, data: &Data, sign: fn(f64) -> f64) -> [Vec<f64>; 3] {
    let Conv2dDims {
        blocks,
        height,
        width,
        inputs,
        outputs,
        ..
    } = case.dimensions;
    let gain = |o: usize| data.gain.as_ref().map_or(1.0, |g| g[o]);
    let w = |o: usize, c: usize, turned: bool| {
        let mut taps = [[0.0; 3]; 3];
        for (row, column, _) in grid(3, 3, 1) {
            let tap = row * 3 + column;
            let tap = if turned { 8 - tap } else { tap };
            taps[row][column] = sign(f64::from(gain(o) * data.w[(o * 9 + tap) * inputs + c]));
        }
        taps
    };
    let numbers = |from: &[f32]| from.iter().map(|&n| sign(f64::from(n))).collect::<Vec<_>>();
    let (x, dy) = (numbers(&data.x), numbers(&data.dy));
    let images = |numbers, channels| Images {
        numbers,
        height,
        width,
        channels,
    };
    let (x, dy) = (images(&x, inputs), images(&dy, outputs));
    let mut dw = gradients(m, blocks, &dy, &x);
    for (i, dw) in dw.iter_mut().enumerate() {
        *dw *= sign(f64::from(gain(i / (9 * inputs))));
    }
    [
        results(m, blocks, &x, outputs, |o, c| w(o, c, false)),
        results(m, blocks, &dy, inputs, |c, o| w(o, c, true)),
        dw,
    ]
}

/// Σ|p| of the bounds of y, dx and dw.
pub fn absolute(case: &Case, data: &Data) -> [Vec<f64>; 3] {
    by_matrices(MATRICES.absolute(), case, data, f64::abs)
}

/// Roundings of a product on its way to dw: of dy and x, a chunk's tiles, its lanes, the chunks, Gᵀ and the gain.
pub fn path(case: &Case) -> usize {
    let d = case.dimensions;
    let tiles = d.blocks * d.height.div_ceil(2) * d.width.div_ceil(2);
    4 + tiles.min(CHUNK) + 4 + tiles.div_ceil(CHUNK) + 4 + 1
}

fn case([samples, height, width, inputs, outputs]: [usize; 5], gain: bool, seed: u64) -> Case {
    let dimensions = Conv2dDims {
        blocks: samples.div_ceil(16),
        height,
        width,
        inputs,
        outputs,
        window: Window {
            size: 3,
            stride: 1,
            padding: 1,
        },
    };
    Case {
        samples,
        dimensions,
        gain,
        seed,
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let samples = prop::sample::select(vec![1usize, 16, 17, 33, 49]);
    let sides = || prop::sample::select(vec![4usize, 6, 7, 8, 9, 10, 13]);
    let channels = || prop::sample::select(vec![8usize, 9, 10, 12, 15, 20, 24]);
    let sizes = (samples, sides(), sides(), channels(), channels());
    (sizes, any::<bool>(), any::<u64>())
        .prop_map(|((a, b, c, d, e), gain, seed)| case([a, b, c, d, e], gain, seed))
        .prop_filter("Winograd's algorithm serves it", |case| {
            serves(&case.dimensions)
        })
}

proptest! {
    #![proptest_config(cases_at_most(24))]
    #[test]
    fn every_result_is_within_its_bound_and_has_the_same_bits_everywhere(case in cases()) {
        check(&case);
    }
}

/// Errors reach a twentieth of the bounds of y and dx, and a hundredth of that of dw, whose path is longest.
#[test]
fn the_bound_is_nearly_reached() {
    let mut reached = [0.0f64; 3];
    for seed in 0..4 {
        let found = check(&case([16, 6, 6, 8, 8], true, seed));
        for (reached, found) in reached.iter_mut().zip(found) {
            *reached = reached.max(found);
        }
    }
    let [y, dx, dw] = reached;
    assert!(y > 0.05 && dx > 0.05 && dw > 0.01, "{reached:?}");
}

/// The matrices give the convolution: a bound of another algorithm would say nothing.
#[test]
fn the_matrices_are_those_of_the_convolution() {
    let case = case([3, 6, 7, 8, 9], true, 5);
    let data = case.data();
    let [y, dx, dw] = by_matrices(MATRICES, &case, &data, |n| n);
    let mut direct = [vec![0.0; y.len()], vec![0.0; dx.len()], vec![0.0; dw.len()]];
    let gain = data.gain.as_ref().expect("a gain");
    case.products(|o, w, x, pixel| {
        for lane in 0..16 {
            let effective = f64::from(gain[o] * data.w[w]);
            let (x, pixel) = (x * 16 + lane, pixel * 16 + lane);
            let (source, dy) = (f64::from(data.x[x]), f64::from(data.dy[pixel]));
            direct[0][pixel] += effective * source;
            direct[1][x] += effective * dy;
            direct[2][w] += f64::from(gain[o]) * dy * source;
        }
    });
    for (found, expected) in [y, dx, dw].iter().zip(&direct) {
        for (found, expected) in found.iter().zip(expected) {
            let error = (found - expected).abs();
            assert!(
                error <= 1e-12 * (1.0 + expected.abs()),
                "{found} for {expected}"
            );
        }
    }
}

#[test]
fn it_serves_large_enough_images_and_channels() {
    let of = |size: usize, stride, padding, side, inputs, outputs| {
        let mut dimensions = case([1, side, side, inputs, outputs], false, 0).dimensions;
        dimensions.window = Window {
            size,
            stride,
            padding,
        };
        serves(&dimensions)
    };
    for side in [4, 6, 7, 8, 16, 32, 224] {
        assert!(of(3, 1, 1, side, 8, 8), "{side} pixels");
    }
    // The direct way has at most 5/4 of the multiplications.
    for side in [1, 2, 3, 5] {
        assert!(!of(3, 1, 1, side, 20, 20), "{side} pixels");
    }
    for (size, stride, padding, inputs, outputs) in [
        (3, 2, 1, 20, 20),
        (3, 1, 0, 20, 20),
        (5, 1, 1, 20, 20),
        (1, 1, 1, 20, 20),
        (3, 1, 1, 3, 20),
        (3, 1, 1, 20, 7),
    ] {
        assert!(!of(size, stride, padding, 8, inputs, outputs));
    }
}

/// A pixel that is NaN reaches the results whose windows contain it, of its sample, and no other.
#[test]
fn not_a_number_stays_where_it_belongs() {
    let case = case([19, 6, 8, 9, 10], false, 3);
    for (row, column) in [(0, 0), (2, 3), (3, 2), (5, 7)] {
        let mut data = case.data();
        data.x[((row * 8 + column) * 9 + 4) * 16 + 2] = f32::NAN;
        for cpu in backends() {
            let [y, ..] = kernels(&cpu, &case, &data);
            for (i, y) in y.as_slice().iter().enumerate() {
                let (pixel, sample) = (i / 160, i % 16);
                let (other_row, other_column) = (pixel / 8 % 6, pixel % 8);
                let near = row.abs_diff(other_row) <= 1 && column.abs_diff(other_column) <= 1;
                let expected = near && pixel < 48 && sample == 2;
                assert_eq!(y.is_nan(), expected, "y[{i}] = {y}");
            }
        }
    }
}

/// Padding is zeros, not skipped: an infinite weight is multiplied by them.
#[test]
fn padding_is_multiplied() {
    let case = case([2, 4, 4, 8, 8], false, 3);
    let mut data = case.data();
    data.w[0] = f32::INFINITY; // output 0, tap row 0, tap column 0
    for cpu in backends() {
        let [y, ..] = kernels(&cpu, &case, &data);
        for (i, y) in y.as_slice().iter().enumerate() {
            assert_eq!(y.is_finite(), i / 16 % 8 != 0, "y[{i}] = {y}");
        }
    }
}
