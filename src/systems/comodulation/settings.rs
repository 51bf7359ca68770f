//! The settings of a comodulation experiment.

use core::fmt;

use serde::Serialize;

use super::scenes::{self, SceneSettings};
use crate::counted::counted;
use crate::error::Result;
use crate::gain::{GainStatistic, Modulation, Rectification, SamplingScheme};
use crate::learn::{ControllerPass, GainGranularity, GainSource, Modulator, PixelScaling};
use crate::models::{CouplingGranularity, CouplingStart, ModulatedLayers, Stem, Trainable};
use crate::optim::Optimizer;
use crate::run::settings::document;
use crate::run::{DataSettings, DataSource};

document!(ComodulationSettings, "comodulation");

settings! {
    /// A comodulation experiment: data, tasks, network, modulator, phases, methods and seeds.
    ///
    /// A network is pretrained on the primary tasks. Then each method starts from it and learns the tasks.
    #[derive(Debug, Clone, PartialEq)]
    pub struct ComodulationSettings {
        /// The kind of experiment: "comodulation".
        pub kind: Kind,
        /// Name of the experiment. Run directories are named after it.
        pub name: String [Name],
        /// Title of the report.
        pub title: String [Line],
        /// Description, shown in the report.
        pub description: String = "",
        /// Samples and their scaling.
        pub data: DataSettings,
        /// Scenes of several digits, made from the samples. Default: the samples as they are.
        pub scenes: Option<SceneSettings>,
        /// The network.
        pub network: ComodulationNetwork,
        /// The shared modulator, and how gains are computed from it.
        pub modulator: Modulator,
        /// Training settings of both phases.
        pub training: PhasesSettings,
        /// Pretraining: the network learns the primary tasks.
        pub pretraining: PretrainingSettings,
        /// Readouts that are learnt before adaptation.
        pub readouts: ReadoutSettings = {},
        /// Adaptation: each method learns the tasks.
        pub adaptation: AdaptationSettings,
        /// Evaluation on test samples.
        pub evaluation: EvaluationLimit = {},
        /// The tasks of pretraining; they alternate batch by batch.
        pub primary: Vec<TaskSettings> [NotEmpty("task")],
        /// The tasks of each method; they alternate batch by batch.
        pub tasks: Vec<TaskSettings> [NotEmpty("task")],
        /// The methods to compare, in the order of tables.
        pub methods: Vec<ComodulationMethod> [NotEmpty("method")],
    }
}

settings! {
    /// The kind of experiment.
    pub enum Kind {
        /// Task adaptation by stochastic comodulation.
        Comodulation = "comodulation",
    }
}

settings! {
    /// The network: [`crate::models::Comodulated`].
    #[derive(Debug, Clone, PartialEq)]
    pub struct ComodulationNetwork {
        /// Channels of the backbone's first stage: 20 in the slim ResNet-18, 64 in the full one. Without stages,
        /// neurons for each cell.
        pub width: usize [AtLeastOne],
        /// The number of the backbone's stages; 0 for a backbone of cells: one layer that all cells of the image share.
        pub stages: usize [Between(0, 4, "stages")],
        /// Rows and columns of a cell, in pixels. Only without stages.
        pub cell: Option<usize> [AtLeastOne],
        /// The first layers of a backbone with stages.
        pub stem: Stem,
        /// A safetensors file with the backbone's initial weights, named as in torchvision's ResNet-18. A
        /// relative path starts at the working directory, or else at the data directory (`--data`). Default: random
        /// weights.
        pub weights: Option<String>,
        /// Channels of the encoder's first convolution; 128 in the paper.
        pub encoder: usize [AtLeastOne],
        /// Channels of its second convolution. Default: as many as the first.
        pub encoder_output: Option<usize> [AtLeastOne],
        /// Which convolutions of the encoder are modulated.
        pub modulated: ModulatedLayers,
        /// Which neurons of a modulated convolution share a coupling.
        pub couplings: CouplingGranularity = "channel",
        /// The couplings before the first batch.
        pub coupling_start: CouplingStart = "small",
        /// Neurons of the decoder, the layer that has gains; 256 in the paper.
        pub decoder: usize [AtLeastOne],
        /// Whether the decoder keeps places: `decoder` neurons at each pixel of the encoder's maps, with shared weights,
        /// each with a gain. Otherwise the maps are averaged over pixels.
        pub places: bool = false,
        /// Whether residual connections skip the encoder's second convolution and the decoder.
        pub residual: bool,
        /// Hidden neurons of the controller; 0 for a table with couplings for each task.
        pub controller: usize,
    }
}

settings! {
    /// Training settings of both phases.
    #[derive(Debug, Clone, PartialEq)]
    pub struct PhasesSettings {
        /// Samples per batch, drawn uniformly with replacement.
        pub batch: usize [AtLeastOne],
        /// The update rule.
        pub optimizer: Optimizer,
        /// The seeds; for each, one network is pretrained, and each method starts from it.
        pub seeds: Vec<u64> [Distinct("seed")] = [42, 43, 44, 45, 46],
    }
}

