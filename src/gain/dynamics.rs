//! The dynamics of a neuron's gain (arXiv 2507.14056, equation 3 and algorithm 1).

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// `g ← γ·g + (1 − γ)·g0 + η·H`: a leaky integrator that relaxes to the tonic baseline g0 and rises
/// with the uncertainty H.
///
/// H is the mean softmax entropy of a batch, in nats. The map is affine with slope γ, so that for
/// constant H the distance to the [fixed point](Self::fixed_point) shrinks by γ each step.
///
/// ```
/// use neurogain::gain::GainDynamics;
/// let dynamics = GainDynamics::new(0.9, 1.0, 0.4)?;
/// let mut gain = 1.0;
/// for _ in 0..500 {
///     gain = dynamics.step(gain, 0.25);
/// }
/// assert!((gain - dynamics.fixed_point(0.25)).abs() < 1e-12);
/// # Ok::<(), neurogain::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GainDynamics {
    gamma: f32,
    g0: f32,
    eta: f32,
}

impl GainDynamics {
    /// Decay γ in [0, 1), tonic baseline g0 > 0, burst scale η ≥ 0.
    ///
    /// # Errors
    /// [`Error::Setting`] for a value outside its range.
    pub fn new(gamma: f32, g0: f32, eta: f32) -> Result<Self> {
        if !(0.0..1.0).contains(&gamma) {
            return Err(Error::setting("gain.gamma", gamma, "a decay in [0, 1)"));
        }
        if !(g0 > 0.0 && g0.is_finite()) {
            return Err(Error::setting("gain.g0", g0, "a finite baseline above 0"));
        }
        if !(eta >= 0.0 && eta.is_finite()) {
            return Err(Error::setting(
                "gain.eta",
                eta,
                "a finite burst scale, 0 or above",
            ));
        }
        Ok(GainDynamics { gamma, g0, eta })
    }

    /// γ, the fraction of the gain that a step keeps.
    pub fn gamma(&self) -> f32 {
        self.gamma
    }

    /// g0, the fixed point of the gain for H = 0.
    pub fn g0(&self) -> f32 {
        self.g0
    }

    /// η, the increase per nat of entropy in one step.
    pub fn eta(&self) -> f32 {
        self.eta
    }

    /// One step of every neuron's gain, in place: `g[i] ← γ·g[i] + (1 − γ)·g0 + η·H[i]`, rounded as
    /// [`Elementwise::gain_update`](crate::backend::Elementwise::gain_update) says. `drive` holds H for each neuron,
    /// or one H for all.
    ///
    /// # Errors
    /// [`Error::Shape`] if `drive` has neither one number nor as many numbers as `gain`.
    pub fn update<B: Backend>(
        &self,
        backend: &B,
        drive: &Tensor<B>,
        gain: &mut Tensor<B>,
    ) -> Result<()> {
        let baseline = (1.0 - self.gamma) * self.g0;
        backend.gain_update(
            self.gamma,
            baseline,
            self.eta,
            drive.floats(),
            gain.floats_mut(),
        )
    }

    /// One step of one gain, in f64: γ·g + (1 − γ)·g0 + η·H.
    pub fn step(&self, gain: f64, entropy: f64) -> f64 {
        let (gamma, g0, eta) = self.constants();
        gamma * gain + (1.0 - gamma) * g0 + eta * entropy
    }

    /// The limit of the gain for constant H: g* = g0 + η·H/(1 − γ).
    pub fn fixed_point(&self, entropy: f64) -> f64 {
        let (gamma, g0, eta) = self.constants();
        g0 + eta * entropy / (1.0 - gamma)
    }

    /// Steps after which the distance to the fixed point has halved: ln ½ / ln γ; 0 for γ = 0.
    pub fn half_life(&self) -> f64 {
        match self.constants().0 {
            0.0 => 0.0,
            gamma => -core::f64::consts::LN_2 / libm::log(gamma),
        }
    }

    /// The interval that a gain inside it never leaves, for a softmax over `classes`: [g0, g0 + η·ln C/(1 − γ)],
    /// because 0 ≤ H ≤ ln C.
    pub fn bounds(&self, classes: usize) -> (f64, f64) {
        let most = libm::log(classes.max(1) as f64);
        (f64::from(self.g0), self.fixed_point(most))
    }

    fn constants(&self) -> (f64, f64, f64) {
        (
            f64::from(self.gamma),
            f64::from(self.g0),
            f64::from(self.eta),
        )
    }
}
