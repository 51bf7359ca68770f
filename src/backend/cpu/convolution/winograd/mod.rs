//! Winograd's algorithm on blocks of samples, as [`winograd`](crate::backend::winograd) specifies it.
//!
//! [`multiply`] is the forward pass and the gradient to the input, [`to_weights`] the gradient to the weights. A tile's
//! transformed sources, its products and its results stay in cache from one step to the next.

mod multiply;
mod pack;
mod tiles;
mod to_weights;

use super::super::scratch;
use super::super::simd::Block;
use super::super::{Cpu, Floats};
use super::axis::Direction;
use crate::backend::winograd::{PRODUCTS, SIDE};
use crate::backend::{Conv2dDims, Update};
use crate::shape::LANES;
use multiply::Multiply;
use pack::{Pack, Transform};
use tiles::Tiles;
use to_weights::{Finish, Layout, Sums};

/// The forward pass, or the gradient to the input of dy as `x`.
pub fn convolve(
    cpu: &Cpu,
    (direction, update): (Direction, Update),
    dimensions: &Conv2dDims,
    gain: Option<&Floats>,
    w: &Floats,
    x: &Floats,
    y: &mut Floats,
) {
    let pack = Pack::new(cpu.set, direction, dimensions);
    let transformed = dimensions.outputs * PRODUCTS * dimensions.inputs.next_multiple_of(LANES);
    let length = pack.length();
    scratch::with(transformed / LANES + length.div_ceil(LANES), |memory| {
        let (transformed, panels) = memory.split_at_mut(transformed / LANES);
        let panels = &mut panels.as_flattened_mut()[..length];
        cpu.set.run(Transform {
            gain: gain.map(Floats::as_slice),
            w: w.as_slice(),
            inputs: dimensions.inputs,
            transformed,
        });
        pack.panels(transformed.as_flattened(), panels);
        let [terms, results] = pack.channels();
        cpu.threads.run(Multiply {
            set: cpu.set,
            tiles: Tiles::new(dimensions),
            width: pack.width,
            terms,
            results,
            update,
            panels,
            x: x.as_blocks(),
            y: y.as_mut_blocks(),
        });
    });
}

/// The gradient to the weights.
pub fn to_weights(
    cpu: &Cpu,
    dimensions: &Conv2dDims,
    gain: Option<&Floats>,
    dy: &Floats,
    x: &Floats,
    dw: &mut Floats,
) {
    let layout = Layout::new(dimensions);
    scratch::with(layout.totals(), |totals: &mut [Block]| {
        cpu.threads.run(Sums {
            set: cpu.set,
            tiles: Tiles::new(dimensions),
            layout,
            dy: dy.as_blocks(),
            x: x.as_blocks(),
            products: 0..SIDE,
            panels: 0..layout.rows(),
            totals,
        });
        cpu.set.run(Finish {
            layout,
            gain: gain.map(Floats::as_slice),
            totals,
            dw: dw.as_mut_slice(),
        });
    });
}
