//! Element-wise operations.

use alloc::format;
use core::ops::Range;

use super::check::lengths;
use super::memory::Memory;
use crate::error::{Error, Result};
use crate::shape::LANES;

/// Element-wise operations.
pub trait Elementwise: Memory {
    /// `x ← f(x)`, in place.
    fn unary(&self, f: Unary, x: &mut Self::Floats) -> Result<()>;

    /// `y ← f(x, y)`, in place.
    fn binary(&self, f: Binary, x: &Self::Floats, y: &mut Self::Floats) -> Result<()>;

    /// Copies a range of blocks of 16 numbers from x to y, where they begin at block `at`. Fails if the range is not within
    /// x or y.
    fn copy_blocks(
        &self,
        x: &Self::Floats,
        range: Range<usize>,
        y: &mut Self::Floats,
        at: usize,
    ) -> Result<()>;

    /// `g[i] ← fma(γ, g[i], fma(η, H[i], baseline))`, in place, where `baseline` is fl((1 − γ)·g0);
    /// `drive` holds one H per neuron, or a single H for all.
    fn gain_update(
        &self,
        gamma: f32,
        baseline: f32,
        eta: f32,
        drive: &Self::Floats,
        g: &mut Self::Floats,
    ) -> Result<()>;
}

/// An operation on one operand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unary {
    /// `max(x, 0)`; NaN stays NaN and −0 becomes +0.
    Relu,
    /// [`math::gelu`](super::cpu::math::gelu).
    Gelu,
    /// `fl(2·tanh(fl(x/2)))` with [`math::tanh`](super::cpu::math::tanh): the identity near 0, bounded by ±2.
    BoundedTanh,
    /// `fl(a·x)`.
    Scale(f32),
}

/// An operation on two operands; the result overwrites the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Binary {
    /// `y` where x > 0, else +0: the gradient of [`Unary::Relu`], with x its output and y = dy. The
    /// derivative at 0 is 0.
    ReluBackward,
    /// `fl(y·gelu′(x))` with [`math::gelu_slope`](super::cpu::math::gelu_slope): the gradient of
    /// [`Unary::Gelu`], with x its input and y = dy.
    GeluBackward,
    /// `fl(y·fma(−h, h, 1))` with h = fl(x/2): the gradient of [`Unary::BoundedTanh`], with x its output and y = dy.
    BoundedTanhBackward,
    /// `fl(x·y)`.
    Multiply,
    /// `fma(a, x, fl(b·y))`: for a = b = 1 the sum of two buffers, rounded once. y is read even for b = 0, so
    /// a NaN in y stays NaN.
    Axpby {
        /// The factor of x.
        a: f32,
        /// The factor of y.
        b: f32,
    },
    /// `x`; y is not read.
    Copy,
}

impl Binary {
    /// The operation's name in an error.
    pub(super) fn name(self) -> &'static str {
        match self {
            Binary::ReluBackward => "relu backward",
            Binary::GeluBackward => "gelu backward",
            Binary::BoundedTanhBackward => "bounded tanh backward",
            Binary::Multiply => "multiply",
            Binary::Axpby { .. } => "axpby",
            Binary::Copy => "copy",
        }
    }
}

/// Checks the operands of a gain update: one drive for all gains, or one per gain.
pub(super) fn check_gain_update<B: Memory>(
    backend: &B,
    drive: &B::Floats,
    g: &B::Floats,
) -> Result<()> {
    match backend.length(drive) {
        1 => Ok(()),
        drives => lengths("gain update", &[("drive", drives, backend.length(g))]),
    }
}

/// Checks a copy of blocks: whole blocks of x and of y.
pub(super) fn check_copy_blocks<B: Memory>(
    backend: &B,
    x: &B::Floats,
    range: &Range<usize>,
    y: &B::Floats,
    at: usize,
) -> Result<()> {
    let blocks = |floats| backend.length(floats) / LANES;
    let end = range.len().checked_add(at);
    let inside = range.start <= range.end && range.end <= blocks(x);
    if inside && end.is_some_and(|end| end <= blocks(y)) {
        return Ok(());
    }
    let expected = format!(
        "blocks within the {} of x and the {} of y",
        blocks(x),
        blocks(y)
    );
    Err(Error::shape(
        "copy blocks",
        expected,
        format!("{range:?} to {at}"),
    ))
}
