//! Operations on each number of a buffer alone.

use super::check::lengths;
use super::memory::Memory;
use crate::error::Result;

/// Operations on each number of a buffer alone.
pub trait Elementwise: Memory {
    /// `x ← max(x, 0)`, in place; NaN stays NaN and −0 becomes +0.
    fn relu(&self, x: &mut Self::Floats) -> Result<()>;

    /// `dy ← dy where y > 0, else +0`, in place; `y` is ReLU's output. The derivative at 0 is 0.
    fn relu_backward(&self, y: &Self::Floats, dy: &mut Self::Floats) -> Result<()>;

    /// `y ← fl(x·y)`, in place.
    fn multiply(&self, x: &Self::Floats, y: &mut Self::Floats) -> Result<()>;

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
}

/// The operands of an update of gains: one drive for all of them, or one for each.
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
