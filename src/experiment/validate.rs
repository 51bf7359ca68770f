//! The rules that concern several settings.

use std::collections::BTreeSet;

use super::learners;
use super::samples::IMAGES;
use super::{DataSettings, DataSource, EvaluatedTasks, NetworkSettings, Settings, StreamKind};
use crate::error::{Error, Result};
use crate::run::settings::require;
use crate::stream;

impl Settings {
    /// The first rule that is broken, of those that concern several settings.
    pub(super) fn check(&self) -> Result<()> {
        data(&self.data)?;
        self.check_stream()?;
        self.check_evaluation()?;
        self.check_methods()
    }

    fn check_stream(&self) -> Result<()> {
        let (items, most) = match self.stream.kind {
            StreamKind::Split => ("class", self.data.source.classes() - 1),
            StreamKind::Rotated => ("angle in degrees", 359),
            StreamKind::Permuted => ("permutation", usize::from(u16::MAX)),
        };
        let contexts = &self.stream.contexts;
        let key = "stream.contexts";
        require(!contexts.is_empty(), key, "[]", "at least one context")?;
        for context in contexts {
            let distinct: BTreeSet<_> = context.iter().collect();
            let in_range = context.iter().all(|&item| usize::from(item) <= most);
            require(
                !context.is_empty() && in_range && distinct.len() == context.len(),
                key,
                format!("{context:?}"),
                format!("in each context at least one {items}, from 0 to {most}, none twice"),
            )?;
        }
        let adds_nothing = stream::tasks(contexts).iter().position(Vec::is_empty);
        if let (EvaluatedTasks::All, Some(at)) = (self.evaluation.tasks, adds_nothing) {
            let expected = "with evaluation.tasks = \"all\" something new in each context";
            return Err(Error::setting(key, format!("{:?}", contexts[at]), expected));
        }
        Ok(())
    }

    fn check_evaluation(&self) -> Result<()> {
        let (every, iterations) = (self.evaluation.every, self.stream.iterations);
        let expected = format!("a divisor of stream.iterations = {iterations}");
        let divides = iterations.is_multiple_of(every);
        require(divides, "evaluation.every", every, expected)
    }

    fn check_methods(&self) -> Result<()> {
        if let NetworkSettings::SlimResnet18 { modulated, .. } = &self.network
            && modulated.is_empty()
            && let Some(method) = self.methods.iter().find(|method| method.gain_modulated)
        {
            let expected = format!("at least one layer, as {} is gain-modulated", method.name);
            return Err(Error::setting("network.modulated", "[]", expected));
        }
        for method in &self.methods {
            let key = format!("methods.{}", method.name);
            if let Some(learner) = &method.learner {
                learners::find(learner)?;
            }
            if let Some(schedule) = &method.schedule {
                within(&format!("{key}.schedule"), schedule.validate())?;
            }
            if method.replacement.is_some() {
                let mlp = matches!(self.network, NetworkSettings::Mlp { .. });
                let expected = "nothing, but with network.kind = \"mlp\"";
                require(mlp, &format!("{key}.replacement"), "(given)", expected)?;
            }
            let without = [
                ("drive", method.drive.is_some()),
                ("only_slow", method.only_slow.is_some()),
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
    let channels = data.source.channels();
    for (key, list) in [
        ("data.mean", &data.mean),
        ("data.standard_deviation", &data.standard_deviation),
    ] {
        let expected = format!("{channels} number(s), one for each channel");
        require(list.len() == channels, key, format!("{list:?}"), expected)?;
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
    require(given == wanted, "data.name, data.side", value, expected)
}
