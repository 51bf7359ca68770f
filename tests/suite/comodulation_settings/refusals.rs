//! Every value is checked, and errors name what is wrong and where.

use neurogain::Error;
use neurogain::systems::comodulation::ComodulationSettings;
use neurogain::systems::stability_gap;

use super::{digits, overridden, preset};

/// `settings` with one change are refused under `key`; the error gives the value and what would be right.
#[track_caller]
fn refused_as(
    settings: &ComodulationSettings,
    assignment: &str,
    key: &str,
    value: &str,
    right: &str,
) {
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

/// As [`refused_as`], with the key and the value of the assignment.
#[track_caller]
fn refused(settings: &ComodulationSettings, assignment: &str, right: &str) {
    let (key, value) = assignment.split_once('=').expect("an assignment");
    refused_as(settings, assignment, key, value, right);
}

#[test]
fn every_range_is_checked() {
    for (assignment, right) in [
        ("kind=other", "comodulation"),
        ("name=../elsewhere", "letters"),
        ("title=", "one line"),
        ("data.source=cifar", "cifar100"),
        ("data.maximum=0", "above 0"),
        ("data.mean=[0.1, 0.2]", "1 number"),
        ("network.width=0", "from 1"),
        ("network.stem=tiny", "small"),
        ("network.encoder=0", "from 1"),
        ("network.modulated=none", "both"),
        ("network.decoder=0", "from 1"),
        ("network.residual=yes", "true or false"),
        ("network.controller=-1", "not negative"),
        ("modulator.std=-0.1", "0 or above"),
        ("modulator.std=inf", "finite"),
        ("modulator.num_draws=0", "2 to 65536"),
        ("modulator.num_draws=1", "one has no covariance"),
        ("modulator.num_draws=31", "pairs"),
        ("modulator.num_draws=65538", "2 to 65536"),
        ("modulator.num_draws=4000000000000", "2 to"),
        ("modulator.sampling=uniform", "antithetic"),
        ("modulator.modulation=normal", "linear"),
        ("modulator.test_modulator=inf", "finite"),
        ("modulator.test_modulator=0", "learns nothing"),
        ("modulator.statistic=mean", "covariance"),
        ("modulator.rectification=minus", "rectified"),
        ("modulator.granularity=batch", "image"),
        ("modulator.controller_pass=both", "fluctuating"),
        ("training.batch=0", "from 1"),
        ("training.seeds=[]", "at least one"),
        ("training.optimizer.beta1=1", "below 1"),
        ("training.optimizer.epsilon=0", "above 0"),
        ("pretraining.epochs=[]", "ascending"),
        ("pretraining.epochs=[2, 1]", "ascending"),
        ("pretraining.epochs=[1, 1]", "ascending"),
        ("pretraining.epochs=5", "list"),
        ("pretraining.learning_rate=0", "above 0"),
        ("adaptation.shared_readout=yes", "true or false"),
        ("adaptation.shared_readout=1", "true or false"),
        ("adaptation.iterations=0", "from 1"),
        ("adaptation.learning_rates=[]", "at least one"),
        ("adaptation.learning_rates=[0.5, 0.5]", "once"),
        ("adaptation.learning_rates=[0.1, 0.2]", "adaptation.samples"),
        ("adaptation.samples=[1]", "from 2"),
        ("adaptation.samples=[4, 4]", "each once"),
        ("adaptation.readout=frozen", "before"),
        ("adaptation.validate_every=0", "from 1"),
        ("adaptation.batch=0", "from 1"),
        ("readouts.iterations=0", "from 1"),
        ("readouts.learning_rate=0", "above 0"),
        ("pretraining.tasks=both", "together"),
        ("network.stages=5", "0 to 4"),
        ("network.cell=8", "network.stages is not 0"),
        ("network.couplings=layer", "neuron"),
        ("network.coupling_start=1", "ones"),
        ("tasks.even.labels=[1]", "at least two labels"),
        ("tasks.even.labels=[1, 1]", "each once"),
        ("tasks.even.labels=[1, 10]", "of its classes"),
        (
            "tasks.even.cell=1",
            "only the tasks of an experiment with scenes",
        ),
        ("scenes.cells=1", "2 to 16"),
        ("methods.attention.modulator.std=-1", "0 or above"),
        ("evaluation.limit=-1", "not negative"),
        ("primary=[]", "at least one task"),
        ("tasks=[]", "at least one task"),
        ("tasks.even.classes=[[0, 1]]", "2 to 256"),
        ("tasks.even.classes=[]", "2 to 256"),
        ("tasks.even.classes=[[0], []]", "2 to 256"),
        ("tasks.even.classes=[[0], [0]]", "at most once"),
        ("tasks.even.classes=[[0, 0], [1]]", "at most once"),
        ("tasks.even.classes=[[0], [10]]", "0 to 9"),
        ("primary.digit.classes=[[0], [1, 1]]", "at most once"),
        ("methods=[]", "at least one method"),
        ("methods.attention.label=", "one line"),
        ("methods.attention.gains=some", "mean-activity"),
        ("methods.attention.trainable=all", "weights"),
    ] {
        refused(&digits(), assignment, right);
    }
    for (assignment, right) in [
        ("tasks.Smiling.attribute=Smilling", "Smiling"),
        ("primary.Bald.attribute=bald", "Bald"),
        ("data.side=0", "from 1"),
    ] {
        refused(&preset("comodulation-celeba"), assignment, right);
    }
    for (assignment, right) in [
        ("tasks.1-or-2-in-cell-5.cell=16", "from 0 to 15"),
        ("scenes.distractors=16", "at most 15"),
        ("scenes.task=0", "1 to 1000000"),
        ("scenes.primary=1000001", "1 to 1000000"),
        ("adaptation.shared_readout=true", "the primary readouts"),
        ("scenes.noise=-1", "0 or above"),
        ("network.residual=true", "different sizes"),
    ] {
        refused(&preset("comodulation-places"), assignment, right);
    }
    let residual = preset("comodulation-cifar10");
    let residual = residual
        .with_overrides(&["network.residual=true"])
        .expect("valid");
    refused(&residual, "network.encoder_output=64", "as network.encoder");
    let digits = digits();
    for (assignment, key, value, right) in [
        (
            "adaptation.learning_rates=[-1]",
            "adaptation.learning_rates",
            "-1",
            "above 0",
        ),
        (
            "network.stages=0",
            "network.cell",
            "(missing)",
            "the rows of a cell",
        ),
        (
            "adaptation.readout=primary",
            "tasks.even",
            "[[1, 3, 5, 7, 9], [0, 2, 4, 6, 8]]",
            "a primary task",
        ),
        (
            "scenes.distractors=3",
            "tasks.even.cell",
            "(missing)",
            "the cued cell",
        ),
        (
            "methods.attention.modulator.num_draws=3",
            "modulator.num_draws",
            "3",
            "pairs",
        ),
        (
            "methods.attention.name=readouts",
            "methods.name",
            "readouts",
            "another name",
        ),
    ] {
        refused_as(&digits, assignment, key, value, right);
    }
    // Valid limits.
    for assignment in [
        "modulator.std=0",
        "modulator.num_draws=2",
        "modulator.num_draws=65536",
        "pretraining.epochs=[0]",
        "pretraining.epochs=[0, 1, 2, 5]",
        "network.controller=0",
        "network.stages=1",
        "tasks.even.classes=[[9],[0]]",
        "methods.hard-sharing.gains=mean-activity",
        "methods.fine-tuning.controller=true",
    ] {
        overridden(assignment).expect(assignment);
    }
    let odd = ["modulator.sampling=gaussian", "modulator.num_draws=3"];
    digits.with_overrides(&odd).expect("pairs are not needed");
}

/// The error names something other than the assignment: a number as parsed, a part of a list, or a combination.
#[test]
fn what_is_wrong_is_named_where_it_stands() {
    for (assignment, key, value, right) in [
        ("modulator.std=nan", "modulator.std", "NaN", "finite"),
        ("modulator.std=3e38", "modulator.std", "3", "finite in f32"),
        ("training.seeds=[1,2,1]", "training.seeds", "1", "once"),
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
            "methods.attention.name=shuffled",
            "methods.shuffled.name",
            "shuffled",
            "differ",
        ),
        (
            "methods.comodulation.controller=false",
            "methods.comodulation.gains",
            "draws of the modulator",
            "controller = true",
        ),
        (
            "methods.shuffled.controller=false",
            "methods.shuffled.gains",
            "draws of the modulator",
            "controller = true",
        ),
        (
            "methods.hard-sharing.gains=comodulation",
            "methods.hard-sharing.gains",
            "draws of the modulator",
            "mean-activity",
        ),
    ] {
        refused_as(&digits(), assignment, key, value, right);
    }
    let celeba = preset("comodulation-celeba");
    refused_as(
        &celeba,
        "tasks.Smiling.classes=[[0],[1]]",
        "tasks.Smiling",
        "Smiling",
        "no classes",
    );
}

