//! The recommended burst scale: it follows from its derivation, and training agrees on data other than those it
//! was derived from.

use std::sync::atomic::AtomicBool;

use neurogain::Cpu;
use neurogain::data::digits;
use neurogain::gain::reparameterisation::effective_learning_rate;
use neurogain::gain::{GainDynamics, RATE_AT_ONE_NAT, recommended_eta};
use neurogain::systems::stability_gap::{EvaluatedTasks, Experiment, Settings};
use proptest::prelude::*;

#[test]
fn it_is_the_published_setting_where_that_was_made() {
    assert!((recommended_eta(0.01, 0.9, 1.0).unwrap() - 0.4).abs() < 1e-15);
}

proptest! {
    /// At one nat, the gain at the fixed point gives the rate that the rule aims at; or the rate at rest is above
    /// it and there is no burst.
    #[test]
    fn the_rate_at_one_nat_is_as_aimed(rate in 1e-5..2.0f64, gamma in 0.0..0.999f32, g0 in 0.2..3.0f32) {
        let eta = recommended_eta(rate, f64::from(gamma), f64::from(g0)).unwrap();
        let dynamics = GainDynamics::new(gamma, g0, eta as f32).unwrap();
        let at_rest = effective_learning_rate(rate, dynamics.fixed_point(0.0));
        let at_one_nat = effective_learning_rate(rate, dynamics.fixed_point(1.0));
        if at_rest >= RATE_AT_ONE_NAT {
            prop_assert_eq!(eta, 0.0);
        } else {
            prop_assert!((at_one_nat / RATE_AT_ONE_NAT - 1.0).abs() < 1e-6, "{}", at_one_nat);
        }
    }
}

#[test]
fn values_outside_their_range_are_errors() {
    for (rate, gamma, g0, name) in [
        (0.0, 0.9, 1.0, "learning_rate"),
        (f64::INFINITY, 0.9, 1.0, "learning_rate"),
        (0.01, 1.0, 1.0, "gain.gamma"),
        (0.01, f64::NAN, 1.0, "gain.gamma"),
        (0.01, 0.9, 0.0, "gain.g0"),
    ] {
        let error = recommended_eta(rate, gamma, g0).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    }
}

/// Accuracy over all tasks at the end of Split-Digits, mean over two seeds.
fn accuracy(rate: f32, gamma: f32, eta: f64) -> f64 {
    let mut settings = Settings::preset("split-digits")
        .and_then(|s| s.with_methods(&["ngm-sgd"]))
        .and_then(|s| s.with_seeds(&[1, 2]))
        .unwrap();
    settings.training.learning_rate = rate;
    (settings.gain.gamma, settings.gain.eta) = (gamma, eta as f32);
    settings.evaluation.tasks = EvaluatedTasks::All;
    settings.evaluation.every = settings.stream.iterations;
    let (samples, backend) = (digits::load(), Cpu::new().unwrap());
    let experiment = Experiment::new(&settings, &samples, &backend).unwrap();
    let outcome = experiment.run(2, &AtomicBool::new(false)).unwrap();
    let finals = outcome.runs.iter().map(|run| {
        let last = run.history.records.last().unwrap();
        let tasks = last.test.iter().chain(&last.later_tasks);
        tasks.map(|test| test.accuracy).sum::<f64>() / 5.0
    });
    finals.sum::<f64>() / 2.0
}

/// The rule's constant comes from Split-MNIST. On Split-Digits, over a factor of ten in the learning rate and from
/// 5 to 20 iterations of memory, it keeps the accuracy within 2 points; a sixteenth of its η, at the smallest
/// rate, does not.
#[test]
fn training_agrees_on_a_benchmark_that_it_was_not_made_on() {
    // The bits are equal on every set (tests/suite/pinned_runs.rs), and portable code takes minutes.
    if std::env::var("NEUROGAIN_SIMD").as_deref() == Ok("portable") {
        eprintln!("left to the faster instruction sets");
        return;
    }
    let recommended = |rate: f32, gamma: f32| {
        let eta = recommended_eta(f64::from(rate), f64::from(gamma), 1.0).unwrap();
        accuracy(rate, gamma, eta)
    };
    let preset = recommended(0.01, 0.9);
    assert!(preset > 0.93, "{preset}");
    for (rate, gamma) in [(0.003, 0.9), (0.03, 0.9), (0.01, 0.8), (0.01, 0.95)] {
        let found = recommended(rate, gamma);
        assert!(
            (found - preset).abs() < 0.02,
            "rate {rate}, gamma {gamma}: {found}, {preset} in the preset"
        );
    }
    let little = accuracy(0.003, 0.9, recommended_eta(0.003, 0.9, 1.0).unwrap() / 16.0);
    assert!(little < preset - 0.02, "{little} against {preset}");
}
