//! What an experiment is, as data: the TOML of a preset or of a user's own file.

use serde::{Deserialize, Serialize};

use crate::learn::{Drive, RegularizerConfig, ReplacementConfig, Schedule};
use crate::optim::Optimizer;
use crate::stream::{MemoryKind, StreamKind};

use crate::data::{digits, mnist};

/// A whole experiment: data, contexts, network, training, methods and seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The name that `neurogain run` and the published records know it by.
    pub name: String,
    /// What a report's heading says.
    pub title: String,
    /// What it is, and how its sizes were chosen.
    pub description: String,
    /// The samples.
    pub data: DataSettings,
    /// The contexts.
    pub stream: StreamSettings,
    /// The network.
    pub network: NetworkSettings,
    /// What every method shares.
    pub training: TrainingSettings,
    /// How often, and on how much.
    pub evaluation: EvaluationSettings,
    /// The gain dynamics of the gain-modulated methods.
    pub gain: GainSettings,
    /// The methods by name, in the order in which tables list them.
    pub methods: Vec<MethodSettings>,
}

/// Where the samples come from and how pixels become inputs: `(x/maximum − mean)/standard_deviation`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// The format.
    pub source: DataSource,
    /// The pixel value that stands for full ink: 255 for MNIST, 16 for the digits.
    pub maximum: f32,
    /// Mean of the scaled pixels, one for each channel.
    pub mean: Vec<f32>,
    /// Standard deviation of the scaled pixels, one for each channel.
    pub standard_deviation: Vec<f32>,
    /// What a collection of images is called in the directory of the data; only with source "images".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Rows and columns that its images are resized to; only with sources "images" and "celeba".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<u32>,
}

/// The known sources of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataSource {
    /// The UCI digits that ship inside.
    Digits,
    /// Four IDX files in a directory.
    Mnist,
    /// Four IDX files of the same names in a directory of their own.
    FashionMnist,
    /// Six binary files in a directory.
    Cifar10,
    /// Two binary files in a directory; the labels are the 100 fine ones.
    Cifar100,
    /// Folders of PNG and JPEG images, or a file that `neurogain data pack` made of them.
    Images,
    /// CelebA's aligned images, attributes and partition: for comodulation experiments, whose tasks are its
    /// attributes.
    Celeba,
}

impl DataSource {
    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            DataSource::Digits => "digits",
            DataSource::Mnist => "mnist",
            DataSource::FashionMnist => "fashion-mnist",
            DataSource::Cifar10 => "cifar10",
            DataSource::Cifar100 => "cifar100",
            DataSource::Images => "images",
            DataSource::Celeba => "celeba",
        }
    }

    /// Classes of its samples; the most that there can be, where the samples themselves decide.
    pub fn classes(self) -> usize {
        match self {
            DataSource::Digits => digits::CLASSES,
            DataSource::Mnist | DataSource::FashionMnist => mnist::CLASSES,
            DataSource::Cifar10 => 10,
            DataSource::Cifar100 => 100,
            DataSource::Images => 256,
            DataSource::Celeba => 1,
        }
    }

    /// Channels of its images.
    pub fn channels(self) -> usize {
        match self {
            DataSource::Digits | DataSource::Mnist | DataSource::FashionMnist => 1,
            DataSource::Cifar10
            | DataSource::Cifar100
            | DataSource::Images
            | DataSource::Celeba => 3,
        }
    }
}

/// The sequence of contexts. Accuracy is measured on the test samples of the first context's list, or of
/// what each context's list adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSettings {
    /// What the lists of the contexts hold.
    pub kind: StreamKind,
    /// A list for each context: what its training samples are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contexts: Vec<Vec<u16>>,
    /// So many contexts, each with a list of one task, in place of `contexts`: [`crate::stream::numbered`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<usize>,
    /// Classes of each of the `tasks` of classes; all classes, shared evenly, if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes_per_task: Option<usize>,
    /// Whether classes come in a random order, drawn from `seed`: class c of the lists is the one that comes at
    /// place c. Not if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shuffle_classes: Option<bool>,
    /// The first context comes again after every so many others; never if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurring: Option<usize>,
    /// Whether each context also trains on all that earlier ones brought; only on its own list if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<StreamTraining>,
    /// Names the draws of labels and of the classes' order, which are the same for every run; 0 if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Training iterations in each context.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub iterations: usize,
    /// Training iterations of each context, one by one, in place of `iterations`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iterations_per_context: Option<Vec<usize>>,
    /// Passes over the samples of each context, in place of iterations:
    /// [`Settings::with_epochs_counted`] makes iterations of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<Epochs>,
    /// A bounded memory of old samples; all of them, joint training, if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemorySettings>,
}

