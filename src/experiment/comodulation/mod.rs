//! Task adaptation by stochastic comodulation (arXiv 2311.15053), as an experiment: a network learns primary
//! tasks; then each arm starts from it, all but a few numbers frozen, and learns further ones.
//!
//! ```
//! use std::path::Path;
//! use std::sync::atomic::AtomicBool;
//! use neurogain::Cpu;
//! use neurogain::experiment::comodulation::{ComodulationExperiment, Material, find};
//!
//! let preset = find("comodulation-digits")?.ok_or("no such preset")?;
//! let settings = preset
//!     .with_arms(&["attention", "comodulation"])?
//!     .with_seeds(&[42])?
//!     .with_overrides(&["network.stages=1", "adaptation.iterations=2", "pretraining.epochs=[0]"])?;
//! // The digits ship inside: no directory is looked into.
//! let material = Material::load(&settings, Path::new(""))?;
//! let backend = Cpu::new()?;
//! let experiment = ComodulationExperiment::new(&settings, &material, &backend)?;
//! let cells = experiment.run(2, &AtomicBool::new(false))?;
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
mod learning;
mod measures;
mod memory;
pub mod presets;
mod run;
mod settings;
mod tasks;

pub use measures::{NEAR_ZERO, TaskMeasures};
pub use memory::check_memory;
pub use run::{Cell, ComodulationExperiment, Leg, Pretraining, Step};
pub(crate) use run::{Work, arm_id, plan, pretraining_id};
pub use settings::{
    AdaptationSettings, ArmSettings, ComodulationNetwork, ComodulationSettings, EvaluationLimit,
    Kind, PhasesSettings, PretrainingSettings, TaskSettings, find,
};
pub use tasks::Material;
