//! Task adaptation by stochastic comodulation (arXiv 2311.15053), as an experiment: a network learns primary
//! tasks; then each arm starts from it, all but a few numbers frozen, and learns further ones.
//!
//! ```
//! use std::path::Path;
//! use std::sync::atomic::AtomicBool;
//! use neurogain::Cpu;
//! use neurogain::experiment::comodulation::{ComodulationExperiment, Material, MemoryStore, find};
//!
//! let preset = find("comodulation-digits")?.ok_or("no such preset")?;
//! let settings = preset
//!     .with_arms(&["attention", "comodulation"])?
//!     .with_seeds(&[42])?
//!     .with_overrides(&["network.stages=1", "adaptation.iterations=2", "pretraining.epochs=[0]"])?;
//! // The digits ship inside: no directory is looked into.
//! let material = Material::load(&settings, Path::new(""))?;
//! let backend = Cpu::new()?;
//! let experiment = ComodulationExperiment::new(&settings, &material, None, &backend)?;
//! let (stop, store) = (AtomicBool::new(false), MemoryStore::default());
//! let cells = experiment.run(2, &stop, &store, &|_batches, _cost| ())?;
//!
//! let [attention, comodulation] = &cells[..] else { panic!("one seed of two arms") };
//! // Twelve tasks, two batches of each; the gains are computed, not learnt.
//! assert_eq!(comodulation.steps.len(), 24);
//! assert_eq!(comodulation.learnt_numbers, attention.learnt_numbers);
//! assert!(attention.tasks[0].gains.iter().all(|gain| *gain == 1.0));
//! assert!(comodulation.tasks[0].gains.iter().any(|gain| *gain != 1.0));
//! println!("{:.1} %", 100.0 * comodulation.tasks[0].accuracy);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod any_number;
mod keys;
mod learning;
mod measures;
mod memory;
mod memory_store;
pub mod presets;
mod run;
mod settings;
mod tasks;

pub use measures::{NEAR_ZERO, TaskMeasures};
pub use memory::check_memory;
pub use memory_store::MemoryStore;
pub use run::{Cell, ComodulationExperiment, OnBatch, Step};
pub use settings::{
    AdaptationSettings, ArmSettings, ComodulationNetwork, ComodulationSettings, EvaluationLimit,
    Kind, PhasesSettings, PretrainingSettings, TaskSettings, find,
};
pub use tasks::Material;

use crate::error::Result;
use crate::state::Checkpoint;

/// A network that has learnt the primary tasks for so long.
#[derive(Debug, Clone, PartialEq)]
pub struct Pretrained {
    /// The seed.
    pub seed: u64,
    /// Epochs behind it.
    pub epochs: usize,
    /// Its accuracy on the test samples of each primary task.
    pub accuracies: Vec<f64>,
    /// The state of its learner.
    pub state: Checkpoint,
}

/// What keeps an experiment's networks and cells, and has those of before.
pub trait Store: Sync {
    /// The network of this seed that has learnt longest.
    ///
    /// # Errors
    /// What reading fails with.
    fn last_pretrained(&self, seed: u64) -> Result<Option<Pretrained>>;

    /// The network of this seed behind so many epochs, which arms start from.
    ///
    /// # Errors
    /// What reading fails with, or if there is none.
    fn pretrained(&self, seed: u64, epochs: usize) -> Result<Checkpoint>;

    /// Keeps a network to go on from; `arms_start` from it, too, or not.
    ///
    /// # Errors
    /// What writing fails with.
    fn keep_pretrained(&self, pretrained: &Pretrained, arms_start: bool) -> Result<()>;

    /// The cell of this arm, seed and number of epochs, if it has ended.
    ///
    /// # Errors
    /// What reading fails with.
    fn cell(&self, arm: &str, seed: u64, epochs: usize) -> Result<Option<Cell>>;

    /// Keeps a cell that has ended.
    ///
    /// # Errors
    /// What writing fails with.
    fn keep_cell(&self, cell: &Cell) -> Result<()>;
}
