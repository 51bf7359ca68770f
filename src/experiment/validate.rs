//! The range of every setting.

use std::collections::BTreeSet;

use super::learners;
use super::samples::IMAGES;
use super::{
    DataSettings, DataSource, Epochs, EvaluatedTasks, GainSettings, NetworkSettings, Settings,
    StreamTraining,
};
use crate::error::{Error, Result};
use crate::optim::Optimizer;

/// TOML's whole numbers are signed and of 64 bits: what is larger could not be written down.
const LARGEST_WHOLE: u64 = i64::MAX as u64;
const WHOLE: &str = "a whole number from 1 to 2⁶³ − 1";
const NAME: &str =
    "letters, digits, - and _, starting with a letter or digit, at most 64: file names hold it";

impl Settings {
    /// Whether every value is in its range.
    ///
    /// # Errors
    /// [`Error::Setting`] that names the first that is not, its value, and what would be right.
    pub fn validate(&self) -> Result<()> {
        name("name", &self.name)?;
        line("title", &self.title)?;
        data(&self.data)?;
        self.validate_stream()?;
        self.validate_network()?;
        self.validate_training()?;
        self.validate_evaluation()?;
        validate_gain("gain", &self.gain)?;
        self.validate_methods()
    }

    fn validate_stream(&self) -> Result<()> {
        let stream = &self.stream;
        let counts = [
            ("stream.tasks", stream.tasks),
            ("stream.classes_per_task", stream.classes_per_task),
            ("stream.recurring", stream.recurring),
            ("stream.memory.size", stream.memory.as_ref().map(|m| m.size)),
        ];
        for (key, count) in counts {
            count.map_or(Ok(()), |count| whole(key, count))?;
        }
        if let Some(seed) = stream.seed {
            require(
                seed <= LARGEST_WHOLE,
                "stream.seed",
                seed,
                "a seed below 2⁶³",
            )?;
        }
        let by_class = stream.kind.has_classes();
        for (key, given, fits) in [
            (
                "stream.shuffle_classes",
                stream.shuffle_classes.is_some(),
                by_class,
            ),
            (
                "stream.classes_per_task",
                stream.classes_per_task.is_some(),
                by_class && stream.tasks.is_some(),
            ),
        ] {
            let expected = "nothing, but for tasks of classes that stream.tasks counts";
            require(fits || !given, key, "(given)", expected)?;
        }
        let alone = stream.training == Some(StreamTraining::Sequential);
        let expected = "\"joint\" with stream.memory, which holds old samples in its place";
        let fits = !(alone && stream.memory.is_some());
        require(fits, "stream.training", "sequential", expected)?;
        self.validate_lists()?;
        self.validate_iterations()
    }

    fn validate_lists(&self) -> Result<()> {
        let (stream, source) = (&self.stream, self.data.source);
        if stream.tasks.is_some() {
            // How many classes images have, their files say.
            if source != DataSource::Images {
                stream.lists(source.classes())?;
            }
            return Ok(());
        }
        let ([item, _], most) = (stream.kind.item(), stream.kind.largest(source.classes()));
        let contexts = &stream.contexts;
        let key = "stream.contexts";
        require(!contexts.is_empty(), key, "[]", "at least one context")?;
        for context in contexts {
            let distinct: BTreeSet<_> = context.iter().collect();
            let in_range = context.iter().all(|&item| usize::from(item) <= most);
            require(
                !context.is_empty() && in_range && distinct.len() == context.len(),
                key,
                format!("{context:?}"),
                format!("in each context at least one {item}, from 0 to {most}, none twice"),
            )?;
        }
        let tasks = stream.kind.tasks(contexts);
        let adds_nothing = tasks.iter().position(Vec::is_empty);
        if let (EvaluatedTasks::All, Some(at)) = (self.evaluation.tasks, adds_nothing) {
            let expected = "with evaluation.tasks = \"all\" something new in each context";
            return Err(Error::setting(key, format!("{:?}", contexts[at]), expected));
        }
        Ok(())
    }

    fn validate_iterations(&self) -> Result<()> {
        let (stream, contexts) = (&self.stream, self.stream.count());
        let lists = [
            (
                "stream.iterations_per_context",
                stream.iterations_per_context.as_deref(),
            ),
            (
                "stream.epochs",
                match &stream.epochs {
                    Some(Epochs::All(epochs)) => return whole("stream.epochs", *epochs),
                    Some(Epochs::Each(list)) => Some(list.as_slice()),
                    None => None,
                },
            ),
        ];
        for (key, list) in lists {
            let Some(list) = list else { continue };
            let expected = format!("a number for each of {contexts} contexts");
            require(list.len() == contexts, key, format!("{list:?}"), expected)?;
            list.iter().try_for_each(|&count| whole(key, count))?;
        }
        match lists.iter().any(|(_, list)| list.is_some()) {
            true => Ok(()),
            false => whole("stream.iterations", stream.iterations),
        }
    }

