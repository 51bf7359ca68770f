//! Settings of comodulation experiments: the presets are consistent with their descriptions, every value is
//! checked, and errors name what is wrong and where.
#![cfg(feature = "report")]

mod refusals;

use neurogain::Error;
use neurogain::data::{celeba, cifar};
use neurogain::models::{CouplingStart, ModulatedLayers};
use neurogain::run::settings::shipped;
use neurogain::systems::comodulation::{ComodulationSettings, ReadoutSource, TaskSettings};
use neurogain::systems::stability_gap;

fn preset(name: &str) -> ComodulationSettings {
    let text = ComodulationSettings::preset_text(name).expect(name);
    ComodulationSettings::from_toml(text, name).expect(name)
}

fn digits() -> ComodulationSettings {
    preset("comodulation-digits")
}

fn overridden(assignment: &str) -> Result<ComodulationSettings, Error> {
    digits().with_overrides(&[assignment])
}

fn labels(task: &TaskSettings) -> Vec<Vec<u16>> {
    task.classes.clone().expect("classes")
}

#[test]
fn every_preset_is_valid_named_as_listed_and_survives_a_round_trip() {
    let names: Vec<&str> = ComodulationSettings::presets()
        .iter()
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(names.len(), 10);
    for name in &names {
        let settings = preset(name);
        assert_eq!(settings.name.as_str(), *name);
        let text = settings.to_toml().expect(name);
        assert_eq!(
            ComodulationSettings::from_toml(&text, name).as_ref(),
            Ok(&settings)
        );
        // Also through the table of overrides, which must not round a number.
        assert_eq!(settings.with_overrides::<&str>(&[]).as_ref(), Ok(&settings));
        let found = ComodulationSettings::find(name, "".as_ref());
        assert_eq!(found.as_ref(), Ok(&settings), "{name}");
        let shown = shipped(name).expect(name);
        assert_eq!(
            ComodulationSettings::from_toml(&shown, name).as_ref(),
            Ok(&settings)
        );
        // No name is used for two experiments.
        assert!(
            !stability_gap::Settings::presets()
                .iter()
                .map(|(name, _)| *name)
                .any(|other| other == *name)
        );
    }
}

/// A key that is missing in the table of keys, or that no field has, would be refused; these are
/// all values of the keys that the presets leave at their defaults.
#[test]
fn every_key_and_every_choice_is_read_and_written() {
    let choices = [
        ("data.source", "mnist fashion-mnist"),
        ("network.stem", "small large"),
        ("network.modulated", "first second both"),
        ("network.residual", "true false"),
        ("network.weights", "some/resnet18.safetensors"),
        ("network.controller", "0 64"),
        ("modulator.sampling", "gaussian antithetic moment-matched"),
        ("modulator.modulation", "log-normal uncorrected linear"),
        ("modulator.statistic", "covariance correlation"),
        ("modulator.rectification", "rectified absolute"),
        ("modulator.granularity", "task image"),
        ("modulator.controller_pass", "constant fluctuating"),
        ("modulator.test_modulator", "0.5 1 -1.5"),
        ("training.optimizer.rule", "sgd"),
        ("pretraining.tasks", "alternate together"),
        ("adaptation.readout", "before learnt"),
        ("adaptation.shared_readout", "true false"),
        ("network.couplings", "channel neuron"),
        ("network.coupling_start", "ones small"),
        ("network.places", "true false"),
        ("methods.comodulation.readout", "before learnt"),
        (
            "methods.comodulation.modulator.statistic",
            "covariance correlation",
        ),
        ("methods.comodulation.gains", "ones shuffled mean-activity"),
        ("methods.comodulation.trainable", "modulation weights"),
        ("methods.comodulation.controller", "true"),
    ];
    for (key, values) in choices {
        for value in values.split(' ') {
            let assignment = format!("{key}={value}");
            let changed = overridden(&assignment).expect(&assignment);
            let text = changed.to_toml().expect(&assignment);
            let (_, last) = key.rsplit_once('.').expect("a path");
            let quoted = [format!("{last} = {value}"), format!("{last} = \"{value}\"")];
            let number = format!("{last} = {value}.0");
            assert!(
                quoted
                    .iter()
                    .chain([&number])
                    .any(|line| text.contains(line)),
                "{assignment}: {text}"
            );
            let again = ComodulationSettings::from_toml(&text, "t");
            assert_eq!(again.as_ref(), Ok(&changed), "{assignment}");
        }
    }
    let file = ComodulationSettings::find("no-such-preset", "".as_ref());
    assert!(matches!(file, Err(Error::Unknown { .. })), "{file:?}");
}

