//! What a comodulation experiment is, as data.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::keys;
use crate::data::celeba;
use crate::error::{Error, Result};
use crate::experiment::keys::Key;
use crate::experiment::text::{self, Document};
use crate::experiment::validate::{self, line, positive, require, whole};
use crate::experiment::{DataSettings, DataSource};
use crate::gain::Draws;
use crate::learn::{GainSource, Modulator, Pass};
use crate::models::{Learnt, Modulated, STAGES, Stem};
use crate::optim::Optimizer;

/// Draws a batch, at most: each is a pass through encoder and decoder, and all are held at once.
const MOST_DRAWS: usize = 1 << 16;

/// A whole comodulation experiment: data, tasks, network, modulator, phases, arms and seeds.
///
/// A network learns the primary tasks, then each arm starts from it and learns the tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComodulationSettings {
    /// That this is one: `comodulation`.
    pub kind: Kind,
    /// The name that `neurogain run` knows it by.
    pub name: String,
    /// What a report's heading says.
    pub title: String,
    /// What it is, and how its sizes were chosen.
    pub description: String,
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
    /// The phase in which each arm learns the tasks.
    pub adaptation: AdaptationSettings,
    /// How many test samples are evaluated.
    pub evaluation: EvaluationLimit,
    /// What the network learns first, one after the other by batch.
    pub primary: Vec<TaskSettings>,
    /// What each arm learns then, one after the other by batch.
    pub tasks: Vec<TaskSettings>,
    /// What is compared, in the order in which tables list it.
    pub arms: Vec<ArmSettings>,
}

/// The kind of an experiment with settings of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// [`ComodulationSettings`].
    Comodulation,
}

/// The network: [`crate::models::Comodulated`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComodulationNetwork {
    /// Channels of the backbone's first stage: 20 in the slim ResNet-18, 64 in the full one.
    pub width: usize,
    /// Its stages, 1 to 4.
    pub stages: usize,
    /// How it begins.
    pub stem: Stem,
    /// A safetensors file that the backbone's weights come from, by torchvision's names of a ResNet-18; drawn
    /// at random if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Channels of the encoder's convolutions.
    pub encoder: usize,
    /// Which of them are modulated.
    pub modulated: Modulated,
    /// Neurons of the decoder.
    pub decoder: usize,
    /// Whether there are residual connections.
    pub residual: bool,
    /// Hidden neurons of the controller; 0 for a table of tasks.
    pub controller: usize,
}

/// What both phases share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhasesSettings {
    /// Samples a batch, drawn uniformly with replacement.
    pub batch: usize,
    /// The update rule.
    pub optimiser: Optimizer,
    /// One network a seed, and from it one run an arm.
    pub seeds: Vec<u64>,
}

/// How the network learns the primary tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainingSettings {
    /// Epochs behind which the arms start, ascending; each is compared on its own. An epoch is as many batches as
    /// hold the training samples once, drawn with replacement; primary tasks share it.
    pub epochs: Vec<usize>,
    /// Learning rate α.
    pub learning_rate: f32,
}

/// How an arm learns the tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptationSettings {
    /// Whether all tasks have one readout: then gains and modulation alone tell them apart. With a readout for
    /// each task, a readout that is learnt can make up for any gains above 0.
    pub shared_readout: bool,
    /// Batches of each task; the tasks take turns.
    pub iterations: usize,
    /// Learning rate α.
    pub learning_rate: f32,
}

/// How many test samples are evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationLimit {
    /// At most so many of a task, evenly spread over them; 0 for all.
    pub limit: usize,
}

/// A task: which labels of the data make each of its classes, or which of the data's attributes it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSettings {
    /// Its name.
    pub name: String,
    /// The labels of each class, which samples of other labels have no part in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<Vec<u16>>>,
    /// The attribute that class 1 has and class 0 has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
}

/// What is learnt, and where the decoder's gains come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmSettings {
    /// The name in file names: "comodulation".
    pub name: String,
    /// What tables and figures call it.
    pub label: String,
    /// Whether a controller couples the encoder's neurons to the modulator; otherwise c ≡ 0.
    pub controller: bool,
    /// Where the decoder's gains come from.
    pub gains: GainSource,
    /// What is learnt besides the readouts.
    pub learnt: Learnt,
}

impl Document for ComodulationSettings {
    const KEYS: &'static [Key] = keys::SETTINGS;

    fn check(&self) -> Result<()> {
        self.validate()
    }
}

impl ComodulationSettings {
    /// Reads a TOML document and checks every value; `source_name` is what errors call it.
    ///
    /// # Errors
    /// [`Error::Format`] that names the source, the line and the key.
    pub fn from_toml(text: &str, source_name: &str) -> Result<Self> {
        text::from_text(text, source_name)
    }

    /// Reads a file with [`from_toml`](Self::from_toml).
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, otherwise as [`from_toml`](Self::from_toml).
    pub fn from_file(path: &Path) -> Result<Self> {
        text::from_text(&text::read(path)?, &path.display().to_string())
    }

    /// The TOML document that [`from_toml`](Self::from_toml) reads back to equal settings.
    ///
    /// # Errors
    /// [`Error::Setting`] where [`validate`](Self::validate) refuses a value.
    pub fn to_toml(&self) -> Result<String> {
        text::to_text(self)
    }

    /// These settings with each `key=value` applied in turn, as
    /// [`Settings::with_overrides`](crate::experiment::Settings::with_overrides) does.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a key that is none, [`Error::Setting`] for a wrong value.
    pub fn with_overrides<S: AsRef<str>>(&self, overrides: &[S]) -> Result<Self> {
        text::changed(self, overrides)
    }

