//! Presets and files: written settings read back, and errors name file, line and key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use neurogain::Error;
use neurogain::optim::Optimizer;
use neurogain::run::continual::NetworkSettings;
use neurogain::run::parse_seeds;
use neurogain::run::settings::DocumentKind;
use neurogain::systems::stability_gap::Settings;
use proptest::prelude::*;

use super::*;

#[test]
fn every_preset_is_valid_named_as_listed_and_survives_a_round_trip() {
    let names: Vec<&str> = Settings::presets().iter().map(|(name, _)| *name).collect();
    assert!(names.contains(&"split-digits") && names.contains(&"split-mnist"));
    for name in names {
        let settings = Settings::preset(name).expect(name);
        assert_eq!(settings.name, name);
        let text = settings.to_toml().expect(name);
        assert_eq!(Settings::from_toml(&text, name).expect(name), settings);
        // Also through the table of overrides, which must not round a number.
        assert_eq!(settings.with_overrides::<&str>(&[]).expect(name), settings);
    }
}

/// A preset, list of methods or sweep is one file: no other names it.
#[test]
fn every_file_of_a_system_is_compiled_in() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    for system in DocumentKind::all() {
        let kinds = [
            ("presets", system.presets),
            ("variants", system.variants),
            ("sweeps", system.sweeps),
        ];
        for (kind, shipped) in kinds {
            let own = data.join(system.name).join(kind);
            let shared = data.join("continual").join(kind);
            let files: BTreeMap<String, PathBuf> = std::fs::read_dir(own)
                .expect("the system's folder")
                .map(|entry| entry.expect("an entry").path())
                .map(|path| {
                    (
                        path.file_stem().expect("a name").display().to_string(),
                        path,
                    )
                })
                .collect();
            for (name, text) in shipped {
                let file = files.get(*name).cloned();
                let file = file.unwrap_or_else(|| shared.join(format!("{name}.toml")));
                assert_eq!(*text, std::fs::read_to_string(file).expect(name), "{name}");
            }
            let names: Vec<&str> = shipped.iter().map(|(name, _)| *name).collect();
            assert!(names.is_sorted(), "{names:?}");
            for name in files.keys() {
                assert!(names.contains(&name.as_str()), "{name} of {kind}");
            }
        }
    }
}

/// What another version wrote may not fit: the error names it. A file of this version gives the error alone.
#[test]
fn an_error_in_another_version_s_file_names_that_version() {
    let this = env!("CARGO_PKG_VERSION");
    for version in ["9.0.0", this] {
        let text = format!("# Written by neurogain {version}\ngain_of_tomorrow = 1\n");
        let error = Settings::from_toml(&text, "config.toml").unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("line 2: unknown setting `gain_of_tomorrow`"),
            "{error}"
        );
        let named = format!("neurogain {version} wrote this file, but this is neurogain {this}");
        assert_eq!(error.contains(&named), version != this, "{error}");
    }
}

/// Reading a device would not end, and opening a pipe would wait.
#[cfg(unix)]
#[test]
fn only_a_file_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo is there").success());
    for path in [Path::new("/dev/zero"), folder.path(), &pipe] {
        let error = Settings::from_file(path).unwrap_err().to_string();
        assert!(error.contains("it is not a file"), "{error}");
    }
}

#[test]
fn the_split_mnist_preset_is_the_papers() {
    let settings = Settings::preset("split-mnist").expect("the preset");
    assert_eq!(
        settings.network,
        NetworkSettings::Mlp {
            hidden: vec![400, 400],
            hidden_standard_deviation: 0.01,
            output_standard_deviation: 0.05,
        }
    );
    assert_eq!(settings.evaluation.every, 1);
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
    for (context, classes) in settings.stream.contexts.iter().zip([2u16, 4, 6, 8, 10]) {
        assert_eq!(*context, (0..classes).collect::<Vec<u16>>());
    }
}

#[test]
fn an_unknown_preset_suggests_the_nearest() {
    for name in ["split-mnst", "Split-MNIST", "mnist", "split_mnist"] {
        match Settings::preset(name) {
            Err(Error::Unknown { nearest, .. }) => {
                assert_eq!(nearest.as_deref(), Some("split-mnist"), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    match Settings::preset_text("imagenet-21k") {
        Err(error @ Error::Unknown { nearest: None, .. }) => {
            assert!(error.is_usage());
            assert!(
                error
                    .to_string()
                    .contains("rotated-mnist, split-cifar10, split-cifar10-sparse")
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_in_a_file_names_file_line_and_key() {
    let preset = Settings::preset_text("split-digits").expect("the preset");
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
            Err(Error::Settings { path, problem }) => {
                assert_eq!(path, "mine.toml");
                let last = to.lines().last().expect("a line");
                let line = line_of(&text, last);
                assert!(problem.contains(&line), "{to}: {problem}, not {line}");
                assert!(problem.contains(key), "{to}: {problem}");
            }
            other => panic!("{to}: {other:?}"),
        }
    }
    // A missing key has no line; the line of its table is given.
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
        settings.data.mean = vec![mean];
        settings.methods[2].optimizer = Optimizer::Adam { beta1: gamma, beta2: gamma, epsilon };
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
        let preset = Settings::preset_text("split-digits").expect("the preset");
        let cut = (0..=cut.min(preset.len()))
            .rfind(|&at| preset.is_char_boundary(at))
            .unwrap_or(0);
        let _ = Settings::from_toml(&format!("{}{insert}{}", &preset[..cut], &preset[cut..]), "t");
        let _ = Settings::from_toml(&format!("{}{insert}", &preset[..cut]), "t");
    }
}
