//! What a comodulation experiment is, as data.

use std::collections::BTreeSet;

use super::presets;
use crate::data::celeba;
use crate::error::{Error, Result};
use crate::gain::Draws;
use crate::learn::{GainSource, Modulator, Pass};
use crate::models::{Learnt, Modulated, Stem};
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
    /// A whole comodulation experiment: data, tasks, network, modulator, phases, methods and seeds.
    ///
    /// A network learns the primary tasks, then each method starts from it and learns the tasks.
    #[derive(Debug, Clone, PartialEq)]
    pub struct ComodulationSettings {
        /// That this is one: `comodulation`.
        pub kind: Kind,
        /// The name that `neurogain run` knows it by.
        pub name: String [Name],
        /// What a report's heading says.
        pub title: String [Line],
        /// What it is, and how its sizes were chosen.
        pub description: String = "",
        /// The samples.
        pub data: DataSettings,
        /// The network.
        pub network: ComodulationNetwork,
        /// The shared modulator, and what is made of it.
        pub modulator: Modulator,
        /// What both phases share.
        pub training: PhasesSettings,
        /// The phase in which the network learns the primary tasks.
        pub pretraining: PretrainingSettings,
        /// The phase in which each method learns the tasks.
        pub adaptation: AdaptationSettings,
        /// How many test samples are evaluated.
        pub evaluation: EvaluationLimit = {},
        /// What the network learns first, one after the other by batch.
        pub primary: Vec<TaskSettings> [NotEmpty("task")],
        /// What each method learns then, one after the other by batch.
        pub tasks: Vec<TaskSettings> [NotEmpty("task")],
        /// What is compared, in the order in which tables list it.
        pub methods: Vec<ComodulationMethod> [NotEmpty("method")],
    }
}

settings! {
    /// The kind of an experiment with settings of its own.
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
        /// Its stages, 1 to 4.
        pub stages: usize [Between(1, 4, "stages")],
        /// How it begins.
        pub stem: Stem,
        /// A safetensors file that the backbone's weights come from, by torchvision's names of a ResNet-18; drawn
        /// at random if it is missing.
        pub weights: Option<String>,
        /// Channels of the encoder's convolutions.
        pub encoder: usize [AtLeastOne],
        /// Which of them are modulated.
        pub modulated: Modulated,
        /// Neurons of the decoder.
        pub decoder: usize [AtLeastOne],
        /// Whether there are residual connections.
        pub residual: bool,
        /// Hidden neurons of the controller; 0 for a table of tasks.
        pub controller: usize,
    }
}

settings! {
    /// What both phases share.
    #[derive(Debug, Clone, PartialEq)]
    pub struct PhasesSettings {
        /// Samples a batch, drawn uniformly with replacement.
        pub batch: usize [AtLeastOne],
        /// The update rule.
        pub optimiser: Optimizer,
        /// One network a seed, and from it one run a method.
        pub seeds: Vec<u64> [Distinct("seed")] = [42, 43, 44, 45, 46],
    }
}

settings! {
    /// How the network learns the primary tasks.
    #[derive(Debug, Clone, PartialEq)]
    pub struct PretrainingSettings {
        /// Epochs behind which the methods start, ascending; each is compared on its own. An epoch is as many batches as
        /// hold the training samples once, drawn with replacement; primary tasks share it.
        pub epochs: Vec<usize>,
        /// Learning rate α.
        pub learning_rate: f32 [Positive],
    }
}

settings! {
    /// How a method learns the tasks.
    #[derive(Debug, Clone, PartialEq)]
    pub struct AdaptationSettings {
        /// Whether all tasks have one readout: then gains and modulation alone tell them apart. With a readout for
        /// each task, a readout that is learnt can make up for any gains above 0.
        pub shared_readout: bool,
        /// Batches of each task; the tasks take turns.
        pub iterations: usize [AtLeastOne],
        /// Learning rate α.
        pub learning_rate: f32 [Positive],
    }
}

settings! {
    /// How many test samples are evaluated.
    #[derive(Debug, Clone, PartialEq)]
    pub struct EvaluationLimit {
        /// At most so many of a task, evenly spread over them; 0 for all.
        pub limit: usize = 0,
    }
}

settings! {
    /// A task: which labels of the data make each of its classes, or which of the data's attributes it is.
    #[derive(Debug, Clone, PartialEq)]
    pub struct TaskSettings {
        /// Its name.
        pub name: String [Name],
        /// The labels of each class, which samples of other labels have no part in.
        pub classes: Option<Vec<Vec<u16>>>,
        /// The attribute that class 1 has and class 0 has not.
        pub attribute: Option<String>,
    }
}

settings! {
    /// What is learnt, and where the decoder's gains come from.
    #[derive(Debug, Clone, PartialEq)]
    pub struct ComodulationMethod {
        /// The name in file names: "comodulation".
        pub name: String [Name],
        /// What tables and figures call it.
        pub label: String [Line],
        /// Whether a controller couples the encoder's neurons to the modulator; otherwise c ≡ 0.
        pub controller: bool,
        /// Where the decoder's gains come from.
        pub gains: GainSource,
        /// What is learnt besides the readouts.
        pub learnt: Learnt,
    }
}

impl ComodulationSettings {
    /// The rules that concern several settings.
    pub(super) fn check(&self) -> Result<()> {
        check_data(&self.data)?;
        let count = self.modulator.count;
        let fits = self.modulator.draws != Draws::Antithetic || count.is_multiple_of(2);
        let expected = "an even number, as antithetic draws come in pairs";
        require(fits, "modulator.count", count, expected)?;
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
                "from a modulator that couples nothing",
                "with controller = false ones or mean-activity",
            )?;
            // Attention learns from the constant pass, whatever the others do.
            let by_constant = self.modulator.pass == Pass::Constant || !from_draws;
            require(
                self.modulator.constant != 0.0 || !method.controller || !by_constant,
                "modulator.constant",
                0,
                format!(
                    "another number than 0, under which the controller of {} learns nothing; or modulator.pass = \"fluctuating\" and no method whose gains need no draws",
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
                "false, or tasks of as many classes each: {} {one}, {} {other}",
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
                true => "an attribute, and no classes",
                false => "classes, and no attribute: only CelebA has them",
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
            let expected = format!("2 to 256 lists of labels from 0 to {most}, none twice");
            require(fits, &key, format!("{classes:?}"), expected)?;
        }
        Ok(())
    }
}

impl ComodulationSettings {
    /// The error for samples that a task cannot be learnt from.
    pub(super) fn no_samples(list: &str, task: &TaskSettings, found: &str) -> Error {
        let key = format!("{list}.{}", task.name);
        Error::setting(
            key,
            found,
            "training and test samples of at least two of its classes",
        )
    }
}