/// A readout shared by all tasks needs equal numbers of classes; checked before any training.
#[test]
fn a_shared_readout_needs_tasks_of_as_many_classes() {
    let shared = overridden("adaptation.shared_readout=true").expect("of two classes each");
    let three = "tasks.prime.classes=[[0], [1], [2]]";
    let right = "above-4 has 2, prime has 3";
    refused_as(&shared, three, "adaptation.shared_readout", "true", right);
    // The primary tasks have their own readouts.
    let primary = "primary=[{name=\"a\",classes=[[0],[1]]},{name=\"b\",classes=[[0],[1],[2]]}]";
    shared
        .with_overrides(&[primary])
        .expect("no task of theirs");
    // Each superclass has five classes.
    let superclasses = preset("comodulation-cifar100-superclasses");
    let shared = superclasses.with_overrides(&["adaptation.shared_readout=true"]);
    shared.expect("five classes each");
    let text = ComodulationSettings::preset_text("comodulation-digits").expect("the preset");
    let missing = text.replacen("shared_readout = false\n", "", 1);
    let error = ComodulationSettings::from_toml(&missing, "mine.toml").expect_err("it is missing");
    let said = "adaptation.shared_readout = (missing)";
    assert!(error.to_string().contains(said), "{error}");
}

#[test]
fn an_unknown_key_suggests_the_nearest() {
    for (assignment, expected) in [
        ("modulator.num_darws=1", "modulator.num_draws"),
        ("tasks.evn.classes=[[0],[1]]", "tasks.even.classes"),
        ("methods.atention.gains=ones", "methods.attention.gains"),
        ("granularity=image", "modulator.granularity"),
        (
            "adaptation.shared_readouts=true",
            "adaptation.shared_readout",
        ),
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
    let preset = ComodulationSettings::preset_text("comodulation-digits").expect("the preset");
    for (from, to, key) in [
        ("num_draws = 32", "num_draws = 1", "modulator.num_draws"),
        ("num_draws = 32", "num_darws = 32", "modulator.num_darws"),
        ("stages = 2", "stages = \"two\"", "network.stages"),
        ("epochs = [5]", "epochs = [5, 2]", "pretraining.epochs"),
        (
            "shared_readout = false",
            "shared_readout = 0",
            "adaptation.shared_readout",
        ),
        (
            "gains = \"shuffled\"",
            "gains = \"mixed\"",
            "methods.shuffled.gains",
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
    let text = preset.replacen("num_draws = 32\n", "", 1);
    let error = ComodulationSettings::from_toml(&text, "mine.toml").expect_err("count is missing");
    assert!(
        error
            .to_string()
            .contains("modulator.num_draws = (missing)"),
        "{error}"
    );
}

#[test]
fn a_file_is_told_from_other_settings_by_its_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.toml");
    let name = path.to_str().expect("UTF-8");
    std::fs::write(&path, digits().to_toml().expect("TOML")).expect("written");
    assert_eq!(ComodulationSettings::find(name, "".as_ref()), Ok(digits()));
    assert!(stability_gap::Settings::from_file(&path).is_err());
    assert_eq!(ComodulationSettings::from_file(&path), Ok(digits()));
    let other = stability_gap::Settings::preset_text("split-digits").expect("a preset");
    std::fs::write(&path, other).expect("written");
    assert!(ComodulationSettings::from_file(&path).is_err());
    assert!(ComodulationSettings::find("split-digits", "".as_ref()).is_err());
    assert!(stability_gap::Settings::from_file(&path).is_ok());
}

#[test]
fn arms_and_seeds_are_chosen() {
    let chosen = digits()
        .with_methods(&["shuffled", "attention"])
        .expect("known");
    let names: Vec<&str> = chosen
        .methods
        .iter()
        .map(|method| method.name.as_str())
        .collect();
    assert_eq!(names, ["shuffled", "attention"]);
    match digits().with_methods(&["atention"]) {
        Err(Error::Unknown {
            kind: "method",
            nearest,
            ..
        }) => {
            assert_eq!(nearest.as_deref(), Some("attention"));
        }
        other => panic!("{other:?}"),
    }
    assert!(digits().with_methods(&["shuffled", "shuffled"]).is_err());
    assert!(digits().with_methods::<&str>(&[]).is_err());
    let seeded = digits().with_seeds(&[7, 3]).expect("seeds");
    assert_eq!(seeded.training.seeds, [7, 3]);
    assert!(digits().with_seeds(&[]).is_err());
    assert!(digits().with_seeds(&[1, 1]).is_err());
    assert!(digits().with_seeds(&[1 << 63]).is_err());
}
