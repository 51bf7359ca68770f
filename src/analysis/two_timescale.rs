//! The scalar model that shows gain modulation as learning on two timescales (arXiv 2507.14056, figure 2).
//!
//! Three learners with one input x = 1 follow a target t that changes its sign for some steps. Each takes gradient
//! steps on the squared error
//!
//! L = ½·(y − t)², so that e = ∂L/∂y = y − t is the error itself,
//!
//! and they differ in their output y:
//!
//! | learner | output | update |
//! | --- | --- | --- |
//! | gain-modulated | y = g·w | w ← w − α·g·e |
//! | fast and slow weights | y = s + f | s ← s − α·e, f ← λ·f − β·e |
//! | slow weight alone | y = s | s ← s − α·e |
//!
//! Gain-modulated: since ∂L/∂w = g·e, a step with g fixed changes y to y − α·g²·e; the error shrinks by the factor
//! 1 − α·g². g·w is the sum of w_slow = g0·w and w_fast = (g − g0)·w; w_fast decays as the gain returns to g0
//! ([`reparameterisation`]). Explicit fast weights do the same by construction: with β > α, f adapts fast; with λ < 1,
//! it decays. With η = 0 and g0 = 1, or with β = 0, both reduce to the slow weight alone.
//!
//! After the weights the gain is updated, g ← γ·g + (1 − γ)·g0 + η·u, and the next step uses it. As in the paper's
//! published script, u = |w·e|, with the new w ([`GainDrive::WeightedError`]); u = |e| is the uncertainty about the
//! output alone ([`GainDrive::Error`]). Noise σ·N(0, 1) can be added to the target of every step, and to the gain and
//! the weights w and s after their updates.
//!
//! The gain scales the output as well as the step: right after a change of sign it moves y away from the new target
//! until w has followed. The model shows this too.

use alloc::vec;
use alloc::vec::Vec;

use rand_distr::{Distribution, StandardNormal};

use crate::error::Result;
use crate::gain::{GainDynamics, reparameterisation};
use crate::metrics::{Summary, summarize};
use crate::rng::{Purpose, RandomStream};

/// The drive u of the gain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GainDrive {
    /// |w·e|, with the updated w.
    WeightedError,
    /// |e|.
    Error,
}

/// Standard deviations of the noise in every step.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Noise {
    /// Of the target.
    pub target: f64,
    /// Of the gain.
    pub gain: f64,
    /// Of w and of s.
    pub weight: f64,
}

/// The constants of the three learners.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoTimescale {
    /// How the gain follows its drive: γ, g0, η.
    pub dynamics: GainDynamics,
    /// The drive.
    pub drive: GainDrive,
    /// α, the learning rate of w and of s.
    pub learning_rate: f64,
    /// β, the learning rate of f.
    pub fast_learning_rate: f64,
    /// λ, the fraction of f that a step keeps.
    pub fast_decay: f64,
    /// w and s before the first step; f is 0.
    pub initial_weight: f64,
}

/// The three learners at one step, before its update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// t, without noise.
    pub target: f64,
    /// g.
    pub gain: f64,
    /// Gain-modulated: y = g·w.
    pub modulated: f64,
    /// Gain-modulated: w_slow = g0·w.
    pub modulated_slow: f64,
    /// Gain-modulated: w_fast = (g − g0)·w.
    pub modulated_fast: f64,
    /// Fast and slow weights: y = s + f.
    pub explicit: f64,
    /// Fast and slow weights: s.
    pub explicit_slow: f64,
    /// Fast and slow weights: f.
    pub explicit_fast: f64,
    /// Slow weight alone: y = s.
    pub slow_alone: f64,
}

/// The target 1 for `before` steps, −1 for `between`, and 1 again for `after`.
pub fn targets(before: usize, between: usize, after: usize) -> Vec<f64> {
    let mut targets = vec![1.0; before];
    targets.resize(before + between, -1.0);
    targets.resize(before + between + after, 1.0);
    targets
}