settings! {
    /// Pretraining: the network learns the primary tasks.
    #[derive(Debug, Clone, PartialEq)]
    pub struct PretrainingSettings {
        /// The numbers of epochs after which the methods start, ascending; each is evaluated separately. One epoch is
        /// the number of batches that hold as many samples as the training set; the primary tasks share it.
        pub epochs: Vec<usize>,
        /// How the primary tasks share the batches.
        pub tasks: PrimaryTurns = "alternate",
        /// Learning rate α.
        pub learning_rate: f32 [Positive],
    }
}

settings! {
    /// How the primary tasks share the batches of pretraining.
    pub enum PrimaryTurns {
        /// Each batch is for one task; the tasks take turns.
        Alternate = "alternate",
        /// Each batch is for all tasks, and the loss is the sum over tasks: every task must label every sample, as
        /// attributes do.
        Together = "together",
    }
}

settings! {
    /// The readouts that a method uses.
    pub enum ReadoutSource {
        /// Those of the pretrained network, frozen; each task is one of the primary tasks, or a subset of its labels.
        Primary = "primary",
        /// New ones, learnt before adaptation without modulation (c = 0, g = 1), then frozen; all methods share them.
        Before = "before",
        /// New ones, learnt together with the method's other parameters.
        Learnt = "learnt",
    }
}

settings! {
    /// Readouts that are learnt before adaptation, on all training samples of the tasks; the network is frozen. Only
    /// for methods with readout "before".
    #[derive(Debug, Clone, PartialEq)]
    pub struct ReadoutSettings {
        /// Batches per task; the tasks alternate.
        pub iterations: usize [AtLeastOne] = 200,
        /// Learning rate α.
        pub learning_rate: f32 [Positive] = 0.001,
    }
}

settings! {
    /// Adaptation: a method learns the tasks.
    #[derive(Debug, Clone, PartialEq)]
    pub struct AdaptationSettings {
        /// The readouts of every method that does not name its own.
        pub readout: ReadoutSource = "learnt",
        /// Whether all tasks share one readout. Then only gains and modulation differ between tasks. With a readout
        /// per task, a readout that is learnt can compensate for any gains above 0.
        pub shared_readout: bool,
        /// The numbers of labelled samples per task, each a condition that is evaluated separately: one half is for
        /// training, the other for validation. Of the states after every `validate_every` iterations and after the
        /// last one, the one with the lowest cross-entropy in validation is kept.
        /// Empty: all training samples, without validation.
        pub samples: Vec<usize> = [],
        /// Batches per task; the tasks alternate.
        pub iterations: usize [AtLeastOne],
        /// Iterations between two validations. Only with `samples`.
        pub validate_every: usize [AtLeastOne] = 10,
        /// Samples per batch. Default: training.batch.
        pub batch: Option<usize> [AtLeastOne],
        /// Learning rates α. With several, a method learns with each, and keeps the best state in validation. A run
        /// diverges if it does with any of them.
        pub learning_rates: Vec<f32> [Positive],
    }
}

settings! {
    /// Evaluation on test samples.
    #[derive(Debug, Clone, PartialEq)]
    pub struct EvaluationLimit {
        /// The largest number of test samples per task, evenly spread; 0 for all.
        pub limit: usize = 0,
    }
}

settings! {
    /// A task: either classes, made of the data's labels, or one binary attribute of the data.
    #[derive(Debug, Clone, PartialEq)]
    pub struct TaskSettings {
        /// Name of the task.
        pub name: String [Name],
        /// The data's labels in each class, such as [[0, 2], [1, 3]]. Samples with other labels are not used.
        pub classes: Option<Vec<Vec<u16>>>,
        /// The data's labels whose samples are used: a subset of the labels, read by a softmax over all classes.
        /// Without `classes`, each of the data's labels is a class.
        pub labels: Option<Vec<u16>>,
        /// The cued cell, counted from 0 along rows: its digit is the label. Only with `scenes`.
        pub cell: Option<usize>,
        /// The attribute, for CelebA: class 1 has it, class 0 does not.
        pub attribute: Option<String>,
    }
}

settings! {
    /// One method: the trained parameters, and the source of the decoder's gains.
    #[derive(Debug, Clone, PartialEq)]
    pub struct ComodulationMethod {
        /// Name in `--methods` and file names, such as "comodulation".
        pub name: String [Name],
        /// Name in tables and figures.
        pub label: String [Line],
        /// Whether a controller couples the encoder's neurons to the modulator; otherwise c ≡ 0.
        pub controller: bool,
        /// The source of the decoder's gains.
        pub gains: GainSource,
        /// The parameters that are trained besides the readouts.
        pub trainable: Trainable,
        /// Its readouts. Default: adaptation.readout.
        pub readout: Option<ReadoutSource>,
        /// What differs from `modulator` for this method.
        pub modulator: ModulatorChanges = {},
    }
}

