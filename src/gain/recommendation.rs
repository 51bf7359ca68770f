//! A burst scale for a new task, without a grid search.

use crate::error::{Error, Result};

/// The target of [`recommended_eta`]: the effective learning rate α·g² at one nat of entropy, as in the published
/// setting α = 0.01, γ = 0.9, g0 = 1, η = 0.4 (arXiv 2507.14056), 0.01·(1 + 4)².
pub const RATE_AT_ONE_NAT: f64 = 0.25;

/// The burst scale η for a learning rate α > 0, a decay γ in [0, 1) and a tonic baseline g0 > 0:
/// η = (1 − γ)·(√(ρ/α) − g0) with ρ = [`RATE_AT_ONE_NAT`], and 0 where that is negative: the rate is then above ρ
/// without a burst.
///
/// Derivation: entropy changes over tens of iterations, the gain over 1/(1 − γ) iterations. The gain therefore stays
/// near its fixed point g* = g0 + κ·H, with κ = η/(1 − γ) gain per nat, and W_eff learns at the rate α·(g0 + κ·H)². γ
/// and η act through κ alone, to a good approximation (`neurogain figure sensitivity`). It remains to choose the rate
/// at a given uncertainty: ρ fixes it at one nat, α·(g0 + κ)² = ρ, which gives κ.
///
/// There is no best η: a larger η raises the accuracy at the end of a context and deepens the gap. The rule keeps the
/// trade-off of the published setting when α, γ or g0 change. On Split-MNIST with 100 iterations per context (seeds 1
/// and 2, 300 test images per task) it gave 91.4, 91.1, 90.8 % over all tasks at the end for α = 0.003, 0.01, 0.03
/// with γ = 0.9, and 90.9, 90.8 % for γ = 0.8, 0.95 with α = 0.01, with gaps from 0.025 to 0.042. A quarter of its η
/// lost 3 points for α = 0.003 and 0.03; four times its η diverged. `tests/suite/recommendation.rs` tests it on
/// Split-Digits, which was not used to derive it.
///
/// # Errors
/// [`Error::Setting`] for a value outside its range.
pub fn recommended_eta(learning_rate: f64, gamma: f64, g0: f64) -> Result<f64> {
    if !(learning_rate > 0.0 && learning_rate.is_finite()) {
        let expected = "a finite number above 0";
        return Err(Error::setting("learning_rate", learning_rate, expected));
    }
    if !(0.0..1.0).contains(&gamma) {
        return Err(Error::setting("gain.gamma", gamma, "a decay in [0, 1)"));
    }
    if !(g0 > 0.0 && g0.is_finite()) {
        return Err(Error::setting("gain.g0", g0, "a finite baseline above 0"));
    }
    let gain_per_nat = libm::sqrt(RATE_AT_ONE_NAT / learning_rate) - g0;
    Ok((1.0 - gamma) * gain_per_nat.max(0.0))
}
