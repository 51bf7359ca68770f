//! Settings of comodulation experiments: the presets hold together and are what they say, every value is
//! checked, and errors name what is wrong and where.
#![cfg(feature = "report")]

use std::collections::BTreeSet;

use neurogain::Error;
use neurogain::data::{celeba, cifar};
use neurogain::experiment::comodulation::{ComodulationSettings, TaskSettings, find, presets};
use neurogain::experiment::{self, shipped};

fn preset(name: &str) -> ComodulationSettings {
    let text = presets::text(name).unwrap_or_else(|| panic!("no preset {name}"));
    ComodulationSettings::from_toml(text, name).expect(name)
}

fn digits() -> ComodulationSettings {
    preset("comodulation-digits")
}

fn overridden(assignment: &str) -> Result<ComodulationSettings, Error> {
    digits().with_overrides(&[assignment])
}

/// `settings` with one change are refused under `key`, with the value and what would be right.
#[track_caller]
fn refused(settings: &ComodulationSettings, assignment: &str, key: &str, value: &str, right: &str) {
    match settings.with_overrides(&[assignment]) {
        Err(
            ref error @ Error::Setting {
                name: ref found_key,
                value: ref found,
                ref expected,
            },
        ) => {
            assert_eq!(found_key, key, "{assignment}: {error}");
            assert!(found.contains(value), "{assignment}: {error}");
            assert!(expected.contains(right), "{assignment}: {error}");
            assert!(error.is_usage(), "{assignment}: {error}");
        }
        other => panic!("{assignment}: {other:?}"),
    }
}

fn labels(task: &TaskSettings) -> Vec<Vec<u16>> {
    task.classes.clone().expect("classes")
}

#[test]
fn every_preset_is_valid_named_as_listed_and_survives_a_round_trip() {
    let names: Vec<&str> = presets::names().collect();
    assert_eq!(names.len(), 6);
    for (name, listed) in names.iter().zip(presets::all().expect("all are valid")) {
        let settings = preset(name);
        assert_eq!((settings.name.as_str(), &settings), (*name, &listed));
        let text = settings.to_toml().expect(name);
        assert_eq!(
            ComodulationSettings::from_toml(&text, name).as_ref(),
            Ok(&settings)
        );
        // Through the table of overrides as well, which must not round a number.
        assert_eq!(settings.with_overrides::<&str>(&[]).as_ref(), Ok(&settings));
        assert_eq!(find(name), Ok(Some(settings)), "{name}");
        assert_eq!(shipped(name), Ok(presets::text(name).expect(name)));
        // No name stands for two experiments.
        assert!(!experiment::presets::names().any(|other| other == *name));
    }
}

#[test]
fn every_preset_file_is_compiled_in() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/data/comodulation");
    let files = std::fs::read_dir(folder).expect("the folder of presets");
    let files: BTreeSet<String> = files
        .map(|entry| entry.expect("an entry").path())
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into())
        .collect();
    let names: BTreeSet<String> = presets::names().map(str::to_string).collect();
    assert_eq!(files, names);
}

