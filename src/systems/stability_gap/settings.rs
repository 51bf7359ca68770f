//! The settings of a stability-gap experiment: the TOML of a preset or of a user's own file.

use crate::error::Result;
use crate::learn::Passes;
use crate::run::DataSettings;
use crate::run::continual::{
    GainSettings, MethodSettings, NetworkSettings, StreamSettings, TrainingSettings,
};
use crate::run::settings::document;

document!(Settings, "stability-gap");

settings! {
    /// An experiment: data, contexts, network, training, methods and seeds.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Settings {
        /// Name of the experiment. Run directories are named after it, and published results are found by it.
        pub name: String [Name],
        /// Title of the report.
        pub title: String [Line],
        /// Description, shown in the report.
        pub description: String = "",
        /// Samples and their scaling.
        pub data: DataSettings,
        /// The sequence of contexts.
        pub stream: StreamSettings,
        /// The network.
        pub network: NetworkSettings,
        /// Training settings that all methods share.
        pub training: TrainingSettings,
        /// Evaluation: how often, and on which test samples.
        pub evaluation: EvaluationSettings = {},
        /// The gain dynamics of the gain-modulated methods.
        pub gain: GainSettings,
        /// The methods to compare, in the order of tables.
        pub methods: Vec<MethodSettings> [NotEmpty("method")],
    }
}

settings! {
    /// Evaluation on test samples.
    #[derive(Debug, Clone, PartialEq)]
    pub struct EvaluationSettings {
        /// Iterations between evaluations (ρ in the paper). It must divide the iterations of each context, so that each
        /// context ends with an evaluation.
        pub every: usize [AtLeastOne] = 1,
        /// Iterations after each switch that are all evaluated, whatever `every` is: the minimum lies there.
        pub after_switch: usize = 0,
        /// The largest number of test samples per task, evenly spread; 0 for all.
        pub limit: usize = 0,
        /// The tasks that are evaluated.
        pub tasks: EvaluatedTasks = "first",
        /// Whether test images are cropped and flipped at random like training images, with new draws at every
        /// evaluation. The paper's published code does this.
        pub test_time_augmentation: bool = false,
        /// How often an evaluation goes over the augmented test images: with more passes, its result is their mean. The
        /// paper's published code has one for each context so far.
        pub passes: Passes = "one",
    }
}

settings! {
    /// The tasks to evaluate.
    pub enum EvaluatedTasks {
        /// Only the first task.
        First = "first",
        /// Every task, from its first context on.
        All = "all",
    }
}
