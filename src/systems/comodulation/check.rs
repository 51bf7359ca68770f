//! The rules that concern several settings of a comodulation experiment.

use std::collections::BTreeSet;

use super::plan::RESERVED;
use super::settings::{AdaptationSettings, ComodulationSettings, ReadoutSource, TaskSettings};
use crate::data::celeba;
use crate::error::{Error, Result};
use crate::gain::SamplingScheme;
use crate::learn::{ControllerPass, GainSource, Modulator};
use crate::run::settings::require;
use crate::run::{DataSource, check_data};

impl ComodulationSettings {
    /// Checks the rules that concern several settings.
    pub(super) fn check(&self) -> Result<()> {
        check_data(&self.data)?;
        check_modulator(&self.modulator)?;
        let epochs = &self.pretraining.epochs;
        let fits = !epochs.is_empty() && epochs.windows(2).all(|pair| pair[0] < pair[1]);
        let expected = "at least one number of epochs, ascending, such as [1, 2, 5]";
        require(fits, "pretraining.epochs", format!("{epochs:?}"), expected)?;
        self.check_tasks("primary", &self.primary)?;
        self.check_tasks("tasks", &self.tasks)?;
        self.check_network()?;
        self.check_adaptation()?;
        self.check_readout()?;
        self.check_methods()
    }

    fn check_network(&self) -> Result<()> {
        let network = &self.network;
        let cell = network
            .cell
            .map_or("(missing)".into(), |cell| cell.to_string());
        let expected = match network.stages {
            0 => "the rows of a cell, because network.stages = 0",
            _ => "no value, because network.stages is not 0",
        };
        let fits = network.cell.is_some() == (network.stages == 0);
        require(fits, "network.cell", cell, expected)?;
        let fits = network.stages > 0 || !network.residual;
        let expected = "false, because the convolutions after cells have different sizes";
        require(fits, "network.residual", true, expected)?;
        let fits = network.stages > 0 || network.weights.is_none();
        let expected = "no value, because network.stages = 0";
        let found = network.weights.as_deref().unwrap_or_default();
        require(fits, "network.weights", found, expected)?;
        let output = network.encoder_output.unwrap_or(network.encoder);
        let fits = !network.residual || output == network.encoder;
        let expected = "as network.encoder, because network.residual = true";
        require(fits, "network.encoder_output", output, expected)
    }

    fn check_adaptation(&self) -> Result<()> {
        let AdaptationSettings {
            samples,
            learning_rates,
            ..
        } = &self.adaptation;
        let distinct: BTreeSet<usize> = samples.iter().copied().collect();
        let fits = distinct.len() == samples.len() && samples.iter().all(|&samples| samples >= 2);
        let expected =
            "numbers from 2, each once: at least one sample for training and one for validation";
        require(fits, "adaptation.samples", format!("{samples:?}"), expected)?;
        let rates = format!("{learning_rates:?}");
        let key = "adaptation.learning_rates";
        require(!learning_rates.is_empty(), key, &rates, "at least one")?;
        let again =
            (1..learning_rates.len()).any(|at| learning_rates[..at].contains(&learning_rates[at]));
        require(!again, key, &rates, "each learning rate once")?;
        let fits = learning_rates.len() == 1 || !samples.is_empty();
        let expected = "one, or adaptation.samples: the best of several is chosen in validation";
        require(fits, key, rates, expected)?;
        let readouts = self.methods.iter().map(|method| self.readout(method));
        let own = readouts
            .filter(|readout| *readout != ReadoutSource::Primary)
            .count()
            > 0;
        let fits = own || !self.adaptation.shared_readout;
        let expected = "false, because every method has the primary readouts";
        require(fits, "adaptation.shared_readout", true, expected)?;
        for task in &self.tasks {
            let key = format!("tasks.{}", task.name);
            let found = match &task.labels {
                Some(labels) => format!("{labels:?}"),
                None => format!("{:?}", task.class_labels(self.data.source)),
            };
            let fits = !self.reads(ReadoutSource::Primary) || self.primary_of(task).is_some();
            let expected = "the classes or the attribute of a primary task, or labels that it has learnt, because a method has readout = \"primary\"";
            require(fits, &key, found, expected)?;
        }
        Ok(())
    }