    fn validate_network(&self) -> Result<()> {
        match &self.network {
            NetworkSettings::Mlp {
                hidden,
                hidden_standard_deviation,
                output_standard_deviation,
            } => {
                for &width in hidden {
                    whole("network.hidden", width)?;
                }
                let key = "network.hidden_standard_deviation";
                not_negative(key, *hidden_standard_deviation)?;
                let key = "network.output_standard_deviation";
                not_negative(key, *output_standard_deviation)
            }
            NetworkSettings::SlimResnet18 {
                width,
                head_standard_deviation,
                ..
            } => {
                whole("network.width", *width)?;
                let key = "network.head_standard_deviation";
                not_negative(key, *head_standard_deviation)
            }
        }
    }

    fn validate_evaluation(&self) -> Result<()> {
        let (every, stream) = (self.evaluation.every, &self.stream);
        whole("evaluation.every", every)?;
        if stream.epochs.is_some() {
            return Ok(());
        }
        let contexts = stream.iterations_per_context.as_deref();
        let contexts = contexts.unwrap_or(core::slice::from_ref(&stream.iterations));
        for &iterations in contexts {
            let expected = format!("a divisor of stream.iterations = {iterations}");
            let divides = iterations.is_multiple_of(every);
            require(divides, "evaluation.every", every, expected)?;
        }
        Ok(())
    }

    fn validate_training(&self) -> Result<()> {
        let training = &self.training;
        whole("training.batch", training.batch)?;
        positive("training.learning_rate", training.learning_rate)?;
        let padding = training.crop_padding;
        let fits = padding <= usize::from(u8::MAX);
        require(
            fits,
            "training.crop_padding",
            padding,
            "pixels, at most 255",
        )?;
        seeds("training.seeds", &training.seeds)
    }

    fn validate_methods(&self) -> Result<()> {
        if let NetworkSettings::SlimResnet18 { modulated, .. } = &self.network
            && modulated.is_empty()
            && let Some(method) = self.methods.iter().find(|method| method.gain_modulated)
        {
            let expected = format!("at least one layer, as {} is gain-modulated", method.name);
            return Err(Error::setting("network.modulated", "[]", expected));
        }
        require(
            !self.methods.is_empty(),
            "methods",
            "[]",
            "at least one method",
        )?;
        names("methods", self.methods.iter().map(|m| m.name.as_str()))?;
        for method in &self.methods {
            let key = format!("methods.{}", method.name);
            line(&format!("{key}.label"), &method.label)?;
            rule(&format!("{key}.optimiser"), method.optimiser)?;
            if let Some(backbone) = method.backbone {
                rule(&format!("{key}.backbone"), backbone)?;
            }
            if let Some(learner) = &method.learner {
                learners::find(learner)?;
            }
            if let Some(rate) = method.learning_rate {
                positive(&format!("{key}.learning_rate"), rate)?;
            }
            if let Some(decay) = method.weight_decay {
                not_negative(&format!("{key}.weight_decay"), decay)?;
            }
            if let Some(schedule) = &method.schedule {
                within(&key, schedule.validate())?;
            }
            if let Some(replacement) = &method.replacement {
                within(&format!("{key}.replacement"), replacement.validate())?;
                let mlp = matches!(self.network, NetworkSettings::Mlp { .. });
                let expected = "nothing, but with network.kind = \"mlp\"";
                require(mlp, &format!("{key}.replacement"), "(given)", expected)?;
            }
            for regularizer in method.regularisers.iter().flatten() {
                within(&format!("{key}.regularisers"), regularizer.validate())?;
            }
            if let Some(gain) = &method.gain {
                validate_gain(&format!("{key}.gain"), gain)?;
            }
            let without = [
                ("drive", method.drive.is_some()),
                ("only_slow", method.slow_weights_only.is_some()),
                ("gain", method.gain.is_some()),
            ];
            if let (false, Some((of_gain, _))) = (
                method.gain_modulated,
                without.iter().find(|(_, given)| *given),
            ) {
                let expected = "nothing, as gain_modulated is false";
                return Err(Error::setting(
                    format!("{key}.{of_gain}"),
                    "(given)",
                    expected,
                ));
            }
        }
        Ok(())
    }
}

/// The error's setting is part of `key`.
fn within(key: &str, checked: Result<()>) -> Result<()> {
    checked.map_err(|error| match error {
        Error::Setting {
            name,
            value,
            expected,
        } => Error::setting(format!("{key}.{name}"), value, expected),
        other => other,
    })
}