impl TwoTimescale {
    /// The constants of the paper's published script: γ = 0.9, g0 = 1, η = 0.7, α = 0.1, β = 0.2, λ = 0.9. The learners
    /// have learnt the first target, 1: from weights 0, the gain would still be 1.04 at the script's first switch, where
    /// it is 1.000 there.
    ///
    /// # Errors
    /// None: the constants are in their ranges.
    pub fn of_figure() -> Result<Self> {
        Ok(TwoTimescale {
            dynamics: GainDynamics::new(0.9, 1.0, 0.7)?,
            drive: GainDrive::WeightedError,
            learning_rate: 0.1,
            fast_learning_rate: 0.2,
            fast_decay: 0.9,
            initial_weight: 1.0,
        })
    }

    /// Runs the learners on `targets`, from [`initial_weight`](Self::initial_weight) and the gain g0. `noise` has three
    /// numbers for each step, which are added to the target, the gain and the weights; missing numbers are 0.
    pub fn run(&self, targets: &[f64], noise: &[[f64; 3]]) -> Vec<Step> {
        let g0 = f64::from(self.dynamics.g0());
        let (mut gain, mut weight) = (g0, self.initial_weight);
        let (mut slow, mut fast, mut alone) = (self.initial_weight, 0.0, self.initial_weight);
        let mut steps = Vec::with_capacity(targets.len());
        for (at, &target) in targets.iter().enumerate() {
            let step = Step {
                target,
                gain,
                modulated: gain * weight,
                modulated_slow: reparameterisation::slow_weight(g0, weight),
                modulated_fast: reparameterisation::fast_weight(gain, g0, weight),
                explicit: slow + fast,
                explicit_slow: slow,
                explicit_fast: fast,
                slow_alone: alone,
            };
            let [of_target, of_gain, of_weight] = noise.get(at).copied().unwrap_or_default();
            let noisy = target + of_target;
            let error = step.modulated - noisy;
            weight += of_weight - self.learning_rate * gain * error;
            let drive = match self.drive {
                GainDrive::WeightedError => weight * error,
                GainDrive::Error => error,
            };
            gain = self.dynamics.step(gain, drive.abs()) + of_gain;
            let error = step.explicit - noisy;
            slow += of_weight - self.learning_rate * error;
            fast = self.fast_decay * fast - self.fast_learning_rate * error;
            alone += of_weight - self.learning_rate * (step.slow_alone - noisy);
            steps.push(step);
        }
        steps
    }

    /// `repeats` runs on `targets` with `noise`, each drawn from the stream (`seed`, [`Purpose::TargetNoise`], repeat).
    pub fn noisy_runs(
        &self,
        targets: &[f64],
        noise: Noise,
        repeats: usize,
        seed: u64,
    ) -> Vec<Vec<Step>> {
        let run = |repeat: usize| {
            let mut stream = RandomStream::new(seed, Purpose::TargetNoise, repeat as u64);
            let mut draw = || -> f64 { StandardNormal.sample(&mut stream) };
            let deviations = [noise.target, noise.gain, noise.weight];
            let noise: Vec<[f64; 3]> = targets
                .iter()
                .map(|_| deviations.map(|deviation| deviation * draw()))
                .collect();
            self.run(targets, &noise)
        };
        (0..repeats).map(run).collect()
    }
}

/// Mean and spread over `runs` of the value `of` each step; as long as the shortest run.
pub fn over_runs(runs: &[Vec<Step>], of: impl Fn(&Step) -> f64) -> Vec<Summary> {
    let steps = runs.iter().map(Vec::len).min().unwrap_or(0);
    let at = |step: usize| {
        let values: Vec<f64> = runs.iter().map(|run| of(&run[step])).collect();
        summarize(&values)
    };
    (0..steps).map(at).collect()
}