/// A key that the table of keys lacks, or that no field has, would be refused one way or the other; this is
/// every value of those that the presets leave alone.
#[test]
fn every_key_and_every_choice_is_read_and_written() {
    let choices = [
        ("data.source", "mnist fashion-mnist"),
        ("network.stem", "small large"),
        ("network.modulated", "first second both"),
        ("network.residual", "true false"),
        ("network.weights", "some/resnet18.safetensors"),
        ("network.controller", "0 64"),
        ("modulator.draws", "gaussian antithetic moment-matched"),
        ("modulator.modulation", "log-normal uncorrected linear"),
        ("modulator.measure", "covariance correlation"),
        ("modulator.sign", "rectified absolute"),
        ("modulator.gains_for", "task image"),
        ("modulator.pass", "constant fluctuating"),
        ("modulator.constant", "0 1 -1.5"),
        ("training.optimiser.rule", "sgd"),
        ("arms.comodulation.gains", "ones shuffled mean-activity"),
        ("arms.comodulation.learnt", "modulation weights"),
        ("arms.comodulation.controller", "true"),
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
    let file = find("no-such-preset");
    assert_eq!(file, Ok(None));
}

#[test]
fn the_twelve_attributes_of_a_digit_are_what_they_are_called() {
    let fibonacci = |digit: u16| {
        // Those of 1, 2, 3, 5, 8, …: the preset lists them.
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
fn every_preset_compares_the_same_six_arms_over_five_seeds() {
    let arms = digits().arms;
    let names: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
    let expected = [
        "hard-sharing",
        "attention",
        "comodulation",
        "shuffled",
        "mean-activity",
        "fine-tuning",
    ];
    assert_eq!(names, expected);
    for settings in presets::all().expect("valid") {
        assert_eq!(settings.arms, arms, "{}", settings.name);
        assert_eq!(settings.training.seeds, [42, 43, 44, 45, 46]);
        assert_eq!(settings.modulator, digits().modulator, "{}", settings.name);
    }
}

#[test]
fn every_range_is_checked() {
    let of_digits = [
        ("kind=other", "kind", "other", "comodulation"),
        ("name=../elsewhere", "name", "../elsewhere", "letters"),
        ("title=", "title", "", "one line"),
        ("data.source=cifar", "data.source", "cifar", "cifar100"),
        ("data.maximum=0", "data.maximum", "0", "above 0"),
        ("data.mean=[0.1,0.2]", "data.mean", "[0.1, 0.2]", "1 number"),
        ("network.width=0", "network.width", "0", "from 1"),
        ("network.stages=0", "network.stages", "0", "1 to 4"),
        ("network.stages=5", "network.stages", "5", "1 to 4"),
        ("network.stem=tiny", "network.stem", "tiny", "small"),
        ("network.encoder=0", "network.encoder", "0", "from 1"),
        (
            "network.modulated=none",
            "network.modulated",
            "none",
            "both",
        ),
        ("network.decoder=0", "network.decoder", "0", "from 1"),
        (
            "network.residual=yes",
            "network.residual",
            "yes",
            "true or false",
        ),
        (
            "network.controller=-1",
            "network.controller",
            "-1",
            "not negative",
        ),
        (
            "modulator.deviation=-0.1",
            "modulator.deviation",
            "-0.1",
            "0 or above",
        ),
        (
            "modulator.deviation=nan",
            "modulator.deviation",
            "NaN",
            "finite",
        ),
        (
            "modulator.deviation=inf",
            "modulator.deviation",
            "inf",
            "finite",
        ),
        (
            "modulator.deviation=3e38",
            "modulator.deviation",
            "3",
            "finite in f32",
        ),
        ("modulator.count=0", "modulator.count", "0", "2 to 65536"),
        (
            "modulator.count=1",
            "modulator.count",
            "1",
            "one has no covariance",
        ),
        ("modulator.count=31", "modulator.count", "31", "pairs"),
        (
            "modulator.count=65538",
            "modulator.count",
            "65538",
            "2 to 65536",
        ),
        (
            "modulator.count=4000000000000",
            "modulator.count",
            "4000000000000",
            "2 to",
        ),
        (
            "modulator.draws=uniform",
            "modulator.draws",
            "uniform",
            "antithetic",
        ),
        (
            "modulator.modulation=normal",
            "modulator.modulation",
            "normal",
            "linear",
        ),
        (
            "modulator.constant=inf",
            "modulator.constant",
            "inf",
            "finite",
        ),
        (
            "modulator.measure=mean",
            "modulator.measure",
            "mean",
            "covariance",
        ),
        (
            "modulator.sign=minus",
            "modulator.sign",
            "minus",
            "rectified",
        ),
        (
            "modulator.gains_for=batch",
            "modulator.gains_for",
            "batch",
            "image",
        ),
        (
            "modulator.pass=both",
            "modulator.pass",
            "both",
            "fluctuating",
        ),
        ("training.batch=0", "training.batch", "0", "from 1"),
        ("training.seeds=[]", "training.seeds", "[]", "at least one"),
        ("training.seeds=[1,2,1]", "training.seeds", "1", "once"),
        (
            "training.optimiser.beta1=1",
            "training.optimiser.beta1",
            "1",
            "below 1",
        ),
        (
            "training.optimiser.epsilon=0",
            "training.optimiser.epsilon",
            "0",
            "above 0",
        ),
        (
            "pretraining.epochs=[]",
            "pretraining.epochs",
            "[]",
            "ascending",
        ),
        (
            "pretraining.epochs=[2,1]",
            "pretraining.epochs",
            "[2, 1]",
            "ascending",
        ),
        (
            "pretraining.epochs=[1,1]",
            "pretraining.epochs",
            "[1, 1]",
            "ascending",
        ),
        ("pretraining.epochs=5", "pretraining.epochs", "5", "list"),
        (
            "pretraining.learning_rate=0",
            "pretraining.learning_rate",
            "0",
            "above 0",
        ),
        (
            "adaptation.iterations=0",
            "adaptation.iterations",
            "0",
            "from 1",
        ),
        (
            "adaptation.learning_rate=-1",
            "adaptation.learning_rate",
            "-1",
            "above 0",
        ),
        (
            "evaluation.limit=-1",
            "evaluation.limit",
            "-1",
            "not negative",
        ),
        ("primary=[]", "primary", "[]", "at least one task"),
        ("tasks=[]", "tasks", "[]", "at least one task"),
        ("tasks.even.name=a/b", "tasks.a/b.name", "a/b", "letters"),
        (
            "tasks.even.name=PRIME",
            "tasks.prime.name",
            "prime",
            "upper and lower",
        ),
        (
            "tasks.even.attribute=Male",
            "tasks.even",
            "Male",
            "only CelebA",
        ),
        (
            "tasks.even.classes=[[0,1]]",
            "tasks.even.classes",
            "[[0, 1]]",
            "2 to 256",
        ),
        (
            "tasks.even.classes=[]",
            "tasks.even.classes",
            "[]",
            "2 to 256",
        ),
        (
            "tasks.even.classes=[[0],[]]",
            "tasks.even.classes",
            "[[0], []]",
            "2 to 256",
        ),
        (
            "tasks.even.classes=[[0],[0]]",
            "tasks.even.classes",
            "[[0], [0]]",
            "none twice",
        ),
        (
            "tasks.even.classes=[[0,0],[1]]",
            "tasks.even.classes",
            "[0, 0]",
            "none twice",
        ),
        (
            "tasks.even.classes=[[0],[10]]",
            "tasks.even.classes",
            "10",
            "0 to 9",
        ),
        (
            "primary.digit.classes=[[0],[1,1]]",
            "primary.digit.classes",
            "[1, 1]",
            "none twice",
        ),
        ("arms=[]", "arms", "[]", "at least one arm"),
        (
            "arms.attention.name=shuffled",
            "arms.shuffled.name",
            "shuffled",
            "differ",
        ),
        (
            "arms.attention.label=",
            "arms.attention.label",
            "",
            "one line",
        ),
        (
            "arms.attention.gains=some",
            "arms.attention.gains",
            "some",
            "mean-activity",
        ),
        (
            "arms.attention.learnt=all",
            "arms.attention.learnt",
            "all",
            "weights",
        ),
        (
            "arms.comodulation.controller=false",
            "arms.comodulation.gains",
            "couples nothing",
            "controller = false",
        ),
        (
            "arms.shuffled.controller=false",
            "arms.shuffled.gains",
            "couples nothing",
            "controller = false",
        ),
        (
            "arms.hard-sharing.gains=comodulation",
            "arms.hard-sharing.gains",
            "couples nothing",
            "mean-activity",
        ),
    ];
    for (assignment, key, value, right) in of_digits {
        refused(&digits(), assignment, key, value, right);
    }
    let of_celeba = [
        (
            "tasks.Smiling.attribute=Smilling",
            "tasks.Smiling.attribute",
            "Smilling",
            "Smiling",
        ),
        (
            "primary.Bald.attribute=bald",
            "primary.Bald.attribute",
            "bald",
            "Bald",
        ),
        (
            "tasks.Smiling.classes=[[0],[1]]",
            "tasks.Smiling",
            "Smiling",
            "no classes",
        ),
        ("data.side=0", "data.side", "0", "from 1"),
    ];
    for (assignment, key, value, right) in of_celeba {
        refused(
            &preset("comodulation-celeba"),
            assignment,
            key,
            value,
            right,
        );
    }
    // The edges that are right.
    for assignment in [
        "modulator.deviation=0",
        "modulator.count=2",
        "modulator.count=65536",
        "pretraining.epochs=[0]",
        "pretraining.epochs=[0, 1, 2, 5]",
        "network.controller=0",
        "network.stages=1",
        "tasks.even.classes=[[9],[0]]",
        "arms.hard-sharing.gains=mean-activity",
        "arms.fine-tuning.controller=true",
    ] {
        overridden(assignment).expect(assignment);
    }
    let odd = ["modulator.draws=gaussian", "modulator.count=3"];
    digits().with_overrides(&odd).expect("pairs are not needed");
}

#[test]
fn an_unknown_key_suggests_the_nearest() {
    for (assignment, expected) in [
        ("modulator.cuont=1", "modulator.count"),
        ("tasks.evn.classes=[[0],[1]]", "tasks.even.classes"),
        ("arms.atention.gains=ones", "arms.attention.gains"),
        ("gains_for=image", "modulator.gains_for"),
    ] {
        match overridden(assignment) {
            Err(Error::Unknown { kind, nearest, .. }) => {
                assert_eq!(
                    (kind, nearest.as_deref()),
                    ("setting", Some(expected)),
                    "{assignment}"
                );
            }
            other => panic!("{assignment}: {other:?}"),
        }
    }
}

#[test]
fn an_error_in_a_file_names_file_line_and_key() {
    let preset = presets::text("comodulation-digits").expect("the preset");
    for (from, to, key) in [
        ("count = 32", "count = 1", "modulator.count"),
        ("count = 32", "cuont = 32", "modulator.cuont"),
        ("stages = 2", "stages = \"two\"", "network.stages"),
        ("epochs = [5]", "epochs = [5, 2]", "pretraining.epochs"),
        (
            "gains = \"shuffled\"",
            "gains = \"mixed\"",
            "arms.shuffled.gains",
        ),
        ("kind = \"comodulation\"", "kind = \"sweep\"", "kind"),
    ] {
        assert!(preset.contains(from), "{from}");
        let text = preset.replacen(from, to, 1);
        let line = 1 + text.lines().position(|l| l.contains(to)).expect(to);
        match ComodulationSettings::from_toml(&text, "mine.toml") {
            Err(Error::Settings { path, problem }) => {
                assert_eq!(path, "mine.toml");
                assert!(
                    problem.contains(&format!("line {line}:")),
                    "{to}: {problem}"
                );
                assert!(problem.contains(key), "{to}: {problem}");
            }
            other => panic!("{to}: {other:?}"),
        }
    }
    let text = preset.replacen("count = 32\n", "", 1);
    let error = ComodulationSettings::from_toml(&text, "mine.toml").expect_err("count is missing");
    assert!(
        error.to_string().contains("modulator.count = (missing)"),
        "{error}"
    );
}

#[test]
fn a_file_is_told_from_other_settings_by_its_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.toml");
    let name = path.to_str().expect("UTF-8");
    std::fs::write(&path, digits().to_toml().expect("TOML")).expect("written");
    assert_eq!(find(name), Ok(Some(digits())));
    assert_eq!(ComodulationSettings::from_file(&path), Ok(digits()));
    let other = experiment::presets::text("split-digits").expect("a preset");
    std::fs::write(&path, other).expect("written");
    assert_eq!(find(name), Ok(None));
    assert_eq!(find("split-digits"), Ok(None));
}

#[test]
fn arms_and_seeds_are_chosen() {
    let chosen = digits()
        .with_arms(&["shuffled", "attention"])
        .expect("known");
    let names: Vec<&str> = chosen.arms.iter().map(|arm| arm.name.as_str()).collect();
    assert_eq!(names, ["shuffled", "attention"]);
    match digits().with_arms(&["atention"]) {
        Err(Error::Unknown {
            kind: "arm",
            nearest,
            ..
        }) => {
            assert_eq!(nearest.as_deref(), Some("attention"));
        }
        other => panic!("{other:?}"),
    }
    assert!(digits().with_arms(&["shuffled", "shuffled"]).is_err());
    assert!(digits().with_arms::<&str>(&[]).is_err());
    let seeded = digits().with_seeds(&[7, 3]).expect("seeds");
    assert_eq!(seeded.training.seeds, [7, 3]);
    assert!(digits().with_seeds(&[]).is_err());
    assert!(digits().with_seeds(&[1, 1]).is_err());
    assert!(digits().with_seeds(&[1 << 63]).is_err());
}