/// Whether samples can be named so.
pub(super) fn data(data: &DataSettings) -> Result<()> {
    positive("data.maximum", data.maximum)?;
    let channels = data.source.channels();
    for (key, list) in [
        ("data.mean", &data.mean),
        ("data.standard_deviation", &data.standard_deviation),
    ] {
        let expected = format!("{channels} number(s), one for each channel");
        require(list.len() == channels, key, format!("{list:?}"), expected)?;
    }
    for &mean in &data.mean {
        require(mean.is_finite(), "data.mean", mean, "finite numbers")?;
    }
    for &deviation in &data.standard_deviation {
        positive("data.standard_deviation", deviation)?;
    }
    let given = [data.name.is_some(), data.side.is_some()];
    let wanted = match data.source {
        DataSource::Images => [true, true],
        DataSource::Celeba => [false, true],
        _ => [false, false],
    };
    let value = format!(
        "{:?}, {:?} with source {}",
        data.name,
        data.side,
        data.source.name()
    );
    let expected = match data.source {
        DataSource::Images => IMAGES,
        DataSource::Celeba => "no name, and the side of its images in pixels, such as 64",
        _ => "neither, as only a collection of images has them",
    };
    require(given == wanted, "data.name, data.side", value, expected)?;
    if let Some(given) = &data.name {
        name("data.name", given)?;
    }
    match data.side {
        Some(side) => whole("data.side", side as usize),
        None => Ok(()),
    }
}

/// Whether these can be seeds.
pub(super) fn seeds(key: &str, seeds: &[u64]) -> Result<()> {
    require(!seeds.is_empty(), key, "[]", "at least one seed")?;
    let mut seen = BTreeSet::new();
    for &seed in seeds {
        require(seed <= LARGEST_WHOLE, key, seed, "seeds below 2⁶³")?;
        require(seen.insert(seed), key, seed, "each seed once")?;
    }
    Ok(())
}

/// Whether these are names, no two of which a file system takes for one.
pub(super) fn names<'a>(key: &str, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for given in names {
        let key = format!("{key}.{given}.name");
        name(&key, given)?;
        require(
            // Not every file system tells upper case from lower.
            seen.insert(given.to_lowercase()),
            &key,
            given,
            "names that differ in more than upper and lower case",
        )?;
    }
    Ok(())
}

fn validate_gain(key: &str, gain: &GainSettings) -> Result<()> {
    fraction(&format!("{key}.gamma"), gain.gamma)?;
    positive(&format!("{key}.g0"), gain.g0)?;
    not_negative(&format!("{key}.eta"), gain.eta)
}

pub(super) fn rule(key: &str, rule: Optimizer) -> Result<()> {
    let key = |name: &str| format!("{key}.{name}");
    match rule {
        Optimizer::Sgd => Ok(()),
        Optimizer::Momentum { momentum } => fraction(&key("momentum"), momentum),
        Optimizer::Adam {
            beta1,
            beta2,
            epsilon,
        } => {
            fraction(&key("beta1"), beta1)?;
            fraction(&key("beta2"), beta2)?;
            positive(&key("epsilon"), epsilon)
        }
    }
}

pub(super) fn require(
    fits: bool,
    name: &str,
    value: impl ToString,
    expected: impl ToString,
) -> Result<()> {
    if fits {
        Ok(())
    } else {
        Err(Error::setting(name, value, expected))
    }
}

pub(super) fn positive(name: &str, value: f32) -> Result<()> {
    let fits = value.is_finite() && value > 0.0;
    require(fits, name, value, "a finite number above 0")
}

fn not_negative(name: &str, value: f32) -> Result<()> {
    let fits = value.is_finite() && value >= 0.0;
    require(fits, name, value, "a finite number, 0 or above")
}

fn fraction(name: &str, value: f32) -> Result<()> {
    let fits = (0.0..1.0).contains(&value);
    require(fits, name, value, "a number in [0, 1): 0 or above, below 1")
}

pub(super) fn whole(name: &str, value: usize) -> Result<()> {
    let fits = value >= 1 && value as u64 <= LARGEST_WHOLE;
    require(fits, name, value, WHOLE)
}

/// The rule of every name that a file's name holds.
pub(crate) fn name(key: &str, value: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = value.len() <= 64
        && value.chars().all(plain)
        && value.starts_with(|c: char| c.is_ascii_alphanumeric());
    require(fits, key, format!("{value:?}"), NAME)
}

pub(super) fn line(key: &str, value: &str) -> Result<()> {
    let fits = !value.trim().is_empty() && !value.contains(char::is_control);
    require(fits, key, format!("{value:?}"), "one line of text")
}
