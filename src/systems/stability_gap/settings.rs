//! The settings of a stability-gap experiment: the TOML of a preset or of a user's own file.

use super::presets;
use crate::error::Result;
use crate::learn::{Drive, RegularizerConfig, ReplacementConfig, Schedule};
use crate::optim::Optimizer;
use crate::run::DataSettings;
use crate::run::settings::document;
use crate::stream::{MemoryKind, StreamKind};

document!(
    Settings,
    "stability-gap",
    presets::PRESETS,
    presets::VARIANTS,
    presets::SWEEPS
);

settings! {
    /// A whole experiment: data, contexts, network, training, methods and seeds.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Settings {
        /// The name that `neurogain run` and the published records know it by.
        pub name: String [Name],
        /// What a report's heading says.
        pub title: String [Line],
        /// What it is, and how its sizes were chosen.
        pub description: String = "",
        /// The samples.
        pub data: DataSettings,
        /// The contexts.
        pub stream: StreamSettings,
        /// The network.
        pub network: NetworkSettings,
        /// What every method shares.
        pub training: TrainingSettings,
        /// How often, and on how much.
        pub evaluation: EvaluationSettings = {},
        /// The gain dynamics of the gain-modulated methods.
        pub gain: GainSettings,
        /// The methods by name, in the order in which tables list them.
        pub methods: Vec<MethodSettings> [NotEmpty("method")],
    }
}

settings! {
    /// The sequence of contexts. Accuracy is measured on the test samples of the first context's list, or of
    /// what each context's list adds.
    #[derive(Debug, Clone, PartialEq)]
    pub struct StreamSettings {
        /// What the lists of the contexts hold.
        pub kind: StreamKind,
        /// A list for each context: its training samples. Empty where `tasks` says how many there are.
        pub contexts: Vec<Vec<u16>> = [],
        /// The number of contexts, each with a list of one task, instead of `contexts`.
        pub tasks: Option<usize> [AtLeastOne],
        /// Classes of each of the `tasks` of classes; all classes, shared evenly, if it is missing.
        pub classes_per_task: Option<usize> [AtLeastOne],
        /// Whether classes come in a random order, drawn from `seed`: class c of the lists is the one that comes at
        /// place c. Not if it is missing.
        pub shuffle_classes: Option<bool>,
        /// The first context recurs after this many others; never if it is missing.
        pub recurring: Option<usize> [AtLeastOne],
        /// Whether each context also trains on all that earlier ones brought; only on its own list if it is missing.
        pub training: Option<StreamTraining>,
        /// The seed of the labels and of the classes' order, which are the same for every run; 0 if it is missing.
        pub seed: Option<u64> [Between(0, 9223372036854775807, "as a seed")],
        /// Training iterations in each context; 0 where they are given one by one or as epochs.
        pub iterations: usize = 0,
        /// Training iterations of each context, one by one, instead of `iterations`.
        pub iterations_per_context: Option<Vec<usize>> [AtLeastOne],
        /// Passes over the samples of each context, one by one, or one number for all, instead of iterations. A pass
        /// is as many iterations as it takes to draw as many samples as the context has.
        pub epochs: Option<Vec<usize>> [AtLeastOne],
        /// A bounded memory of old samples; all of them, joint training, if it is missing.
        pub memory: Option<MemorySettings>,
    }
}

settings! {
    /// A bounded memory in the place of joint training: [`crate::stream::replay`].
    #[derive(Debug, Clone, PartialEq)]
    pub struct MemorySettings {
        /// How it is filled.
        pub kind: MemoryKind,
        /// Samples that it holds at most.
        pub size: usize [AtLeastOne],
    }
}

settings! {
    /// What a context trains on besides its own list.
    pub enum StreamTraining {
        /// All that the lists before it hold.
        Joint = "joint",
        /// Nothing.
        Sequential = "sequential",
    }
}

settings! {
    /// The network.
    #[derive(Debug, Clone, PartialEq)]
    #[tag = "kind"]
    pub enum NetworkSettings {
        /// A bias-free ReLU network whose layers are all gain-modulated.
        Mlp = "mlp" {
            /// Neurons of each hidden layer.
            hidden: Vec<usize> [AtLeastOne],
            /// Hidden weights are drawn from N(0, this²).
            hidden_standard_deviation: f32 [NotNegative],
            /// Output weights are drawn from N(0, this²).
            output_standard_deviation: f32 [NotNegative],
        },
        /// A slim ResNet-18.
        SlimResnet18 = "slim-resnet18" {
            /// Channels of the first stage.
            width: usize [AtLeastOne],
            /// The head's weights are drawn from N(0, this²).
            head_standard_deviation: f32 [NotNegative],
            /// The layers that have gains.
            modulated: Vec<String>,
        },
    }
}

