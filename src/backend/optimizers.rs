//! Optimizer steps.

use super::memory::Memory;
use crate::error::Result;

/// Optimizer steps: parameters and optimizer state are updated in place.
pub trait Optimizers: Memory {
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
}

/// The constants of one Adam step (Kingma & Ba 2015, algorithm 1) with the bias corrections folded in:
/// `m ← fma(β1, m, (1−β1)·dw)`, `v ← fma(β2, v, ((1−β2)·dw)·dw)`,
/// `w ← w − (α̂·m)/fma(√v, c, ε)`, where α̂ = α/(1 − β1ᵗ) and c = 1/√(1 − β2ᵗ).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// β1.
    pub beta1: f32,
    /// β2.
    pub beta2: f32,
    /// ε.
    pub epsilon: f32,
    /// α̂ = α/(1 − β1ᵗ).
    pub rate: f32,
    /// c = 1/√(1 − β2ᵗ).
    pub correction: f32,
}