settings! {
    /// Settings of the modulator that a method changes; the others are those of `modulator`.
    #[derive(Debug, Clone, PartialEq)]
    pub struct ModulatorChanges {
        /// σ, the standard deviation of the draws.
        pub std: Option<f32> [NotNegative],
        /// T, the number of draws per batch.
        pub num_draws: Option<usize> [Between(2, 65536, "draws: one has no covariance")],
        /// How they are drawn.
        pub sampling: Option<SamplingScheme>,
        /// A neuron's gain under a draw.
        pub modulation: Option<Modulation>,
        /// The statistic that relates an activity to the draws.
        pub statistic: Option<GainStatistic>,
        /// How a negative statistic is treated.
        pub rectification: Option<Rectification>,
        /// Whether each task or each image has its own gains.
        pub granularity: Option<GainGranularity>,
        /// The pass that the controller learns from.
        pub controller_pass: Option<ControllerPass>,
    }
}

/// What a method starts from, beside the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Epochs of pretraining.
    pub epochs: usize,
    /// Labelled samples per task; `None` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
}

impl Condition {
    /// Its values by name.
    pub(super) fn named(self) -> Vec<(&'static str, usize)> {
        let samples = self.samples.map(|samples| ("samples", samples));
        [("epochs", self.epochs)]
            .into_iter()
            .chain(samples)
            .collect()
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&counted(self.epochs, "epoch"))?;
        match self.samples {
            Some(samples) => write!(f, ", {}", counted(samples, "sample")),
            None => Ok(()),
        }
    }
}

impl TaskSettings {
    /// The labels of each class: those given, or each of the data's labels if only a subset of them is used.
    pub(super) fn class_labels(&self, source: DataSource) -> Vec<Vec<u16>> {
        match (&self.classes, &self.labels) {
            (Some(classes), _) => classes.clone(),
            (None, Some(_)) => (0..source.classes() as u16)
                .map(|label| vec![label])
                .collect(),
            (None, None) => Vec::new(),
        }
    }

    /// The number of classes.
    pub(super) fn class_count(&self, source: DataSource) -> usize {
        match self.class_labels(source).len() {
            0 => 2,
            count => count,
        }
    }

    /// The labels whose samples are used.
    pub(super) fn used_labels(&self, source: DataSource) -> Vec<u16> {
        match &self.labels {
            Some(labels) => labels.clone(),
            None => self.class_labels(source).concat(),
        }
    }

    /// Whether a readout for `other` serves this task: the same classes, of which it has learnt those that this task
    /// uses, or the same attribute.
    fn read_as(&self, other: &TaskSettings, source: DataSource) -> bool {
        match &self.attribute {
            Some(_) => self.attribute == other.attribute,
            None => {
                let known = other.used_labels(source);
                let used = self.used_labels(source);
                self.class_labels(source) == other.class_labels(source)
                    && used.iter().all(|label| known.contains(label))
            }
        }
    }
}

impl ComodulationMethod {
    /// The modulator of this method.
    pub(super) fn modulator(&self, base: &Modulator) -> Modulator {
        let own = &self.modulator;
        Modulator {
            std: own.std.unwrap_or(base.std),
            num_draws: own.num_draws.unwrap_or(base.num_draws),
            sampling: own.sampling.unwrap_or(base.sampling),
            modulation: own.modulation.unwrap_or(base.modulation),
            test_modulator: base.test_modulator,
            statistic: own.statistic.unwrap_or(base.statistic),
            rectification: own.rectification.unwrap_or(base.rectification),
            granularity: own.granularity.unwrap_or(base.granularity),
            controller_pass: own.controller_pass.unwrap_or(base.controller_pass),
        }
    }
}

impl ComodulationSettings {
    /// The conditions of every method, in the order of tables.
    pub fn conditions(&self) -> Vec<Condition> {
        let samples = &self.adaptation.samples;
        let numbers: Vec<Option<usize>> = match samples.is_empty() {
            true => vec![None],
            false => samples.iter().copied().map(Some).collect(),
        };
        let epochs = self.pretraining.epochs.iter();
        let of = |&epochs: &usize| {
            let numbers = numbers.clone().into_iter();
            numbers.map(move |samples| Condition { epochs, samples })
        };
        epochs.flat_map(of).collect()
    }

    /// The readouts of a method.
    pub(super) fn readout(&self, method: &ComodulationMethod) -> ReadoutSource {
        method.readout.unwrap_or(self.adaptation.readout)
    }

    /// Whether a method uses these readouts.
    pub(super) fn reads(&self, source: ReadoutSource) -> bool {
        let mut methods = self.methods.iter();
        methods.any(|method| self.readout(method) == source)
    }

    /// The number of the primary task whose readout serves a task.
    pub(super) fn primary_of(&self, task: &TaskSettings) -> Option<usize> {
        let mut primary = self.primary.iter();
        primary.position(|other| task.read_as(other, self.data.source))
    }

    /// Samples per batch of adaptation.
    pub(super) fn adaptation_batch(&self) -> usize {
        self.adaptation.batch.unwrap_or(self.training.batch)
    }

    /// The scaling of pixels to inputs.
    pub(super) fn scaling(&self) -> PixelScaling {
        match self.scenes {
            Some(_) => scenes::scaling(),
            None => self.data.scaling(),
        }
    }
}