    /// These settings with other seeds.
    ///
    /// # Errors
    /// [`Error::Setting`] for none or one twice.
    pub fn with_seeds(mut self, seeds: &[u64]) -> Result<Self> {
        self.training.seeds = seeds.to_vec();
        self.validate()?;
        Ok(self)
    }

    /// These settings with only the named arms, in the order named.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that is none of them, [`Error::Setting`] for none or one twice.
    pub fn with_arms<S: AsRef<str>>(&self, names: &[S]) -> Result<Self> {
        let mut chosen = self.clone();
        chosen.arms.clear();
        for name in names {
            let found = self.arms.iter().find(|arm| arm.name == name.as_ref());
            chosen.arms.push(found.cloned().ok_or_else(|| {
                let known: Vec<String> = self.arms.iter().map(|arm| arm.name.clone()).collect();
                crate::experiment::unknown("arm", name.as_ref(), &known)
            })?);
        }
        chosen.validate()?;
        Ok(chosen)
    }

    /// Whether every value is in its range.
    ///
    /// # Errors
    /// [`Error::Setting`] that names the first that is not, its value, and what would be right.
    pub fn validate(&self) -> Result<()> {
        validate::name("name", &self.name)?;
        line("title", &self.title)?;
        validate::data(&self.data)?;
        let network = &self.network;
        for (key, size) in [
            ("network.width", network.width),
            ("network.encoder", network.encoder),
            ("network.decoder", network.decoder),
            ("training.batch", self.training.batch),
            ("adaptation.iterations", self.adaptation.iterations),
        ] {
            whole(key, size)?;
        }
        let stages = network.stages;
        let fits = (1..=STAGES).contains(&stages);
        require(fits, "network.stages", stages, "1 to 4 stages")?;
        self.validate_draws()?;
        validate::rule("training.optimiser", self.training.optimiser)?;
        validate::seeds("training.seeds", &self.training.seeds)?;
        let rates = [
            ("pretraining.learning_rate", self.pretraining.learning_rate),
            ("adaptation.learning_rate", self.adaptation.learning_rate),
        ];
        for (key, rate) in rates {
            positive(key, rate)?;
        }
        let epochs = &self.pretraining.epochs;
        let fits = !epochs.is_empty() && epochs.windows(2).all(|pair| pair[0] < pair[1]);
        let expected = "at least one number of epochs, ascending, such as [1, 2, 5]";
        require(fits, "pretraining.epochs", format!("{epochs:?}"), expected)?;
        self.validate_tasks("primary", &self.primary)?;
        self.validate_tasks("tasks", &self.tasks)?;
        self.validate_readout()?;
        require(!self.arms.is_empty(), "arms", "[]", "at least one arm")?;
        validate::names("arms", self.arms.iter().map(|arm| arm.name.as_str()))?;
        for arm in &self.arms {
            let key = format!("arms.{}", arm.name);
            line(&format!("{key}.label"), &arm.label)?;
            let from_draws = matches!(arm.gains, GainSource::Comodulation | GainSource::Shuffled);
            require(
                arm.controller || !from_draws,
                &format!("{key}.gains"),
                "from a modulator that couples nothing",
                "with controller = false ones or mean-activity",
            )?;
            // Attention learns from the constant pass, whatever the others do.
            let by_constant = self.modulator.pass == Pass::Constant || !from_draws;
            require(
                self.modulator.constant != 0.0 || !arm.controller || !by_constant,
                "modulator.constant",
                0,
                format!(
                    "another number than 0, under which the controller of {} learns nothing; or modulator.pass = \"fluctuating\" and no arm whose gains need no draws",
                    arm.name
                ),
            )?;
        }
        Ok(())
    }

    fn validate_draws(&self) -> Result<()> {
        let count = self.modulator.count;
        let fits = (2..=MOST_DRAWS).contains(&count);
        let expected = format!("2 to {MOST_DRAWS} draws: one has no covariance");
        require(fits, "modulator.count", count, expected)?;
        let fits = self.modulator.draws != Draws::Antithetic || count.is_multiple_of(2);
        let expected = "an even number, as antithetic draws come in pairs";
        require(fits, "modulator.count", count, expected)?;
        self.modulator.validate()
    }

    fn validate_readout(&self) -> Result<()> {
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

    fn validate_tasks(&self, list: &str, tasks: &[TaskSettings]) -> Result<()> {
        require(!tasks.is_empty(), list, "[]", "at least one task")?;
        validate::names(list, tasks.iter().map(|task| task.name.as_str()))?;
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

/// Whether a TOML document is of this kind of experiment.
fn is_comodulation(text: &str) -> bool {
    let table = text.parse::<toml::Table>();
    table.is_ok_and(|table| table.contains_key("kind"))
}

/// The preset or file that `name` stands for, if that is a comodulation experiment.
///
/// # Errors
/// Those of [`ComodulationSettings::from_file`].
pub fn find(name: &str) -> Result<Option<ComodulationSettings>> {
    if let Some(text) = super::presets::text(name) {
        return ComodulationSettings::from_toml(text, name).map(Some);
    }
    let path = Path::new(name);
    if !path.is_file() {
        return Ok(None);
    }
    let text = text::read(path)?;
    match is_comodulation(&text) {
        true => ComodulationSettings::from_toml(&text, name).map(Some),
        false => Ok(None),
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
