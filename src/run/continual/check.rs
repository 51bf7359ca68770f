//! The rules that concern several settings of streams and methods.

use std::collections::BTreeSet;

use super::learners;
use super::{MethodSettings, NetworkSettings, StreamSettings, StreamTraining};
use crate::counted::counted;
use crate::error::{Error, Result};
use crate::run::DataSource;
use crate::run::settings::require;
use crate::stream::StreamKind;

/// Checks a stream of samples from `source`.
pub(crate) fn check_stream(stream: &StreamSettings, source: DataSource) -> Result<()> {
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
        let expected = "no value: it is only for tasks of classes, with stream.tasks";
        require(fits || !given, key, "(given)", expected)?;
    }
    let alone = stream.training == Some(StreamTraining::Sequential);
    let expected = "\"joint\": stream.replay keeps old samples for joint training";
    let fits = !(alone && stream.replay.is_some());
    require(fits, "stream.training", "sequential", expected)?;
    if stream.replay.is_some() && !has_old_samples(stream) {
        let expected = "stream.training = \"joint\" with it: these contexts have no old samples that it could replay";
        return Err(Error::setting("stream.replay", "(given)", expected));
    }
    check_lists(stream, source)?;
    check_recurring(stream)?;
    check_iterations(stream)
}

/// Whether the first context recurs at all.
fn check_recurring(stream: &StreamSettings) -> Result<()> {
    let others = stream.tasks.unwrap_or(stream.contexts.len());
    let others = others.saturating_sub(1);
    match stream.recurring {
        Some(every) if every > others => {
            let expected = format!("at most {others}, the number of the other contexts");
            Err(Error::setting("stream.recurring", every, expected))
        }
        _ => Ok(()),
    }
}

/// Whether some context has samples that an earlier one has too.
fn has_old_samples(stream: &StreamSettings) -> bool {
    let repeats = |(number, list): (usize, &Vec<u16>)| {
        let mut earlier = stream.contexts[..number].iter().flatten();
        earlier.any(|item| list.contains(item))
    };
    match (stream.training, stream.tasks) {
        (Some(StreamTraining::Joint), _) => true,
        (_, Some(_)) => stream.recurring.is_some(),
        (_, None) => stream.recurring.is_some() || stream.contexts.iter().enumerate().any(repeats),
    }
}

fn check_lists(stream: &StreamSettings, source: DataSource) -> Result<()> {
    if stream.tasks.is_some() {
        let alone = stream.kind == StreamKind::ClassSubsets && stream.classes_per_task == Some(1);
        let expected = "at least 2: a single class is always right";
        require(!alone, "stream.classes_per_task", 1, expected)?;
        // The number of classes of a collection of images is known only from its files.
        if !matches!(source, DataSource::Images | DataSource::TinyImagenet) {
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
            format!("in each context at least one {item}, from 0 to {most}, without repetition"),
        )?;
    }
    let alone = stream.kind == StreamKind::ClassSubsets && contexts.iter().all(|c| c.len() == 1);
    let expected = "at least 2 classes in some context: a single class is always right";
    require(!alone, key, format!("{contexts:?}"), expected)
}

fn check_iterations(stream: &StreamSettings) -> Result<()> {
    let contexts = stream.count();
    let each = |key: &str, list: &[usize]| {
        let expected = format!("{}, one for each context", counted(contexts, "number"));
        require(list.len() == contexts, key, format!("{list:?}"), expected)
    };
    let (listed, epochs) = (&stream.iterations_per_context, &stream.epochs);
    if let Some(list) = listed {
        each("stream.iterations_per_context", list)?;
    }
    match epochs.as_deref() {
        Some(list) if list.len() != 1 => each("stream.epochs", list)?,
        _ => {}
    }
    let expected = "a whole number from 1 to 2⁶³ − 1";
    let count = stream.iterations;
    let given = count > 0 || listed.is_some() || epochs.is_some();
    require(given, "stream.iterations", count, expected)
}

