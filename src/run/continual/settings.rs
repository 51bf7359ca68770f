//! The settings that several systems share: stream, network, training, methods.

use crate::learn::{
    Drive, GainTarget, MamlConfig, RandomCropFlip, RegularizerConfig, ReplacementConfig, Sampling,
    Schedule,
};
use crate::models::{Activation, ConvolutionConfig, NeuMoSyncConfig};
use crate::optim::Optimizer;
use crate::stream::{ReplayKind, StreamKind};

settings! {
    /// The sequence of contexts. Each context has a list (of classes, angles or numbers) that selects its samples;
    /// the first list, and whatever each later list adds, is a task.
    #[derive(Debug, Clone, PartialEq)]
    pub struct StreamSettings {
        /// What the lists of the contexts contain: classes, angles, permutations or label assignments.
        pub kind: StreamKind,
        /// One list per context: the classes, angles or numbers of its samples. Leave it out if `tasks` is given.
        pub contexts: Vec<Vec<u16>> = [],
        /// The number of contexts, each with one new task. Replaces `contexts`.
        pub tasks: Option<usize> [AtLeastOne],
        /// The number of classes in each of the `tasks`. Default: all classes, divided evenly and rounded
        /// down: classes that remain are not used.
        pub classes_per_task: Option<usize> [AtLeastOne],
        /// Whether the order of classes is random, drawn from `seed`: number c in a list then means the class at
        /// position c of that order. Default: false.
        pub shuffle_classes: Option<bool>,
        /// The first context recurs after every group of this many other contexts. Default: never.
        pub recurring: Option<usize> [AtLeastOne],
        /// Whether each context also trains on the samples of earlier contexts. Default: "sequential".
        pub training: Option<StreamTraining>,
        /// The seed of random labels and of the order of classes, which are the same in every run. Default: 0.
        pub seed: Option<u64> [Between(0, 9223372036854775807, "as a seed")],
        /// Training iterations of each context; 0 if `iterations_per_context` or `epochs` is given.
        pub iterations: usize = 0,
        /// Training iterations, one number per context. Replaces `iterations`. With `epochs`, a run writes their number here.
        pub iterations_per_context: Option<Vec<usize>> [AtLeastOne],
        /// Epochs: a list with one number per context, or with one number for all. Replaces `iterations`. One epoch is
        /// the number of iterations that draw as many samples as the context has.
        pub epochs: Option<Vec<usize>> [AtLeastOne],
        /// A replay memory of limited size for old samples. Default: none; joint training then uses all old samples.
        pub replay: Option<ReplaySettings>,
    }
}

settings! {
    /// A replay memory of limited size: [`crate::stream::replay`].
    #[derive(Debug, Clone, PartialEq)]
    pub struct ReplaySettings {
        /// How the memory selects samples.
        pub kind: ReplayKind,
        /// The largest number of stored samples.
        pub size: usize [AtLeastOne],
    }
}

settings! {
    /// The training samples of a context.
    pub enum StreamTraining {
        /// The samples of its own list and of all earlier lists.
        Joint = "joint",
        /// Those of its own list only.
        Sequential = "sequential",
    }
}

settings! {
    /// The network.
    #[derive(Debug, Clone, PartialEq)]
    #[tag = "kind"]
    pub enum NetworkSettings {
        /// A multilayer perceptron without biases, with ReLU; all layers have gains.
        Mlp = "mlp" {
            /// Number of neurons of each hidden layer.
            hidden: Vec<usize> [AtLeastOne],
            /// Standard deviation of the initial hidden weights, drawn from N(0, σ²).
            hidden_standard_deviation: f32 [NotNegative],
            /// Standard deviation of the initial output weights, drawn from N(0, σ²).
            output_standard_deviation: f32 [NotNegative],
        },
        /// A feed-forward network with biases and PyTorch's default initialisation: convolutions, then linear layers.
        /// Gain-modulated methods modulate every layer.
        Feedforward = "feedforward" {
            /// The convolutions, in order. Default: none.
            convolutions: Vec<ConvolutionConfig> = [],
            /// Number of neurons of each hidden linear layer.
            hidden: Vec<usize> [AtLeastOne],
        },
        /// A slim ResNet-18, for square images.
        SlimResnet18 = "slim-resnet18" {
            /// Channels of the first stage.
            width: usize [AtLeastOne],
            /// Standard deviation of the head's initial weights, drawn from N(0, σ²).
            head_standard_deviation: f32 [NotNegative],
            /// Names of the layers that have gains, such as "head".
            modulated: Vec<String>,
        },
    }
}

