//! Gain-modulated learning: the gains of a network's neurons rise with uncertainty, as noradrenaline does in cortex.
//! The network then adapts to a new task and forgets less of earlier ones.
//!
//! A layer's effective weights are `W_eff = g·W`; after every batch its gains g follow the softmax entropy H:
//! `g ← γ·g + (1−γ)·g0 + η·H` (arXiv 2507.14056, algorithm 1). Gradients are hand-written, every network is evaluated
//! after every iteration, and a run gives the same bits on every machine.
//!
//! | module | holds |
//! | --- | --- |
//! | [`gain`] | gain dynamics and their reparameterisation; stochastic gains under a shared modulator |
//! | [`nn`], [`models`], [`optim`] | layers, networks, optimizers |
//! | [`data`], [`stream`] | samples, and benchmarks as sequences of contexts |
//! | [`learn`] | learners, the continual training loop, run records |
//! | [`metrics`] | the stability gap, mean and spread, paired differences; calibration, F1, geometry of activity |
//! | [`analysis`] | the two-timescale model, the curvature of the loss, the spiking model |
//! | [`backend`], [`tensor`], [`shape`], [`rng`] | the kernel contract, tensors, shapes, random numbers |
//! | [`state`] | named state, which checkpoints save and restore |
//! | `systems`, `run` | one system per paper; the framework: settings, jobs, run directories (feature `report`) |
//! | `report` | tables, figures and pages (feature `report`) |
//!
//! Training with NGM-SGD on the built-in digits, in two contexts of 20 iterations:
//!
//! ```
//! use neurogain::gain::GainDynamics;
//! use neurogain::models::{Mlp, MlpConfig};
//! use neurogain::optim::Optimizer;
//! use neurogain::learn::{
//!     Evaluations, GradientDescent, History, PixelScaling, OptimizerConfig, DeviceDataset, EvalSets, Sampling, Trainer, RandomCropFlip,
//! };
//! use neurogain::{Cpu, data::digits, stream};
//!
//! let cpu = Cpu::new()?;
//! let digits = digits::load();
//! let pixels = PixelScaling { maximum: 16.0, mean: vec![0.3053], standard_deviation: vec![0.3761] };
//! let training = DeviceDataset::new(&cpu, &digits.train, &pixels)?;
//! let test = DeviceDataset::new(&cpu, &digits.test, &pixels)?;
//! let first_task = digits.test.of_classes(&[0, 1]);
//! let test = EvalSets::new(&cpu, test, vec![first_task], RandomCropFlip::default())?;
//! let contexts = stream::split(&digits.train, &[vec![0, 1], vec![0, 1, 2, 3]], 20)?;
//!
//! let shape = MlpConfig {
//!     neurons: vec![64, 100, 10],
//!     hidden_standard_deviation: 0.05,
//!     output_standard_deviation: 0.05,
//! };
//! let network = Mlp::new(&cpu, &shape, 42)?;
//! let dynamics = GainDynamics::new(0.9, 1.0, 0.4)?;
//! let sgd = OptimizerConfig::new(Optimizer::Sgd, 0.01);
//! let mut ngm_sgd = GradientDescent::new(&cpu, network, sgd, Some(dynamics.into()))?;
//! let trainer = Trainer {
//!     backend: &cpu,
//!     training: &training,
//!     test: &test,
//!     batch: 64,
//!     sampling: Sampling::Uniform,
//!     transform: RandomCropFlip::default(),
//!     evaluations: Evaluations::default(),
//!     seed: 42,
//! };
//! let mut history = History::default();
//! trainer.run(&mut ngm_sgd, &contexts, &mut history, |_| true)?;
//! assert!(history.records[19].test.is_some_and(|test| test.accuracy > 0.9));
//! assert!(history.records[20].gain[0] > 1.0);
//! # Ok::<(), neurogain::Error>(())
//! ```
//!
//! # Features
//!
//! `cli` (the program, on by default) needs `report` (experiments, run directories, figures), which needs `images`
//! (folders of PNG and JPEG images), which needs `parallel` (threads), which needs `std`. `cuda` (the kernels on
//! NVIDIA cards) needs `std`. With `default-features = false` the crate is `no_std` with `alloc`: it has everything
//! above except files, threads, experiments and reports.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(any(feature = "std", test)), no_std)]

extern crate alloc;
// The command line refers to the library by its crate name, as any other program does.
#[cfg(feature = "cli")]
extern crate self as neurogain;

#[macro_use]
mod declare;

pub mod analysis;
pub mod backend;
#[cfg(feature = "std")]
pub mod bench;
#[cfg(feature = "cli")]
pub mod cli;
mod counted;
pub mod data;
pub mod error;
pub mod gain;
pub mod learn;
pub mod metrics;
pub mod models;
pub mod nn;
pub mod optim;
#[cfg(feature = "report")]
pub mod report;
pub mod rng;
#[cfg(feature = "report")]
pub mod run;
pub mod shape;
pub mod state;
pub mod stream;
#[cfg(feature = "report")]
pub mod systems;
pub mod tensor;

pub use backend::{Backend, Cpu, Memory};
pub use error::{Error, Result};
pub use shape::Shape;
pub use tensor::Tensor;
