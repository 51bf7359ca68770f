//! The shipped lists of methods, and the effect of their settings.
#![cfg(feature = "report")]

use std::sync::atomic::AtomicBool;

use neurogain::data::digits;
use neurogain::gain::GainDynamics;
use neurogain::learn::{
    DeviceDataset, GainConfig, GainTarget, GradientDescent, Learner as _, OptimizerConfig,
    PixelScaling, Record,
};
use neurogain::models::{Mlp, MlpConfig};
use neurogain::nn::LossLog;
use neurogain::optim::Optimizer;
use neurogain::systems::stability_gap::{Experiment, Run, Settings};
use neurogain::{Cpu, Error};

fn settings(variants: &str, overrides: &[&str]) -> Settings {
    let settings = Settings::preset("split-digits").unwrap();
    let settings = settings.with_variants(variants).unwrap();
    let settings = settings.with_overrides(overrides).unwrap();
    settings.with_seeds(&[42]).unwrap()
}

fn run(settings: &Settings) -> Vec<Run> {
    let cpu = Cpu::new().unwrap();
    let experiment = Experiment::new(settings, &digits::load(), &cpu).unwrap();
    let stop = AtomicBool::new(false);
    let outcome = experiment.run(1, &stop);
    outcome.unwrap().runs
}

fn records<'a>(runs: &'a [Run], method: &str) -> &'a [Record] {
    let run = runs.iter().find(|run| run.method == method);
    &run.expect(method).history.records
}

#[test]
fn every_list_fits_every_benchmark() {
    for (name, text) in Settings::variants() {
        assert!(text.starts_with("description = "), "{name}");
        for preset in Settings::presets().iter().map(|(name, _)| *name) {
            let mut settings = Settings::preset(preset).unwrap();
            if name == &"learners" {
                let feedforward = "network={kind=\"feedforward\",hidden=[20]}";
                settings = settings.with_overrides(&[feedforward]).unwrap();
            }
            let settings = settings.with_variants(name).unwrap();
            let text = settings.to_toml().unwrap();
            assert_eq!(
                Settings::from_toml(&text, name).unwrap(),
                settings,
                "{name}"
            );
        }
    }
    let error = Settings::preset("split-digits")
        .unwrap()
        .with_variants("ablations");
    match error {
        Err(Error::Unknown { nearest, .. }) => assert_eq!(nearest.as_deref(), Some("ablation")),
        other => panic!("{other:?}"),
    }
}

/// A gain fixed at g0 = 1 has no effect.
#[test]
fn held_at_one_the_gain_changes_no_bit() {
    let runs = run(&settings("ablation", &["stream.iterations=10"]));
    let plain = Settings::preset("split-digits").unwrap();
    let plain = plain.with_overrides(&["stream.iterations=10"]).unwrap();
    let plain = plain
        .with_methods(&["sgd"])
        .unwrap()
        .with_seeds(&[42])
        .unwrap();
    assert_eq!(records(&runs, "g0-sgd"), records(&run(&plain), "sgd"));
    assert_ne!(records(&runs, "ngm-sgd"), records(&runs, "g0-sgd"));
}

/// The oracle's gain is 1 up to the switch, 1 + η in its first iteration, and then decays by γ.
#[test]
fn the_oracle_raises_the_gain_at_the_switch_alone() {
    let runs = run(&settings(
        "boundary",
        &["stream.iterations=6", "stream.contexts=[[0,1],[2],[3]]"],
    ));
    let mut gain = 1.0;
    for record in records(&runs, "boundary-sgd") {
        let first = record.context > 1 && record.iteration % 6 == 1;
        gain = 0.9 * gain + 0.1 + if first { 1.9 } else { 0.0 };
        for found in &record.gain {
            assert!(
                (found - gain).abs() < 1e-5,
                "iteration {}: {found}, {gain}",
                record.iteration
            );
        }
    }
}

/// The oracle of the published code: g ← 0.99·g + 0.01, and 1 more at the start of every context, the first included.
#[test]
fn the_published_oracle_raises_the_gain_in_every_context() {
    let runs = run(&settings(
        "boundary",
        &["stream.iterations=6", "stream.contexts=[[0,1],[2],[3]]"],
    ));
    let mut gain = 1.0;
    for record in records(&runs, "every-context-sgd") {
        let first = record.iteration % 6 == 1;
        gain = 0.99 * gain + 0.01 + if first { 1.0 } else { 0.0 };
        for found in &record.gain {
            assert!(
                (found - gain).abs() < 1e-5,
                "iteration {}: {found}, {gain}",
                record.iteration
            );
        }
    }
}

