//! Settings: presets hold together, every value is checked, and errors name what is wrong and where.
#![cfg(feature = "report")]

use neurogain::Error;
use neurogain::experiment::{
    DataSource, OptimiserSettings, Settings, check_memory, load_samples, memory_needed,
    parse_seeds, presets,
};
use proptest::prelude::*;

fn digits() -> Settings {
    presets::settings("split-digits").expect("the preset is valid")
}

fn overridden(assignment: &str) -> Result<Settings, Error> {
    digits().with_overrides(&[assignment])
}

/// The name, value and expectation of the error that `assignment` gives.
fn refused(assignment: &str) -> (String, String, String) {
    match overridden(assignment) {
        Err(Error::Setting {
            name,
            value,
            expected,
        }) => (name, value, expected),
        other => panic!("{assignment}: {other:?}"),
    }
}

#[test]
fn every_preset_is_valid_named_as_listed_and_survives_a_round_trip() {
    let names: Vec<&str> = presets::names().collect();
    assert!(names.contains(&"split-digits") && names.contains(&"split-mnist"));
    for name in names {
        let settings = presets::settings(name).expect(name);
        assert_eq!(settings.name, name);
        let text = settings.to_toml().expect(name);
        assert_eq!(Settings::from_toml(&text, name).expect(name), settings);
        // Through the table of overrides as well, which must not round a number.
        assert_eq!(settings.with_overrides::<&str>(&[]).expect(name), settings);
    }
}

#[test]
fn every_preset_file_is_compiled_in() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/data/presets");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder of presets")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into())
        .collect();
    let mut names: Vec<String> = presets::names().map(str::to_string).collect();
    files.sort();
    names.sort();
    assert_eq!(files, names);
}

#[test]
fn the_split_mnist_preset_is_the_papers() {
    let settings = presets::settings("split-mnist").expect("the preset");
    assert_eq!(settings.network.hidden, [400, 400]);
    assert_eq!(settings.network.hidden_standard_deviation, 0.01);
    assert_eq!(settings.network.output_standard_deviation, 0.05);
    assert_eq!(settings.training.batch, 128);
    assert_eq!(settings.training.learning_rate, 0.01);
    assert_eq!(settings.training.seeds, [42, 43, 44, 45, 46]);
    assert_eq!(
        (settings.gain.gamma, settings.gain.g0, settings.gain.eta),
        (0.9, 1.0, 0.4)
    );
    let names: Vec<&str> = settings.methods.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["ngm-sgd", "msgd", "adam", "sgd"]);
    assert_eq!(settings.stream.contexts.len(), 5);
    for (context, classes) in settings.stream.contexts.iter().zip([2u8, 4, 6, 8, 10]) {
        assert_eq!(*context, (0..classes).collect::<Vec<u8>>());
    }
}