#[test]
fn the_twelve_attributes_of_a_digit_are_what_they_are_called() {
    let fibonacci = |digit: u16| {
        // The preset lists 1, 2, 3, 5, 8, …
        let (mut a, mut b) = (1, 2);
        while a < digit {
            (a, b) = (b, a + b);
        }
        a == digit
    };
    let attributes: [(&str, &dyn Fn(u16) -> bool); 12] = [
        ("even", &|d| d % 2 == 0),
        ("above-4", &|d| d > 4),
        ("prime", &|d| d > 1 && (2..d).all(|n| d % n != 0)),
        ("has-a-loop", &|d| "04689".contains(&d.to_string())),
        ("straight-strokes-only", &|d| "147".contains(&d.to_string())),
        ("power-of-2", &|d| d.is_power_of_two()),
        ("square", &|d| (0..=d).any(|n| n * n == d)),
        ("divisible-by-3", &|d| d % 3 == 0),
        ("two-loops-or-none", &|d| "123578".contains(&d.to_string())),
        ("fibonacci", &fibonacci),
        ("within-2-of-5", &|d| d.abs_diff(5) <= 2),
        ("mirror-symmetric", &|d| "0138".contains(&d.to_string())),
    ];
    for name in ["comodulation-digits", "comodulation-mnist"] {
        let settings = preset(name);
        assert_eq!(settings.tasks.len(), attributes.len(), "{name}");
        for (task, (called, has)) in settings.tasks.iter().zip(&attributes) {
            assert_eq!(task.name, *called, "{name}");
            let of = |class: bool| (0..10).filter(|&d| has(d) == class).collect::<Vec<u16>>();
            // Class 1 has the attribute.
            assert_eq!(labels(task), [of(false), of(true)], "{name}, {called}");
        }
        let each: Vec<Vec<u16>> = (0..10).map(|digit| vec![digit]).collect();
        assert_eq!(settings.primary.len(), 1);
        assert_eq!(labels(&settings.primary[0]), each, "{name}");
    }
}

#[test]
fn cifar_100_has_its_superclasses_and_all_its_classes() {
    let superclasses: Vec<Vec<u16>> = cifar::SUPERCLASSES
        .iter()
        .map(|classes| classes.iter().map(|&class| u16::from(class)).collect())
        .collect();
    let [at_once, in_contexts] = [
        "comodulation-cifar100",
        "comodulation-cifar100-superclasses",
    ]
    .map(preset);
    for settings in [&at_once, &in_contexts] {
        assert_eq!(settings.primary.len(), 1);
        assert_eq!(labels(&settings.primary[0]), superclasses);
    }
    let each: Vec<Vec<u16>> = (0..100).map(|class| vec![class]).collect();
    assert_eq!(at_once.tasks.len(), 1);
    assert_eq!(labels(&at_once.tasks[0]), each);
    assert_eq!(in_contexts.tasks.len(), superclasses.len());
    for (number, task) in in_contexts.tasks.iter().enumerate() {
        assert_eq!(task.name, cifar::SUPERCLASS_NAMES[number]);
        let own: Vec<Vec<u16>> = superclasses[number].iter().map(|&c| vec![c]).collect();
        assert_eq!(labels(task), own, "{}", task.name);
    }
}

