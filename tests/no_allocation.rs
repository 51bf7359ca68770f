//! After the first training step and the first inference, no memory is allocated.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use neurogain::gain::GainDynamics;
use neurogain::learn::{Batch, GradientDescent, L2, Learner, NeuMoSync, OptimizerConfig};
use neurogain::models::{
    Ablation, ConvolutionConfig, FeedforwardConfig, Mlp, MlpConfig, Network, NeuMoSyncConfig,
    SignalMode, SlimResNet, SlimResNetConfig,
};
use neurogain::nn::LossLog;
use neurogain::optim::Optimizer;
use neurogain::{Cpu, Memory, Shape, Tensor};

/// Counts the allocations of the calling thread.
struct Counting;

std::thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[allow(unsafe_code, reason = "an allocator is unsafe to write")]
// SAFETY: every call is passed unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the system's.
        unsafe { System.dealloc(at, layout) }
    }
}

/// The number of allocations in `work`.
fn asked(work: impl FnOnce()) -> usize {
    let before = ASKED.get();
    work();
    ASKED.get() - before
}

fn batch(backend: &Cpu, shape: Shape, classes: usize) -> Batch {
    let (samples, columns) = (shape.rows(), shape.columns());
    let numbers: Vec<f32> = (0..samples * columns)
        .map(|i| ((i * 7919 + i / 13) % 101) as f32 / 50.0 - 1.0)
        .collect();
    let labels: Vec<u8> = (0..samples).map(|s| (s % classes) as u8).collect();
    Batch {
        inputs: Tensor::from_rows(backend, shape, &numbers).unwrap(),
        labels: backend.bytes(&labels).unwrap(),
    }
}

/// Whole steps of every optimizer, each part of a step alone, and inference, all after their first.
fn check(backend: &Cpu, network: &mut impl Network, batch: &Batch) {
    let adam = Optimizer::Adam {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
    };
    for rule in [Optimizer::Sgd, Optimizer::Momentum { momentum: 0.9 }, adam] {
        let dynamics = GainDynamics::new(0.9, 1.0, 0.2).unwrap();
        let optimizer = OptimizerConfig {
            weight_decay: 0.1,
            ..OptimizerConfig::new(rule, 0.01)
        };
        let gain = Some(dynamics.into());
        let mut learner = GradientDescent::new(backend, &mut *network, optimizer, gain)
            .unwrap()
            .with_regularizer(Box::new(L2::new(0.1).unwrap()));
        let mut loss = LossLog::new();
        learner.step(backend, batch, &mut loss).unwrap();
        for step in 2..=4 {
            let count = asked(|| {
                learner.step(backend, batch, &mut loss).unwrap();
            });
            assert_eq!(count, 0, "step {step} of {rule:?}");
        }
    }
    let mut loss = LossLog::new();
    let mut infer = |network: &mut _| {
        let logits = Network::infer(network, backend, &batch.inputs).unwrap();
        loss.infer(backend, logits, &batch.labels).unwrap();
        loss.last(backend).unwrap();
        // The next list reuses the memory of this one.
        loss.total(backend).unwrap();
    };
    infer(network);
    for call in 2..=4 {
        assert_eq!(asked(|| infer(network)), 0, "inference {call}");
    }
}

#[test]
fn the_allocator_counts() {
    assert_eq!(asked(|| drop(vec![0u8; 3])), 1);
    assert_eq!(asked(|| ()), 0);
}

#[test]
fn mlp() {
    let backend = Cpu::new().unwrap();
    // Layers of different sizes: buffers that swapped roles between steps would grow.
    for neurons in [
        vec![37, 7],
        vec![37, 50, 7],
        vec![37, 50, 20, 7],
        vec![37, 20, 30, 40, 7],
    ] {
        let shape = MlpConfig {
            neurons,
            hidden_standard_deviation: 0.1,
            output_standard_deviation: 0.1,
        };
        let mut mlp = Mlp::new(&backend, &shape, 1).unwrap();
        let batch = batch(&backend, Shape::features(35, 37), 7);
        check(&backend, &mut mlp, &batch);
    }
}

#[test]
fn slim_resnet() {
    let backend = Cpu::new().unwrap();
    for modulated in [vec!["head".into()], vec!["stem".into(), "stage2".into()]] {
        let shape = SlimResNetConfig {
            side: 12,
            channels: 3,
            classes: 5,
            width: 4,
            head_standard_deviation: 0.05,
            modulated,
        };
        let mut network = SlimResNet::new(&backend, &shape, 1).unwrap();
        let batch = batch(&backend, Shape::images(35, 12, 12, 3), 5);
        check(&backend, &mut network, &batch);
    }
}

#[test]
fn neumosync() {
    let backend = Cpu::new().unwrap();
    let mlp = FeedforwardConfig {
        input: [8, 8, 1],
        ..FeedforwardConfig::mlp(64, &[30, 20], 7)
    };
    let cnn = FeedforwardConfig {
        convolutions: vec![ConvolutionConfig {
            channels: 5,
            window: 3,
        }],
        ..mlp.clone()
    };
    let default = NeuMoSyncConfig::with_adam;
    for config in [
        default(),
        NeuMoSyncConfig {
            mode: SignalMode::Sample,
            clip: 1e-3,
            ..default()
        },
        NeuMoSyncConfig {
            without: vec![Ablation::Input, Ablation::Weights],
            ..default()
        },
        NeuMoSyncConfig {
            static_signals: true,
            ..default()
        },
    ] {
        for sizes in [&mlp, &cnn] {
            let sgd = OptimizerConfig::new(Optimizer::Sgd, 0.01);
            let mut learner = NeuMoSync::new(&backend, sizes, &config, sgd, 1).unwrap();
            let batch = batch(&backend, Shape::images(35, 8, 8, 1), 7);
            let mut loss = LossLog::new();
            learner.step(&backend, &batch, &mut loss).unwrap();
            learner.infer(&backend, &batch.inputs).unwrap();
            for step in 2..=4 {
                let count = asked(|| {
                    learner.step(&backend, &batch, &mut loss).unwrap();
                    learner.infer(&backend, &batch.inputs).unwrap();
                });
                assert_eq!(count, 0, "step {step} of {config:?}");
            }
        }
    }
}