settings! {
    /// What every method shares.
    #[derive(Debug, Clone, PartialEq)]
    pub struct TrainingSettings {
        /// Samples a batch, drawn uniformly with replacement.
        pub batch: usize [AtLeastOne],
        /// Learning rate α.
        pub learning_rate: f32 [Positive],
        /// Training images are cropped to their size at random, after zero-padding each side by this many
        /// pixels; 0 leaves them as they are.
        pub crop_padding: usize [Between(0, 255, "pixels")] = 0,
        /// Training images are flipped left to right with probability ½.
        pub mirror: bool = false,
        /// One run for each seed and method.
        pub seeds: Vec<u64> [Distinct("seed")] = [42, 43, 44, 45, 46],
    }
}

settings! {
    /// How often the test samples are evaluated, and how many of them.
    #[derive(Debug, Clone, PartialEq)]
    pub struct EvaluationSettings {
        /// Iterations from one evaluation to the next (ρ in the paper); it divides those of a context, so
        /// that each ends with one.
        pub every: usize [AtLeastOne] = 1,
        /// At most this many test samples of a task, evenly spread over them; 0 for all.
        pub limit: usize = 0,
        /// The tasks that are evaluated.
        pub tasks: EvaluatedTasks = "first",
        /// Whether test images are cropped and flipped as training images are, anew at every evaluation: the
        /// paper's published code does that.
        pub augmented: bool = false,
    }
}

settings! {
    /// The tasks that are evaluated.
    pub enum EvaluatedTasks {
        /// The first context's.
        First = "first",
        /// What each context has added, from that context on.
        All = "all",
    }
}

settings! {
    /// g ← γ·g + (1−γ)·g0 + η·H.
    #[derive(Debug, Clone, PartialEq)]
    pub struct GainSettings {
        /// Decay γ, in [0, 1).
        pub gamma: f32 [Fraction],
        /// Tonic baseline g0.
        pub g0: f32 [Positive],
        /// Burst scale η.
        pub eta: f32 [NotNegative],
    }
}

settings! {
    /// One method: an optimiser, with or without gain modulation.
    #[derive(Debug, Clone, PartialEq)]
    pub struct MethodSettings {
        /// The name that `--methods` and file names use: "ngm-sgd".
        pub name: String [Name],
        /// What tables and figures call it: "NGM-SGD".
        pub label: String [Line],
        /// Whether the gains follow the entropy; otherwise g ≡ 1.
        pub gain_modulated: bool = false,
        /// The update rule.
        pub optimiser: Optimizer,
        /// The update rule of the layers that have no gains; that of the others if it is missing.
        pub backbone: Option<Optimizer>,
        /// Whether the optimiser's state is reset at each switch; not if it is missing.
        pub reset_at_switch: Option<bool>,
        /// What drives the gains; the entropy if it is missing.
        pub drive: Option<Drive>,
        /// Whether the gain sets the rate of learning alone and does not scale the weights; not if it is
        /// missing.
        pub only_slow: Option<bool>,
        /// The gain's constants for this method; those of the experiment if they are missing.
        pub gain: Option<GainSettings>,
        /// The learner; `gradient-descent` if it is missing. Another one is registered by its program.
        pub learner: Option<String>,
        /// Learning rate α; that of the experiment if it is missing.
        pub learning_rate: Option<f32> [Positive],
        /// How the learning rate changes within a context; it is constant if this is missing.
        pub schedule: Option<Schedule>,
        /// λ of decoupled weight decay; 0 if it is missing.
        pub weight_decay: Option<f32> [NotNegative],
        /// The regularizers, in the order in which they act; none if they are missing.
        pub regularisers: Option<Vec<RegularizerConfig>>,
        /// Which hidden units start anew; none if it is missing.
        pub replacement: Option<ReplacementConfig>,
        /// Settings of a registered learner, which reads them itself.
        pub parameters: Option<toml::Table>,
    }
}