settings! {
    /// Training settings that all methods share.
    #[derive(Debug, Clone, PartialEq)]
    pub struct TrainingSettings {
        /// Samples per batch.
        pub batch: usize [AtLeastOne],
        /// How the samples of a batch are chosen. Default: "uniform".
        pub sampling: Option<Sampling>,
        /// Learning rate α.
        pub learning_rate: f32 [Positive],
        /// Training images are zero-padded by this many pixels on each side, then cropped at a random position to their
        /// original size; 0 for no cropping.
        pub crop_padding: usize [Between(0, 255, "pixels")] = 0,
        /// Training images are flipped left to right with probability ½.
        pub horizontal_flip: bool = false,
        /// The seeds; each method runs once per seed.
        pub seeds: Vec<u64> [Distinct("seed")] = [42, 43, 44, 45, 46],
    }
}

settings! {
    /// Gain dynamics: g ← γ·g + (1−γ)·g0 + η·H, where H is the softmax entropy of the last batch in nats.
    #[derive(Debug, Clone, PartialEq)]
    pub struct GainSettings {
        /// Decay γ.
        pub gamma: f32 [Fraction],
        /// Tonic baseline g0.
        pub g0: f32 [Positive],
        /// Burst scale η.
        pub eta: f32 [NotNegative],
    }
}

settings! {
    /// One method: an optimizer, with or without gain modulation.
    #[derive(Debug, Clone, PartialEq)]
    pub struct MethodSettings {
        /// Name in `--methods` and file names, such as "ngm-sgd".
        pub name: String [Name],
        /// Name in tables and figures, such as "NGM-SGD".
        pub label: String [Line],
        /// Whether the layers have gains that follow `drive`; otherwise g ≡ 1.
        pub gain_modulated: bool = false,
        /// The update rule.
        pub optimizer: Optimizer,
        /// The update rule of the layers without gains. Default: `optimizer`.
        pub backbone: Option<Optimizer>,
        /// Whether the optimizer's state is reset at each switch of context. Default: false.
        pub reset_optimizer_on_switch: Option<bool>,
        /// The quantity that drives the gains. Default: the entropy.
        pub drive: Option<Drive>,
        /// What the gain acts on; recorded gains are those of weights, and stay 1 for another target. Default: the weights.
        pub gain_target: Option<GainTarget>,
        /// The constants of the gain dynamics for this method. Default: those of the experiment.
        pub gain: Option<GainSettings>,
        /// The nonlinearity of a feed-forward network. The hidden layers become narrower if it needs more parameters, so
        /// that all methods have about the same number of parameters. Default: "relu".
        pub activation: Option<Activation>,
        /// Whether a feed-forward network has layer normalisation before each nonlinearity. Default: false.
        pub layer_norm: Option<bool>,
        /// The learner. Default: `gradient-descent`. A program can register further learners.
        pub learner: Option<String>,
        /// Learning rate α. Default: that of the experiment.
        pub learning_rate: Option<f32> [Positive],
        /// The schedule of the learning rate within a context. Default: constant.
        pub schedule: Option<Schedule>,
        /// λ of decoupled weight decay. Default: 0.
        pub weight_decay: Option<f32> [NotNegative],
        /// The largest norm of the gradient of all parameters; longer gradients are scaled down to it. Default: no limit.
        pub clip: Option<f32> [Positive],
        /// The regularizers, in the order of application. Default: none.
        pub regularizers: Option<Vec<RegularizerConfig>>,
        /// The rule that reinitialises hidden units. Default: none.
        pub replacement: Option<ReplacementConfig>,
        /// NeuMoSync's settings, for learner = "neumosync". Default: those of each of its keys.
        pub neumosync: Option<NeuMoSyncConfig>,
        /// MAML's settings, for learner = "maml". Default: those of each of its keys.
        pub maml: Option<MamlConfig>,
        /// Settings of a registered learner, which checks them itself.
        pub parameters: Option<toml::Table>,
    }
}

impl MethodSettings {
    /// Whether weights are multiplied by gains.
    pub(crate) fn modulates_weights(&self) -> bool {
        self.gain_modulated && self.gain_target.is_none_or(|of| of == GainTarget::Weights)
    }
}

impl NetworkSettings {
    /// The value of `kind`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            NetworkSettings::Mlp { .. } => "mlp",
            NetworkSettings::Feedforward { .. } => "feedforward",
            NetworkSettings::SlimResnet18 { .. } => "slim-resnet18",
        }
    }
}

impl TrainingSettings {
    /// The augmentation of training images.
    pub(crate) fn transform(&self) -> RandomCropFlip {
        RandomCropFlip {
            padding: u8::try_from(self.crop_padding).unwrap_or(u8::MAX),
            horizontal_flip: self.horizontal_flip,
        }
    }
}
