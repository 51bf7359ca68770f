//! The settings of a comodulation experiment from the arguments of `neurogain run`.

use neurogain::run::parse_seeds;
use neurogain::systems::comodulation::{self, ComodulationSettings};
use neurogain::{Error, Result};

use super::arguments;

/// The settings that the arguments ask for, if they are of such an experiment.
pub fn settings(arguments: &arguments::Run) -> Result<Option<ComodulationSettings>> {
    let name = match (&arguments.resume, &arguments.benchmark) {
        (Some(directory), _) => directory.join("config.toml").display().to_string(),
        (None, Some(name)) => name.clone(),
        (None, None) => return Ok(None),
    };
    let Some(mut settings) = comodulation::find(&name)? else {
        return Ok(None);
    };
    for (flag, given) in [
        ("--variants", arguments.variants.is_some()),
        ("--eval-every", arguments.eval_every.is_some()),
        ("--eval-tasks", arguments.eval_tasks.is_some()),
    ] {
        if given {
            return Err(Error::Setting {
                name: flag.into(),
                value: "(given)".into(),
                expected: "no such flag: a comodulation experiment has no contexts".into(),
            });
        }
    }
    let mut overrides = arguments.overrides.clone();
    if let Some(limit) = arguments.eval_limit {
        overrides.push(format!("evaluation.limit={limit}"));
    }
    settings = settings.with_overrides(&overrides)?;
    if let Some(arms) = &arguments.methods {
        settings = settings.with_arms(arms)?;
    }
    if let Some(seeds) = &arguments.seeds {
        settings = settings.with_seeds(&parse_seeds(seeds)?)?;
    }
    Ok(Some(settings))
}
