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
//! The model, the targets 1, −1, 1 and the comparison are the paper's. The rest is our reading: ½ in L; the gain is
//! driven by the absolute error |e| of the previous step (0 before the first) instead of H,
//! g ← γ·g + (1 − γ)·g0 + η·|e|, and updated before the step, as in
//! [`GradientDescent`](crate::learn::GradientDescent); the constants of [`TwoTimescale::of_figure`]; and noise
//! σ·N(0, 1) on the target of every step.
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

/// The constants of the three learners.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoTimescale {
    /// How the gain follows |e|: γ, g0, η.
    pub dynamics: GainDynamics,
    /// α, the learning rate of w and of s.
    pub learning_rate: f64,
    /// β, the learning rate of f.
    pub fast_learning_rate: f64,
    /// λ, the fraction of f that a step keeps.
    pub fast_decay: f64,
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
    /// The constants of `neurogain figure two-timescale`: the paper's γ = 0.9 and g0 = 1; α = 0.1, η = 0.2, β = 0.3,
    /// λ = 0.8, where β and λ make f about as fast as w_fast.
    ///
    /// # Errors
    /// None: the constants are in their ranges.
    pub fn of_figure() -> Result<Self> {
        Ok(TwoTimescale {
            dynamics: GainDynamics::new(0.9, 1.0, 0.2)?,
            learning_rate: 0.1,
            fast_learning_rate: 0.3,
            fast_decay: 0.8,
        })
    }

    /// Runs the learners on `targets`, from weights 0 and the gain g0. `noise`, one number per step, is added to the
    /// target; missing numbers are 0.
    pub fn run(&self, targets: &[f64], noise: &[f64]) -> Vec<Step> {
        let g0 = f64::from(self.dynamics.g0());
        let (mut gain, mut weight, mut uncertainty) = (g0, 0.0, 0.0);
        let (mut slow, mut fast, mut alone) = (0.0, 0.0, 0.0);
        let mut steps = Vec::with_capacity(targets.len());
        for (at, &target) in targets.iter().enumerate() {
            gain = self.dynamics.step(gain, uncertainty);
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
            let noisy = target + noise.get(at).copied().unwrap_or(0.0);
            let error = step.modulated - noisy;
            weight -= self.learning_rate * gain * error;
            uncertainty = error.abs();
            let error = step.explicit - noisy;
            slow -= self.learning_rate * error;
            fast = self.fast_decay * fast - self.fast_learning_rate * error;
            alone -= self.learning_rate * (step.slow_alone - noisy);
            steps.push(step);
        }
        steps
    }

    /// `repeats` runs on `targets` with noise of the standard deviation `noise`, each drawn from the stream (`seed`,
    /// [`Purpose::TargetNoise`], repeat).
    pub fn noisy_runs(
        &self,
        targets: &[f64],
        noise: f64,
        repeats: usize,
        seed: u64,
    ) -> Vec<Vec<Step>> {
        let run = |repeat: usize| {
            let mut stream = RandomStream::new(seed, Purpose::TargetNoise, repeat as u64);
            let mut draw = || -> f64 { StandardNormal.sample(&mut stream) };
            let noise: Vec<f64> = targets.iter().map(|_| noise * draw()).collect();
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