/// If every iteration is a separate context, momentum that is reset at each switch has no effect.
#[test]
fn a_reset_optimizer_starts_anew_at_every_switch() {
    let contexts = "stream.contexts=[[0,1],[0,1,2],[0,1,3],[0,1,4],[0,1,5]]";
    let overrides = ["stream.iterations=1", contexts];
    let reset = run(&settings("reset", &overrides));
    let plain = run(&settings("composition", &overrides));
    assert_eq!(records(&reset, "msgd-reset"), records(&plain, "sgd"));
    assert_ne!(records(&reset, "msgd"), records(&plain, "sgd"));
    assert_ne!(records(&reset, "adam"), records(&reset, "adam-reset"));
}

/// Each step is one of plain SGD with the rate α·g² for the slow weights alone, and α·g for the learning rate.
#[test]
fn a_gain_of_the_learning_rate_is_sgd_at_other_rates() {
    follows(GainTarget::SlowWeights, |rate, gain| rate * gain * gain);
    follows(GainTarget::LearningRate, |rate, gain| rate * gain);
}

fn follows(target: GainTarget, at: fn(f64, f64) -> f64) {
    let cpu = Cpu::new().unwrap();
    let digits = digits::load();
    let pixels = PixelScaling {
        maximum: 16.0,
        mean: vec![0.3],
        standard_deviation: vec![0.4],
    };
    let samples = DeviceDataset::new(&cpu, &digits.train, &pixels).unwrap();
    let batches = samples
        .batches(&cpu, &(0..96).collect::<Vec<_>>(), 32)
        .unwrap();
    let shape = MlpConfig {
        neurons: vec![64, 20, 10],
        hidden_standard_deviation: 0.1,
        output_standard_deviation: 0.1,
    };
    let network = Mlp::new(&cpu, &shape, 3).unwrap();
    let mut plain = network.clone();
    let dynamics = GainDynamics::new(0.9, 1.0, 0.5).unwrap();
    let rate = 0.05f32;
    let gain = GainConfig {
        target,
        ..dynamics.into()
    };
    let sgd = OptimizerConfig::new(Optimizer::Sgd, rate);
    let mut slow = GradientDescent::new(&cpu, network, sgd, Some(gain)).unwrap();
    let (mut gain, mut entropy) = (1.0, 0.0f32);
    let mut loss = LossLog::new();
    for (number, batch) in batches.iter().enumerate() {
        gain = dynamics.step(gain, f64::from(entropy));
        let rate = at(f64::from(rate), gain) as f32;
        let sgd = OptimizerConfig::new(Optimizer::Sgd, rate);
        let mut descent = GradientDescent::new(&cpu, &mut plain, sgd, None).unwrap();
        descent.step(&cpu, batch, &mut loss).unwrap();
        let expected = loss.last(&cpu).unwrap();
        slow.step(&cpu, batch, &mut loss).unwrap();
        let found = loss.last(&cpu).unwrap();
        assert_eq!(found, expected, "step {number}");
        entropy = found.mean_entropy() as f32;
        for (found, expected) in slow.network.parameters().zip(plain.parameters()) {
            let bits = |rows: Vec<f32>| rows.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            let expected = bits(expected.value.to_rows(&cpu).unwrap());
            assert_eq!(
                bits(found.value.to_rows(&cpu).unwrap()),
                expected,
                "step {number}"
            );
        }
    }
    assert!(gain > 1.5, "the gain rose: {gain}");
}

#[test]
fn what_is_of_the_gain_is_refused_without_one() {
    let settings = Settings::preset("split-digits").unwrap();
    for assignment in [
        "drive=boundary",
        "gain_target=learning-rate",
        "gain={gamma=0.9,g0=1.0,eta=0.1}",
    ] {
        let error = settings.with_overrides(&[format!("methods.sgd.{assignment}")]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("gain_modulated"), "{assignment}: {error}");
    }
    let eta = settings.with_overrides(&["methods.ngm-sgd.gain={gamma=0.9,g0=1.0,eta=-1.0}"]);
    assert!(
        eta.unwrap_err()
            .to_string()
            .contains("methods.ngm-sgd.gain.eta")
    );
}
