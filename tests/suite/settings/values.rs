//! Overrides, types and ranges.

use neurogain::Error;
use neurogain::optim::Optimizer;
use neurogain::run::continual::NetworkSettings;
use neurogain::run::parse_seeds;

use super::*;

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
            "data.mean=[-2.5e-1]",
            "network.hidden=[]",
            "methods.adam.optimizer.beta1=0.8",
            "methods.sgd.gain_modulated=true",
            "methods.sgd.label=Gain",
            "methods.msgd.optimizer.rule=adam",
            "methods.msgd.optimizer.beta2=0.5",
            "methods.msgd.optimizer.beta1=0",
            "methods.msgd.optimizer.epsilon=1e-3",
        ])
        .expect("valid overrides");
    assert_eq!(changed.gain.eta, 1.0);
    assert_eq!(changed.training.batch, 64);
    assert_eq!(changed.training.seeds, [7, 8]);
    assert_eq!(changed.stream.contexts, [[0, 1], [2, 3]]);
    assert_eq!(changed.title, "Mine, with spaces");
    assert_eq!(changed.description, "quoted");
    assert_eq!(changed.name, "7");
    assert_eq!(changed.data.mean, [-0.25]);
    assert_eq!(
        changed.network,
        NetworkSettings::Mlp {
            hidden: vec![],
            hidden_standard_deviation: 0.02,
            output_standard_deviation: 0.05,
        }
    );
    let optimizer = |name: &str| {
        let found = changed.methods.iter().find(|m| m.name == name);
        found.expect(name).optimizer
    };
    assert_eq!(
        optimizer("adam"),
        Optimizer::Adam {
            beta1: 0.8,
            beta2: 0.999,
            epsilon: 1e-8
        }
    );
    assert_eq!(
        optimizer("msgd"),
        Optimizer::Adam {
            beta1: 0.0,
            beta2: 0.5,
            epsilon: 1e-3
        }
    );
    let sgd = changed.methods.last().expect("a method");
    assert!(sgd.gain_modulated && sgd.label == "Gain");
    // Nothing else has changed.
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
            "methods.adam.optimizer.beta3=1",
            "methods.adam.optimizer.beta1",
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
    let names = |assignment: &str, key: &str, value: &str, expected: &str| {
        let (name, found, wanted) = refused(assignment);
        assert_eq!(name, key, "{assignment}");
        assert!(found.contains(value), "{assignment}: {found}");
        assert!(wanted.contains(expected), "{assignment}: {wanted}");
    };
    for (assignment, expected) in [
        ("gain.eta=fast", "number"),
        ("gain.eta=true", "number"),
        ("training.batch=1.5", "whole"),
        ("training.batch=-1", "whole"),
        ("training.batch=", "whole"),
        ("training.seeds=42", "list"),
        ("training.seeds=[-1]", "list"),
        ("stream.contexts=[0]", "[[0, 1]"),
        ("stream.contexts=[[65536]]", "list"),
        ("data.source=cifar", "mnist"),
        ("gain=1", "gamma, g0, eta"),
        ("methods=1", "[[methods]]"),
        ("methods.sgd.gain_modulated=1", "true or false"),
        ("methods.sgd.optimizer.rule=rmsprop", "adam"),
    ] {
        let (key, value) = assignment.split_once('=').expect("an assignment");
        names(assignment, key, value, expected);
    }
    names("methods=[1]", "methods.0", "1", "table");
    names(
        "methods.sgd.optimizer.rule=momentum",
        "methods.sgd.optimizer.momentum",
        "(missing)",
        "number",
    );
    names("gain.eta", "override", "gain.eta", "key=value");
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
        "data.mean=[nan]",
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
        "methods.msgd.optimizer.momentum=1",
        "methods.msgd.optimizer.momentum=-0.5",
        "methods.adam.optimizer.beta1=1",
        "methods.adam.optimizer.beta2=-1",
        "methods.adam.optimizer.epsilon=0",
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
    // Valid limits.
    for assignment in [
        "gain.gamma=0",
        "gain.eta=0",
        "gain.g0=1e-6",
        "network.hidden_standard_deviation=0",
        "stream.contexts=[[9]]",
        "training.seeds=[0, 9223372036854775807]",
        "methods.adam.optimizer.beta1=0",
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
fn methods_are_chosen_by_name_in_the_order_named() {
    let chosen = digits().with_methods(&["sgd", " ngm-sgd "]).expect("known");
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
fn changes_are_told_from_the_preset() {
    let told = |settings: &neurogain::systems::stability_gap::Settings| {
        let changes = settings.changes().expect("TOML").expect("a preset");
        let line = |c: &neurogain::run::settings::Change| {
            format!("{}: {} -> {}", c.key, c.preset, c.value)
        };
        changes.iter().map(line).collect::<Vec<_>>()
    };
    assert!(told(&digits()).is_empty());
    let changed = digits()
        .with_overrides(&[
            "gain.eta=0.5",
            "methods.sgd.backbone.rule=sgd",
            "title=Mine",
        ])
        .and_then(|settings| settings.with_methods(&["sgd"]))
        .and_then(|settings| settings.with_seeds(&[7]))
        .expect("valid");
    assert_eq!(
        told(&changed),
        [
            "gain.eta: 0.4 -> 0.5",
            "methods.sgd.backbone.rule:  -> \"sgd\"",
            "training.seeds: [42, 43, 44, 45, 46] -> [7]",
        ]
    );
    let mut own = digits();
    own.name = "mine".into();
    assert!(told(&own).is_empty());
    // Renamed settings are compared with the benchmark that has the same description.
    let mut renamed = changed;
    renamed.name = "mine".into();
    assert_eq!(told(&renamed)[0], "gain.eta: 0.4 -> 0.5");
    own.description = "Something else".into();
    assert_eq!(own.changes(), Ok(None));
}