#[test]
fn an_unknown_preset_suggests_the_nearest() {
    for name in ["split-mnst", "Split-MNIST", "mnist", "split_mnist"] {
        match presets::settings(name) {
            Err(Error::Unknown { nearest, .. }) => {
                assert_eq!(nearest.as_deref(), Some("split-mnist"), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    match presets::text("imagenet-21k") {
        Err(error @ Error::Unknown { nearest: None, .. }) => {
            assert!(error.is_usage());
            assert!(error.to_string().contains("split-digits, split-mnist"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn overrides_reach_every_kind_of_setting() {
    let changed = digits()
        .with_overrides(&[
            "gain.eta=1",
            "training.batch = 64",
            "training.seeds=[7, 8]",
            "stream.contexts=[[0,1],[2,3]]",
            "title=Mine, with spaces",
            "description=\"quoted\"",
            "name=7",
            "data.mean=-2.5e-1",
            "network.hidden=[]",
            "methods.adam.optimiser.beta1=0.8",
            "methods.sgd.gain_modulated=true",
            "methods.sgd.label=Gain",
            "methods.msgd.optimiser.rule=adam",
            "methods.msgd.optimiser.beta2=0.5",
            "methods.msgd.optimiser.beta1=0",
            "methods.msgd.optimiser.epsilon=1e-3",
        ])
        .expect("valid overrides");
    assert_eq!(changed.gain.eta, 1.0);
    assert_eq!(changed.training.batch, 64);
    assert_eq!(changed.training.seeds, [7, 8]);
    assert_eq!(changed.stream.contexts, [[0, 1], [2, 3]]);
    assert_eq!(changed.title, "Mine, with spaces");
    assert_eq!(changed.description, "quoted");
    assert_eq!(changed.name, "7");
    assert_eq!(changed.data.mean, -0.25);
    assert!(changed.network.hidden.is_empty());
    let optimiser = |name: &str| {
        let found = changed.methods.iter().find(|m| m.name == name);
        found.expect(name).optimiser
    };
    assert_eq!(
        optimiser("adam"),
        OptimiserSettings::Adam {
            beta1: 0.8,
            beta2: 0.999,
            epsilon: 1e-8
        }
    );
    assert_eq!(
        optimiser("msgd"),
        OptimiserSettings::Adam {
            beta1: 0.0,
            beta2: 0.5,
            epsilon: 1e-3
        }
    );
    let sgd = changed.methods.last().expect("a method");
    assert!(sgd.gain_modulated && sgd.label == "Gain");
    // Nothing else has moved.
    assert_eq!(changed.gain.gamma, digits().gain.gamma);
    assert_eq!(changed.stream.iterations, digits().stream.iterations);
}

#[test]
fn an_unknown_key_suggests_the_nearest() {
    for (assignment, expected) in [
        ("gain.etta=1", "gain.eta"),
        ("eta=1", "gain.eta"),
        ("learning_rate=1", "training.learning_rate"),
        ("training.lerning_rate=1", "training.learning_rate"),
        (
            "methods.adam.optimiser.beta3=1",
            "methods.adam.optimiser.beta1",
        ),
        ("methods.adm.label=x", "methods.adam.label"),
        (
            "methods.sgd.gain_modulate=true",
            "methods.sgd.gain_modulated",
        ),
        ("gain.eta.x=1", "gain.eta"),
    ] {
        match overridden(assignment) {
            Err(Error::Unknown { kind, nearest, .. }) => {
                assert_eq!(kind, "setting");
                assert_eq!(nearest.as_deref(), Some(expected), "{assignment}");
            }
            other => panic!("{assignment}: {other:?}"),
        }
    }
    for assignment in ["=1", ".=1", "..=1", "methods.=1", "methods..=1", "zzzzzz=1"] {
        let error = overridden(assignment).expect_err(assignment);
        assert!(error.is_usage(), "{assignment}: {error}");
    }
}

#[test]
fn a_value_of_the_wrong_type_names_key_value_and_type() {
    for (assignment, key, value, expected) in [
        ("gain.eta=fast", "gain.eta", "fast", "number"),
        ("gain.eta=true", "gain.eta", "true", "number"),
        ("training.batch=1.5", "training.batch", "1.5", "whole"),
        ("training.batch=-1", "training.batch", "-1", "whole"),
        ("training.batch=", "training.batch", "", "whole"),
        ("training.seeds=42", "training.seeds", "42", "list"),
        ("training.seeds=[-1]", "training.seeds", "[-1]", "list"),
        ("stream.contexts=[0]", "stream.contexts", "[0]", "[[0, 1]"),
        ("stream.contexts=[[256]]", "stream.contexts", "256", "list"),
        ("data.source=cifar", "data.source", "cifar", "mnist"),
        ("gain=1", "gain", "1", "gamma, g0, eta"),
        ("methods=1", "methods", "1", "[[methods]]"),
        ("methods=[1]", "methods.0", "1", "table"),
        (
            "methods.sgd.gain_modulated=1",
            "methods.sgd.gain_modulated",
            "1",
            "true or false",
        ),
        (
            "methods.sgd.optimiser.rule=rmsprop",
            "methods.sgd.optimiser.rule",
            "rmsprop",
            "adam",
        ),
        (
            "methods.sgd.optimiser.rule=momentum",
            "methods.sgd.optimiser.momentum",
            "(missing)",
            "number",
        ),
        ("gain.eta", "override", "gain.eta", "key=value"),
    ] {
        let (name, found, wanted) = refused(assignment);
        assert_eq!(name, key, "{assignment}");
        assert!(found.contains(value), "{assignment}: {found}");
        assert!(wanted.contains(expected), "{assignment}: {wanted}");
    }
}

#[test]
fn every_range_is_checked() {
    for assignment in [
        "name=",
        "name=../elsewhere",
        "name=-x",
        "title=",
        "data.maximum=0",
        "data.maximum=-1",
        "data.maximum=inf",
        "data.mean=nan",
        "data.standard_deviation=0",
        "stream.contexts=[]",
        "stream.contexts=[[0],[]]",
        "stream.contexts=[[0,0]]",
        "stream.contexts=[[0,10]]",
        "stream.iterations=0",
        "network.hidden=[10,0]",
        "network.hidden_standard_deviation=-0.1",
        "network.output_standard_deviation=nan",
        "training.batch=0",
        "training.learning_rate=0",
        "training.learning_rate=-0.01",
        "training.learning_rate=1e39",
        "training.learning_rate=nan",
        "training.seeds=[]",
        "training.seeds=[1,2,1]",
        "gain.gamma=1",
        "gain.gamma=-0.1",
        "gain.gamma=nan",
        "gain.g0=0",
        "gain.g0=-1",
        "gain.eta=-0.1",
        "gain.eta=inf",
        "methods.sgd.name=adam",
        "methods.sgd.name=ADAM",
        "methods.sgd.name=a/b",
        "methods.sgd.name=a.b",
        "methods.sgd.label=",
        "methods.msgd.optimiser.momentum=1",
        "methods.msgd.optimiser.momentum=-0.5",
        "methods.adam.optimiser.beta1=1",
        "methods.adam.optimiser.beta2=-1",
        "methods.adam.optimiser.epsilon=0",
        "methods=[]",
    ] {
        let (name, value, _) = refused(assignment);
        let key = assignment.split_once('=').map(|(key, _)| key);
        let renamed = assignment.starts_with("methods.sgd.name");
        assert!(
            renamed || key == Some(name.as_str()),
            "{assignment}: {name}"
        );
        assert!(!value.is_empty(), "{assignment}");
    }
    // The edges that are right.
    for assignment in [
        "gain.gamma=0",
        "gain.eta=0",
        "gain.g0=1e-6",
        "network.hidden_standard_deviation=0",
        "stream.contexts=[[9]]",
        "training.seeds=[0, 9223372036854775807]",
        "methods.adam.optimiser.beta1=0",
    ] {
        overridden(assignment).expect(assignment);
    }
    let (_, value, expected) = refused("training.learning_rate=-0.01");
    assert_eq!(value, "-0.01");
    assert!(expected.contains("above 0"), "{expected}");
}

#[test]
fn a_seed_that_toml_cannot_hold_is_refused() {
    assert!(digits().with_seeds(&[1 << 63]).is_err());
    let mut settings = digits();
    settings.training.seeds = vec![u64::MAX];
    assert!(settings.to_toml().is_err());
}

#[test]
fn an_error_in_a_file_names_file_line_and_key() {
    let preset = presets::text("split-digits").expect("the preset");
    let line_of = |text: &str, part: &str| {
        let index = text.lines().position(|line| line.contains(part));
        format!("line {}:", 1 + index.expect(part))
    };
    for (from, to, key) in [
        ("eta = 0.4", "eta = -0.4", "gain.eta"),
        ("eta = 0.4", "etta = 0.4", "gain.etta"),
        ("iterations = 200", "iterations = \"many\"", "iterations"),
        ("momentum = 0.9", "momentum = 1.9", "methods.msgd"),
        ("gamma = 0.9", "gamma = 0.9 0.9", ""),
        ("label = \"Adam\"", "label = 3", "methods.adam.label"),
        ("name = \"adam\"", "name = \"a/b\"", "methods.a/b.name"),
        ("name = \"adam\"", "name = 3", "methods.2.name"),
        ("iterations = 200", "iterations = 200\niterations = 3", ""),
    ] {
        assert!(preset.contains(from), "{from}");
        let text = preset.replacen(from, to, 1);
        match Settings::from_toml(&text, "mine.toml") {
            Err(Error::Format { path, problem }) => {
                assert_eq!(path, "mine.toml");
                let last = to.lines().last().expect("a line");
                let line = line_of(&text, last);
                assert!(problem.contains(&line), "{to}: {problem}, not {line}");
                assert!(problem.contains(key), "{to}: {problem}");
            }
            other => panic!("{to}: {other:?}"),
        }
    }
    // A key that is missing has no line of its own: its table's is given.
    let text = preset.replacen("gamma = 0.9\n", "", 1);
    let error = Settings::from_toml(&text, "mine.toml").expect_err("gamma is missing");
    let message = error.to_string();
    assert!(message.contains("gain.gamma = (missing)"), "{message}");
    assert!(message.contains(&line_of(&text, "[gain]")), "{message}");
    let empty = Settings::from_toml("", "empty.toml").expect_err("nothing is there");
    assert!(empty.to_string().contains("empty.toml: name = (missing)"));
}

#[test]
fn files_that_are_no_settings_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("settings.toml");
    assert!(matches!(
        Settings::from_file(&path),
        Err(Error::File { action: "read", .. })
    ));
    assert!(Settings::from_file(folder.path()).is_err());
    std::fs::write(&path, [0xff, 0xfe]).expect("written");
    let error = Settings::from_file(&path).expect_err("not text");
    assert!(error.to_string().contains("settings.toml"), "{error}");
    std::fs::write(&path, "#".repeat(2 << 20)).expect("written");
    let error = Settings::from_file(&path).expect_err("too large");
    assert!(error.to_string().contains("at most"), "{error}");
    std::fs::write(&path, digits().to_toml().expect("TOML")).expect("written");
    assert_eq!(Settings::from_file(&path), Ok(digits()));
}

#[test]
fn methods_are_chosen_by_name_in_the_order_named() {
    let chosen = digits().with_methods(&["sgd", "ngm-sgd"]).expect("known");
    let names: Vec<&str> = chosen.methods.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["sgd", "ngm-sgd"]);
    match digits().with_methods(&["adm"]) {
        Err(Error::Unknown {
            kind: "method",
            nearest,
            ..
        }) => assert_eq!(nearest.as_deref(), Some("adam")),
        other => panic!("{other:?}"),
    }
    assert!(digits().with_methods(&["sgd", "sgd"]).is_err());
    assert!(digits().with_methods::<&str>(&[]).is_err());
}

#[test]
fn seeds_are_lists_and_ranges_with_both_ends() {
    assert_eq!(parse_seeds("42..46"), Ok(vec![42, 43, 44, 45, 46]));
    assert_eq!(parse_seeds("1, 2,9"), Ok(vec![1, 2, 9]));
    assert_eq!(parse_seeds("7"), Ok(vec![7]));
    assert_eq!(parse_seeds("3..3,5..6"), Ok(vec![3, 5, 6]));
    for wrong in [
        "",
        ",",
        "1,",
        "a",
        "-1",
        "1.5",
        "46..42",
        "1..",
        "..2",
        "1...2",
        "0..18446744073709551615",
        "1..100001",
        "1..60000,1..60000",
        "18446744073709551616",
    ] {
        match parse_seeds(wrong) {
            Err(Error::Setting { value, .. }) => assert_eq!(value, wrong),
            other => panic!("{wrong}: {other:?}"),
        }
    }
    assert_eq!(parse_seeds("1..100000").map(|s| s.len()), Ok(100_000));
}

#[test]
fn an_experiment_that_does_not_fit_into_memory_is_refused_by_its_sizes() {
    let samples = load_samples(DataSource::Digits, "".as_ref()).expect("they ship inside");
    check_memory(&digits(), &samples, 4).expect("the default fits");
    for assignment in [
        "training.batch=1000000000000",
        "training.batch=9223372036854775807",
        "network.hidden=[100000000, 100000000]",
        "network.hidden=[9223372036854775807, 9223372036854775807]",
        "stream.iterations=1000000000000",
    ] {
        let settings = overridden(assignment).expect(assignment);
        let error = check_memory(&settings, &samples, 4).expect_err(assignment);
        assert!(
            matches!(error, Error::Memory { .. }),
            "{assignment}: {error:?}"
        );
        let (_, value) = assignment.split_once('=').expect("an assignment");
        assert!(error.to_string().contains(value), "{assignment}: {error}");
    }
}

#[test]
fn memory_grows_with_what_is_held() {
    let samples = load_samples(DataSource::Digits, "".as_ref()).expect("they ship inside");
    let needed = |assignment: &str, runs: usize| {
        let settings = overridden(assignment).expect(assignment);
        memory_needed(&settings, &samples, runs).expect("no overflow")
    };
    let one = needed("training.batch=32", 1);
    // Two tensors of (64 + 100 + 100 + 10) numbers of 4 bytes a sample more.
    assert_eq!(needed("training.batch=48", 1) - one, 16 * 2 * 274 * 4);
    // A batch of 33 is padded to 48.
    assert_eq!(
        needed("training.batch=33", 1),
        needed("training.batch=48", 1)
    );
    // Every further run has its own weights (64·100 + 100·100 + 100·10), at least.
    assert!(needed("training.batch=32", 2) - one > 17_400 * 4);
    assert!(needed("training.batch=32", 3) - one == 2 * (needed("training.batch=32", 2) - one));
}

proptest! {
    #[test]
    fn every_number_survives_the_round_trip(
        rate in 1e-30f32..1e30,
        gamma in 0.0f32..1.0,
        mean in any::<f32>().prop_filter("finite", |v| v.is_finite()),
        epsilon in f32::MIN_POSITIVE..1e-3,
        seeds in proptest::collection::btree_set(0..=i64::MAX as u64, 1..5),
        title in "[^\\p{Cc}]{0,20}x",
        description in ".{0,40}",
    ) {
        let mut settings = digits();
        settings.training.learning_rate = rate;
        settings.gain.gamma = gamma;
        settings.data.mean = mean;
        settings.methods[2].optimiser = OptimiserSettings::Adam { beta1: gamma, beta2: gamma, epsilon };
        settings.training.seeds = seeds.into_iter().collect();
        settings.title = title;
        settings.description = description;
        let text = settings.to_toml().expect("TOML");
        prop_assert_eq!(&Settings::from_toml(&text, "t").expect("reads back"), &settings);
        prop_assert_eq!(&settings.with_overrides::<&str>(&[]).expect("no change"), &settings);
    }

    #[test]
    fn no_text_panics(text in ".{0,200}", key in ".{0,20}", value in ".{0,20}") {
        let _ = Settings::from_toml(&text, "t");
        let _ = overridden(&format!("{key}={value}"));
        let _ = overridden(&format!("gain.eta={value}"));
        let _ = overridden(&format!("methods.{key}={value}"));
        let _ = parse_seeds(&text);
    }

    #[test]
    fn no_broken_preset_panics(cut in 0usize..2000, insert in ".{0,5}") {
        let preset = presets::text("split-digits").expect("the preset");
        let cut = (0..=cut.min(preset.len()))
            .rfind(|&at| preset.is_char_boundary(at))
            .unwrap_or(0);
        let _ = Settings::from_toml(&format!("{}{insert}{}", &preset[..cut], &preset[cut..]), "t");
        let _ = Settings::from_toml(&format!("{}{insert}", &preset[..cut]), "t");
    }
}