/// A bounded memory in the place of joint training: [`crate::stream::replay`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemorySettings {
    /// How it is filled.
    pub kind: MemoryKind,
    /// Samples that it holds at most.
    pub size: usize,
}

/// What a context trains on besides its own list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamTraining {
    /// All that the lists before it hold.
    Joint,
    /// Nothing.
    Sequential,
}

/// Passes over the samples of the contexts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Epochs {
    /// As many in each.
    All(usize),
    /// One by one.
    Each(Vec<usize>),
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum NetworkSettings {
    /// A bias-free ReLU network whose layers are all gain-modulated: [`crate::models::Mlp`].
    Mlp {
        /// Neurons of each hidden layer.
        hidden: Vec<usize>,
        /// Hidden weights are drawn from N(0, this²).
        hidden_standard_deviation: f32,
        /// Output weights are drawn from N(0, this²).
        output_standard_deviation: f32,
    },
    /// A residual network: [`crate::models::SlimResNet`].
    SlimResnet18 {
        /// Channels of the first stage.
        width: usize,
        /// The head's weights are drawn from N(0, this²).
        head_standard_deviation: f32,
        /// The layers that have gains.
        modulated: Vec<String>,
    },
}

/// What every method shares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSettings {
    /// Samples a batch, drawn uniformly with replacement.
    pub batch: usize,
    /// Learning rate α.
    pub learning_rate: f32,
    /// Training images are cropped to their size at random, out of so many more black pixels on each
    /// side; 0 leaves them as they are.
    pub crop_padding: usize,
    /// Every other training image, at random, is mirrored left to right.
    pub mirror: bool,
    /// One run a seed and method.
    pub seeds: Vec<u64>,
}

/// How often the test samples are evaluated, and how many of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationSettings {
    /// Iterations from one evaluation to the next (ρ in the paper); it divides those of a context, so
    /// that each ends with one.
    pub every: usize,
    /// At most so many test samples of a task, evenly spread over them; 0 for all.
    pub limit: usize,
    /// The tasks that are evaluated.
    pub tasks: EvaluatedTasks,
    /// Whether test images are cropped and mirrored as training images are, anew at every evaluation: the
    /// paper's published code does that.
    pub augmented: bool,
}

/// The tasks that are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvaluatedTasks {
    /// The first context's.
    First,
    /// What each context has added, from that context on.
    All,
}

/// g ← γ·g + (1−γ)·g0 + η·H.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GainSettings {
    /// Decay γ, in [0, 1).
    pub gamma: f32,
    /// Tonic baseline g0.
    pub g0: f32,
    /// Burst scale η.
    pub eta: f32,
}

/// One method: an optimiser, with or without gain modulation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodSettings {
    /// The name that `--methods` and file names use: "ngm-sgd".
    pub name: String,
    /// What tables and figures call it: "NGM-SGD".
    pub label: String,
    /// Whether the gains follow the entropy; otherwise g ≡ 1.
    pub gain_modulated: bool,
    /// The update rule.
    pub optimiser: Optimizer,
    /// The update rule of the layers that have no gains; that of the others if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backbone: Option<Optimizer>,
    /// Whether the optimiser's state is forgotten at each switch; not if it is missing.
    #[serde(rename = "reset_at_switch", skip_serializing_if = "Option::is_none")]
    pub reset_optimizer_on_switch: Option<bool>,
    /// What drives the gains; the entropy if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drive: Option<Drive>,
    /// Whether the gain sets the rate of learning alone and does not scale the weights:
    /// [`crate::learn::GainConfig::slow_weights_only`]; not if it is missing.
    #[serde(rename = "only_slow", skip_serializing_if = "Option::is_none")]
    pub slow_weights_only: Option<bool>,
    /// The gain's constants for this method; those of the experiment if they are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<GainSettings>,
    /// The learner; `gradient-descent` if it is missing. Another one is
    /// [registered](crate::experiment::register) by its program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learner: Option<String>,
    /// Learning rate α; that of the experiment if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f32>,
    /// How the learning rate changes within a context; it is constant if this is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// λ of decoupled weight decay: [`crate::learn::OptimizerConfig::weight_decay`]; 0 if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f32>,
    /// The regularizers, in the order in which they act; none if they are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regularisers: Option<Vec<RegularizerConfig>>,
    /// Which hidden units start anew; none if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<ReplacementConfig>,
    /// Settings of a registered learner's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<toml::Table>,
}
