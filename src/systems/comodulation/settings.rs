//! The settings of a comodulation experiment.

use std::collections::BTreeSet;

use super::presets;
use crate::data::celeba;
use crate::error::{Error, Result};
use crate::gain::SamplingScheme;
use crate::learn::{ControllerPass, GainSource, Modulator};
use crate::models::{ModulatedLayers, Stem, Trainable};
use crate::optim::Optimizer;
use crate::run::settings::{document, require};
use crate::run::{DataSettings, DataSource, check_data};

document!(
    ComodulationSettings,
    "comodulation",
    presets::PRESETS,
    presets::VARIANTS,
    presets::SWEEPS
);

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
        /// The network.
        pub network: ComodulationNetwork,
        /// The shared modulator, and how gains are computed from it.
        pub modulator: Modulator,
        /// Training settings of both phases.
        pub training: PhasesSettings,
        /// Pretraining: the network learns the primary tasks.
        pub pretraining: PretrainingSettings,
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
        /// Channels of the backbone's first stage: 20 in the slim ResNet-18, 64 in the full one.
        pub width: usize [AtLeastOne],
        /// The number of the backbone's stages.
        pub stages: usize [Between(1, 4, "stages")],
        /// The backbone's first layers.
        pub stem: Stem,
        /// A safetensors file with the backbone's initial weights, named as in torchvision's ResNet-18. Default: random
        /// weights.
        pub weights: Option<String>,
        /// Channels of each of the encoder's two convolutions; 128 in the paper.
        pub encoder: usize [AtLeastOne],
        /// Which convolutions of the encoder are modulated.
        pub modulated: ModulatedLayers,
        /// Neurons of the decoder, the layer that has gains; 256 in the paper.
        pub decoder: usize [AtLeastOne],
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
        /// Learning rate α.
        pub learning_rate: f32 [Positive],
    }
}

settings! {
    /// Adaptation: a method learns the tasks.
    #[derive(Debug, Clone, PartialEq)]
    pub struct AdaptationSettings {
        /// Whether all tasks share one readout. Then only gains and modulation differ between tasks. With a readout
        /// per task, the readout can compensate for any gains above 0.
        pub shared_readout: bool,
        /// Batches per task; the tasks alternate.
        pub iterations: usize [AtLeastOne],
        /// Learning rate α.
        pub learning_rate: f32 [Positive],
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
    }
}

impl ComodulationSettings {
    /// Checks the rules that concern several settings.
    pub(super) fn check(&self) -> Result<()> {
        check_data(&self.data)?;
        let count = self.modulator.num_draws;
        let fits = self.modulator.sampling != SamplingScheme::Antithetic || count.is_multiple_of(2);
        let expected = "an even number, because antithetic draws come in pairs";
        require(fits, "modulator.num_draws", count, expected)?;
        self.modulator.validate()?;
        let epochs = &self.pretraining.epochs;
        let fits = !epochs.is_empty() && epochs.windows(2).all(|pair| pair[0] < pair[1]);
        let expected = "at least one number of epochs, ascending, such as [1, 2, 5]";
        require(fits, "pretraining.epochs", format!("{epochs:?}"), expected)?;
        self.check_tasks("primary", &self.primary)?;
        self.check_tasks("tasks", &self.tasks)?;
        self.check_readout()?;
        self.check_methods()
    }

    fn check_methods(&self) -> Result<()> {
        for method in &self.methods {
            let key = format!("methods.{}", method.name);
            let from_draws = matches!(
                method.gains,
                GainSource::Comodulation | GainSource::Shuffled
            );
            require(
                method.controller || !from_draws,
                &format!("{key}.gains"),
                "from draws of the modulator, with controller = false",
                "\"ones\" or \"mean-activity\", or controller = true",
            )?;
            // Methods without draws, such as attention, always learn from the constant pass.
            let by_constant =
                self.modulator.controller_pass == ControllerPass::Constant || !from_draws;
            require(
                self.modulator.test_modulator != 0.0 || !method.controller || !by_constant,
                "modulator.test_modulator",
                0,
                format!(
                    "a number other than 0, because with 0 the controller of {} learns nothing; or modulator.controller_pass = \"fluctuating\" and only methods whose gains use the draws",
                    method.name
                ),
            )?;
        }
        Ok(())
    }

    fn check_readout(&self) -> Result<()> {
        let classes = |task: &TaskSettings| task.classes.as_ref().map_or(2, Vec::len);
        for pair in self.tasks.windows(2) {
            let [one, other] = [classes(&pair[0]), classes(&pair[1])];
            let fits = !self.adaptation.shared_readout || one == other;
            let expected = format!(
                "false, or tasks with equal numbers of classes: {} has {one}, {} has {other}",
                pair[0].name, pair[1].name
            );
            require(fits, "adaptation.shared_readout", true, expected)?;
        }
        Ok(())
    }

    fn check_tasks(&self, list: &str, tasks: &[TaskSettings]) -> Result<()> {
        for task in tasks {
            let key = format!("{list}.{}", task.name);
            let of_attributes = self.data.source == DataSource::Celeba;
            let given = [task.classes.is_some(), task.attribute.is_some()];
            let expected = match of_attributes {
                true => "an attribute and no classes",
                false => "classes and no attribute: only CelebA has attributes",
            };
            let fits = given == [!of_attributes, of_attributes];
            require(fits, &key, format!("{task:?}"), expected)?;
            if let Some(attribute) = &task.attribute {
                let known = celeba::ATTRIBUTES.contains(&attribute.as_str());
                let expected = format!("one of {}", celeba::ATTRIBUTES.join(", "));
                require(known, &format!("{key}.attribute"), attribute, expected)?;
            }
            let Some(classes) = &task.classes else {
                continue;
            };
            let key = format!("{key}.classes");
            let labels: Vec<u16> = classes.concat();
            let distinct: BTreeSet<u16> = labels.iter().copied().collect();
            let most = self.data.source.classes() - 1;
            let fits = (2..=256).contains(&classes.len())
                && classes.iter().all(|class| !class.is_empty())
                && labels.iter().all(|&label| usize::from(label) <= most)
                && distinct.len() == labels.len();
            let expected =
                format!("2 to 256 lists of labels from 0 to {most}, each label at most once");
            require(fits, &key, format!("{classes:?}"), expected)?;
        }
        Ok(())
    }
}

impl ComodulationSettings {
    /// The error for a task without usable samples.
    pub(super) fn no_samples(list: &str, task: &TaskSettings, found: &str) -> Error {
        let key = format!("{list}.{}", task.name);
        Error::setting(
            key,
            found,
            "training and test samples of at least two of its classes",
        )
    }
}