/// Refuses settings of a method that its learner does not use. What a learner that another program registers uses is not
/// known here.
fn check_unused(method: &MethodSettings, learner: &str, key: &str) -> Result<()> {
    let (neumosync, maml) = (learner == learners::NEUMOSYNC, learner == learners::MAML);
    let own = neumosync || maml;
    let unused = [
        ("gain_modulated", own && method.gain_modulated),
        ("regularizers", own && method.regularizers.is_some()),
        ("replacement", own && method.replacement.is_some()),
        ("activation", neumosync && method.activation.is_some()),
        ("layer_norm", neumosync && method.layer_norm.is_some()),
        ("clip", neumosync && method.clip.is_some()),
        ("neumosync", !neumosync && method.neumosync.is_some()),
        ("maml", !maml && method.maml.is_some()),
    ];
    let Some((name, _)) = unused.iter().find(|(_, given)| *given) else {
        return Ok(());
    };
    let instead = match (*name, neumosync) {
        ("clip", true) => "; neumosync.clip limits its gradient",
        _ => "",
    };
    let expected = format!("no value, as learner = \"{learner}\" does not use it{instead}");
    Err(Error::setting(format!("{key}.{name}"), "(given)", expected))
}

/// Checks the methods of an experiment with this network.
pub(crate) fn check_methods(methods: &[MethodSettings], network: &NetworkSettings) -> Result<()> {
    if let NetworkSettings::SlimResnet18 { modulated, .. } = network
        && modulated.is_empty()
        && let Some(method) = methods.iter().find(|method| method.gain_modulated)
    {
        let expected = format!(
            "at least one layer, because {} is gain-modulated",
            method.name
        );
        return Err(Error::setting("network.modulated", "[]", expected));
    }
    for method in methods {
        let key = format!("methods.{}", method.name);
        let learner = method.learner.as_deref().unwrap_or(learners::DEFAULT);
        learners::find(learner)?;
        if method.parameters.is_some() {
            let expected = format!("no value, as {learner} has no parameters");
            let reads = learner != learners::DEFAULT;
            require(reads, &format!("{key}.parameters"), "(given)", expected)?;
        }
        check_unused(method, learner, &key)?;
        if let Some(config) = &method.neumosync {
            within(&format!("{key}.neumosync"), config.validate())?;
        }
        if learner == learners::NEUMOSYNC {
            let fits = matches!(network, NetworkSettings::Feedforward { .. });
            let expected = format!(
                "\"feedforward\", for learner = \"{learner}\" of {}: {}",
                method.name,
                feedforward(network)
            );
            require(fits, "network.kind", network.kind(), expected)?;
        }
        if let Some(schedule) = &method.schedule {
            within(&format!("{key}.schedule"), schedule.validate())?;
        }
        if method.replacement.is_some() {
            let units = !matches!(network, NetworkSettings::SlimResnet18 { .. });
            let expected = format!(
                "no value: it needs network.kind = \"mlp\" or \"feedforward\": {}",
                feedforward(network)
            );
            require(units, &format!("{key}.replacement"), "(given)", expected)?;
        }
        let of_feedforward = [
            ("activation", method.activation.is_some()),
            ("layer_norm", method.layer_norm.is_some()),
        ];
        let fits = matches!(network, NetworkSettings::Feedforward { .. });
        for (name, given) in of_feedforward {
            let expected = format!(
                "no value: it needs network.kind = \"feedforward\": {}",
                feedforward(network)
            );
            require(
                fits || !given,
                &format!("{key}.{name}"),
                "(given)",
                expected,
            )?;
        }
        let without = [
            ("drive", method.drive.is_some()),
            ("gain_target", method.gain_target.is_some()),
            ("gain", method.gain.is_some()),
        ];
        if let (false, Some((of_gain, _))) = (
            method.gain_modulated,
            without.iter().find(|(_, given)| *given),
        ) {
            let expected = "no value, because gain_modulated is false";
            return Err(Error::setting(
                format!("{key}.{of_gain}"),
                "(given)",
                expected,
            ));
        }
    }
    Ok(())
}

/// What to write for a feed-forward network with the hidden layers of `network`, or to leave out.
fn feedforward(network: &NetworkSettings) -> String {
    let hidden = match network {
        NetworkSettings::Mlp { hidden, .. } | NetworkSettings::Feedforward { hidden, .. } => hidden,
        NetworkSettings::SlimResnet18 { .. } => &vec![100, 100],
    };
    let hidden: Vec<String> = hidden.iter().map(usize::to_string).collect();
    format!(
        "add --set 'network={{kind=\"feedforward\",hidden=[{}]}}', or choose other methods with --methods",
        hidden.join(",")
    )
}

/// Prefixes the setting of an error with `key`.
pub(super) fn within<T>(key: &str, checked: Result<T>) -> Result<T> {
    checked.map_err(|error| match error {
        Error::Setting {
            name,
            value,
            expected,
        } => Error::setting(format!("{key}.{name}"), value, expected),
        other => other,
    })
}
