//! NeuMoSync learns, and its diagnostics show the signals.

use neurogain::data;
use neurogain::learn::{DeviceDataset, Learner, NeuMoSync, OptimizerConfig, PixelScaling};
use neurogain::models::{
    ActivitySignals, FeedforwardConfig, NeuMoSyncConfig, SignalBound, SignalMode,
};
use neurogain::nn::LossLog;
use neurogain::optim::Optimizer;
use neurogain::state::Checkpoint;
use neurogain::{Cpu, Memory};

use super::{batch, mlp};

/// 20 digits with random labels are memorised, in every variant.
#[test]
fn memorises_random_labels() {
    let backend = Cpu::new().unwrap();
    let digits = data::digits::load().train;
    let scaling = PixelScaling {
        maximum: 16.0,
        mean: vec![0.0],
        standard_deviation: vec![1.0],
    };
    let samples = DeviceDataset::new(&backend, &digits, &scaling).unwrap();
    let mut batch = samples.batch(&backend).unwrap();
    let indices: Vec<u32> = (0..20).map(|i| i * 7).collect();
    samples.gather(&backend, &indices, &mut batch).unwrap();
    let labels: Vec<u8> = (0..20u32).map(|i| (i * i * 3 + i / 2) as u8 % 10).collect();
    batch.labels = backend.bytes(&labels).unwrap();
    let sizes = FeedforwardConfig {
        input: [8, 8, 1],
        ..FeedforwardConfig::mlp(64, &[30, 30], 10)
    };
    let default = NeuMoSyncConfig::default;
    let variants = [
        default(),
        NeuMoSyncConfig::with_adam(),
        NeuMoSyncConfig {
            mode: SignalMode::Sample,
            ..default()
        },
        NeuMoSyncConfig {
            activity: ActivitySignals::Offset,
            ..default()
        },
        NeuMoSyncConfig {
            activity: ActivitySignals::LinearityOffset,
            ..default()
        },
        NeuMoSyncConfig {
            static_signals: true,
            ..default()
        },
    ];
    for config in variants {
        let sgd = OptimizerConfig::new(Optimizer::Sgd, 0.05);
        let mut learner = NeuMoSync::new(&backend, &sizes, &config, sgd, 42).unwrap();
        let mut log = LossLog::new();
        for _ in 0..1500 {
            learner.step(&backend, &batch, &mut log).unwrap();
        }
        let last = log.last(&backend).unwrap();
        println!("{} {}", last.mean_cross_entropy(), last.accuracy());
        assert!(last.mean_cross_entropy() < 0.3, "{config:?}: {last:?}");
        let signals = learner
            .network
            .signals_for(&backend, &batch.inputs)
            .unwrap();
        assert_eq!(signals.len(), 3);
        assert!(
            signals[0].standard_deviation.iter().all(|&sd| sd > 1e-3),
            "{signals:?}"
        );
    }
}

#[test]
fn diagnostics_are_means_and_deviations() {
    let backend = Cpu::new().unwrap();
    let config = NeuMoSyncConfig {
        static_signals: true,
        bound: SignalBound::Linear,
        ..NeuMoSyncConfig::default()
    };
    let sgd = OptimizerConfig::new(Optimizer::Sgd, 0.05);
    let mut learner = NeuMoSync::new(&backend, &mlp(), &config, sgd, 42).unwrap();
    let mut state = Checkpoint::take(&backend, &mut learner).unwrap();
    let signals = state
        .network
        .iter_mut()
        .find(|t| t.name == "signals")
        .unwrap();
    for (place, number) in signals.numbers.iter_mut().enumerate() {
        *number = (place % 4) as f32 + (place / 4) as f32 / 8.0;
    }
    state.restore(&backend, &mut learner).unwrap();
    let x = batch(&backend, &mlp(), 2).inputs;
    let found = learner.network.signals_for(&backend, &x).unwrap();
    let names: Vec<&str> = found.iter().map(|layer| layer.layer.as_str()).collect();
    assert_eq!(names, ["hidden1", "hidden2", "output"]);
    for (layer, (first, size)) in found.iter().zip([(0, 7), (7, 5), (12, 3)]) {
        for signal in 0..4 {
            let of = |i: usize| signal as f64 + i as f64 / 8.0;
            let values: Vec<f64> = (first..first + size).map(of).collect();
            let mean = values.iter().sum::<f64>() / size as f64;
            let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
            let deviation = (square / size as f64).sqrt();
            assert!((layer.mean[signal] - mean).abs() < 1e-12);
            assert!((layer.standard_deviation[signal] - deviation).abs() < 1e-12);
        }
    }
}