    fn check_methods(&self) -> Result<()> {
        for method in &self.methods {
            let key = format!("methods.{}", method.name);
            let fits = !RESERVED.contains(&method.name.as_str());
            let expected = format!("another name than {}", RESERVED.join(" and "));
            require(fits, "methods.name", &method.name, expected)?;
            let modulator = method.modulator(&self.modulator);
            check_modulator(&modulator)?;
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
            let by_constant = modulator.controller_pass == ControllerPass::Constant || !from_draws;
            require(
                modulator.test_modulator != 0.0 || !method.controller || !by_constant,
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
        let classes = |task: &TaskSettings| task.class_count(self.data.source);
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
            let given = [
                task.classes.is_some() || task.labels.is_some(),
                task.attribute.is_some(),
            ];
            let expected = match of_attributes {
                true => "an attribute and no classes or labels",
                false => "classes or labels, and no attribute: only CelebA has attributes",
            };
            let fits = given == [!of_attributes, of_attributes];
            require(fits, &key, format!("{task:?}"), expected)?;
            if let Some(attribute) = &task.attribute {
                let known = celeba::ATTRIBUTES.contains(&attribute.as_str());
                let expected = format!("one of {}", celeba::ATTRIBUTES.join(", "));
                require(known, &format!("{key}.attribute"), attribute, expected)?;
            }
            self.check_cell(list, task)?;
            if given == [false, true] {
                continue;
            }
            let classes = &task.class_labels(self.data.source);
            if let Some(used) = &task.labels {
                let known = classes.concat();
                let distinct: BTreeSet<u16> = used.iter().copied().collect();
                let fits = distinct.len() == used.len()
                    && used.iter().all(|label| known.contains(label))
                    && used.len() >= 2;
                let expected = "at least two labels of its classes, each once";
                require(
                    fits,
                    &format!("{key}.labels"),
                    format!("{used:?}"),
                    expected,
                )?;
            }
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

    fn check_cell(&self, list: &str, task: &TaskSettings) -> Result<()> {
        let key = format!("{list}.{}.cell", task.name);
        let found = task
            .cell
            .map_or("(missing)".into(), |cell| cell.to_string());
        let scenes = self.scenes.as_ref().filter(|_| list == "tasks");
        let Some(scenes) = scenes else {
            let expected = "no value: only the tasks of an experiment with scenes cue a cell";
            return require(task.cell.is_none(), &key, found, expected);
        };
        let cells = scenes.cells * scenes.cells;
        let fits = task.cell.is_some_and(|cell| cell < cells);
        require(
            fits,
            &key,
            found,
            format!("the cued cell, from 0 to {}", cells - 1),
        )?;
        let fits = scenes.distractors < cells;
        let expected = format!("at most {}, the number of other cells", cells - 1);
        require(fits, "scenes.distractors", scenes.distractors, expected)
    }
}

/// Checks the rules that concern several settings of a modulator.
fn check_modulator(modulator: &Modulator) -> Result<()> {
    let count = modulator.num_draws;
    let fits = modulator.sampling != SamplingScheme::Antithetic || count.is_multiple_of(2);
    let expected = "an even number, because antithetic draws come in pairs";
    require(fits, "modulator.num_draws", count, expected)?;
    modulator.validate()
}

impl ComodulationSettings {
    /// The error for a task without usable samples.
    pub(super) fn no_samples(list: &str, task: &TaskSettings, found: &str) -> Error {
        let key = format!("{list}.{}", task.name);
        Error::setting(
            key,
            found,
            "training and test samples of at least two of its classes (evaluation.limit and scenes.test limit them)",
        )
    }
}
