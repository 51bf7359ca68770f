//! Gain modulation as a reparameterisation: W_eff = g·W (arXiv 2507.14056, section 3 and
//! appendices A and B).
//!
//! With L the loss as a function of W_eff and L̃ as a function of W:
//! ∇_W L̃ = g·∇_{W_eff} L, the Hessian is H_W = g²·H_{W_eff}, so its eigenvalues are
//! λ = g²·λ_eff; and a step of SGD on W with rate α moves W_eff by −α·g²·∇_{W_eff} L.

/// The slow part of an effective weight, w_slow = g0·w: its value when the gain is at rest.
pub fn slow_weight(g0: f64, weight: f64) -> f64 {
    g0 * weight
}

/// The fast part, w_fast = (g − g0)·w: it decays with the gain, and w_slow + w_fast = g·w.
pub fn fast_weight(gain: f64, g0: f64, weight: f64) -> f64 {
    (gain - g0) * weight
}

/// The effective learning rate of W_eff when W learns with rate α: α·g².
pub fn effective_learning_rate(learning_rate: f64, gain: f64) -> f64 {
    learning_rate * gain * gain
}

/// The eigenvalue of the Hessian in W_eff, from the eigenvalue λ in W: λ_eff = λ/g².
pub fn effective_eigenvalue(eigenvalue: f64, gain: f64) -> f64 {
    eigenvalue / (gain * gain)
}