#[test]
fn cifar_10_has_its_animals_and_vehicles() {
    let settings = preset("comodulation-cifar10");
    let vehicles = ["airplane", "automobile", "ship", "truck"];
    let names = cifar::CLASSES_10;
    let of = |wanted: bool| -> Vec<u16> {
        (0..10)
            .filter(|&class| vehicles.contains(&names[usize::from(class)]) == wanted)
            .collect()
    };
    assert_eq!(labels(&settings.primary[0]), [of(false), of(true)]);
    let each: Vec<Vec<u16>> = (0..10).map(|class| vec![class]).collect();
    assert_eq!(labels(&settings.tasks[0]), each);
}

#[test]
fn celeba_has_its_forty_attributes() {
    let settings = preset("comodulation-celeba");
    for list in [&settings.primary, &settings.tasks] {
        let attributes: Vec<&str> = list.iter().filter_map(|t| t.attribute.as_deref()).collect();
        assert_eq!(attributes, celeba::ATTRIBUTES);
        let names: Vec<&str> = list.iter().map(|task| task.name.as_str()).collect();
        assert_eq!(names, celeba::ATTRIBUTES);
        assert!(list.iter().all(|task| task.classes.is_none()));
    }
}

#[test]
fn presets_of_attributes_compare_frozen_and_learnt_readouts() {
    let methods = digits().methods;
    let names: Vec<&str> = methods.iter().map(|method| method.name.as_str()).collect();
    let expected = [
        "hard-sharing",
        "attention",
        "comodulation",
        "shuffled",
        "mean-activity",
        "fine-tuning",
        "hard-sharing-learnt",
        "attention-learnt",
        "comodulation-learnt",
        "shuffled-learnt",
    ];
    assert_eq!(names, expected);
    for (name, _) in ComodulationSettings::presets() {
        let settings = preset(name);
        assert_eq!(settings.modulator, digits().modulator, "{name}");
        assert_eq!(settings.network.modulated, ModulatedLayers::First, "{name}");
        let few = ["places", "contexts"];
        match few.iter().any(|part| name.contains(part)) {
            // Nothing is trained but couplings, from few samples.
            true => {
                let names = settings.methods.iter().map(|method| method.name.as_str());
                assert!(names.eq(expected[..5].iter().copied()), "{name}");
                assert!(settings.methods.iter().all(|of| of.readout.is_none()));
                assert_eq!(settings.network.coupling_start, CouplingStart::Ones);
                assert!(settings.training.seeds.len() >= 6, "{name}");
                assert!(!settings.adaptation.samples.is_empty(), "{name}");
            }
            false => {
                assert_eq!(settings.methods, methods, "{name}");
                assert_eq!(settings.training.seeds.len(), 6, "{name}");
            }
        }
    }
}

/// The contexts are subsets of the labels of one softmax.
#[test]
fn contexts_cover_the_labels_once() {
    for (name, readout) in [
        ("comodulation-cifar10-contexts", ReadoutSource::Primary),
        ("comodulation-cifar100-contexts", ReadoutSource::Before),
    ] {
        let settings = preset(name);
        assert_eq!(settings.adaptation.readout, readout);
        let used = settings.tasks.iter().flat_map(|task| task.labels.clone());
        let mut used: Vec<u16> = used.flatten().collect();
        used.sort_unstable();
        let all = settings.data.source.classes() as u16;
        assert!(used.into_iter().eq(0..all), "{name}");
    }
    let classes = cifar::CLASSES_10;
    for task in &preset("comodulation-cifar10-contexts").tasks {
        let labels = task.labels.clone().expect("labels");
        let names = labels.iter().map(|&label| classes[usize::from(label)]);
        assert_eq!(names.collect::<Vec<_>>().join("-or-"), task.name);
    }
    for (task, classes) in
        (preset("comodulation-cifar100-contexts").tasks.iter()).zip(cifar::SUPERCLASSES)
    {
        let labels = task.labels.clone().expect("labels");
        assert!(
            labels.into_iter().eq(classes.map(u16::from)),
            "{}",
            task.name
        );
    }
}
