//! Settings that are valid alone, but do not fit together: refused, with the key that has to change.

use core::fmt::Debug;

use neurogain::Error;
use neurogain::systems::plasticity::PlasticitySettings;

use super::*;

/// Changes that are refused, the setting that the error names, and the last of the changes with which they are accepted.
type Case<'a> = (&'a [&'a str], &'a str, &'a str);

fn check<S: Debug>(cases: &[Case<'_>], changed: impl Fn(&[&str]) -> Result<S, Error>) {
    for (changes, key, instead) in cases {
        match changed(changes) {
            Err(Error::Setting { name, expected, .. }) => {
                assert_eq!(name, *key, "{changes:?}: {expected}");
            }
            other => panic!("{changes:?}: {other:?}"),
        }
        let mut mended = changes.to_vec();
        mended.pop();
        mended.extend((!instead.is_empty()).then_some(*instead));
        let result = changed(&mended);
        assert!(result.is_ok(), "{mended:?}: {result:?}");
    }
}

#[test]
fn streams_without_old_samples_have_no_replay() {
    let replay = "stream.replay={kind=\"reservoir\",size=10}";
    let cases: [Case<'_>; 6] = [
        (
            &["stream.contexts=[[0,1],[2,3]]", replay],
            "stream.replay",
            "",
        ),
        (
            &[replay, "stream.contexts=[[0,1],[2,3]]"],
            "stream.replay",
            "stream.contexts=[[0,1],[1,2]]",
        ),
        (
            &[
                replay,
                "stream.contexts=[]",
                "stream.tasks=5",
                "stream.training=sequential",
            ],
            "stream.training",
            "stream.training=joint",
        ),
        (
            &["stream.recurring=5"],
            "stream.recurring",
            "stream.recurring=4",
        ),
        (
            &[
                "stream.kind=class-subsets",
                "stream.contexts=[]",
                "stream.tasks=5",
                "stream.classes_per_task=1",
            ],
            "stream.classes_per_task",
            "stream.classes_per_task=2",
        ),
        (
            &["stream.kind=class-subsets", "stream.contexts=[[1],[2]]"],
            "stream.contexts",
            "stream.contexts=[[1],[2,3]]",
        ),
    ];
    check(&cases, |changes| digits().with_overrides(changes));
}

#[test]
fn parts_of_methods_need_their_learner_and_network() {
    let sgd: [Case<'_>; 8] = [
        (
            &["methods.sgd.activation=crelu"],
            "methods.sgd.activation",
            "",
        ),
        (
            &["methods.sgd.layer_norm=true"],
            "methods.sgd.layer_norm",
            "",
        ),
        (
            &["methods.sgd.learner=neumosync"],
            "network.kind",
            "methods.sgd.learner=maml",
        ),
        (
            &["methods.sgd.maml={inner_steps=1}"],
            "methods.sgd.maml",
            "methods.sgd.learner=maml",
        ),
        (
            &[
                "methods.sgd.learner=maml",
                "methods.sgd.replacement={kind=\"redo\",threshold=0.1}",
            ],
            "methods.sgd.replacement",
            "methods.sgd.clip=1",
        ),
        (
            &["methods.sgd.parameters={a=1}"],
            "methods.sgd.parameters",
            "",
        ),
        (
            &["methods.sgd.drive=boundary"],
            "methods.sgd.drive",
            "methods.sgd.gain_modulated=true",
        ),
        (
            &["methods.sgd.schedule={kind=\"cosine\",end=-1}"],
            "methods.sgd.schedule.end",
            "methods.sgd.schedule={kind=\"cosine\",end=0}",
        ),
    ];
    check(&sgd, |changes| digits().with_overrides(changes));
    let neumosync: [Case<'_>; 5] = [
        (
            &["methods.neumosync.clip=1"],
            "methods.neumosync.clip",
            "methods.neumosync.neumosync.clip=1",
        ),
        (
            &["methods.neumosync.neumosync.heads=3"],
            "methods.neumosync.neumosync.token_width",
            "methods.neumosync.neumosync.heads=4",
        ),
        (
            &["methods.neumosync.activation=crelu"],
            "methods.neumosync.activation",
            "",
        ),
        (
            &["methods.neumosync.regularizers=[{kind=\"l2\",strength=1}]"],
            "methods.neumosync.regularizers",
            "methods.neumosync.weight_decay=0.1",
        ),
        (
            &[
                "methods.neumosync.neumosync={clip=1}",
                "methods.neumosync.learner=gradient-descent",
            ],
            "methods.neumosync.neumosync",
            "",
        ),
    ];
    let preset = PlasticitySettings::preset("random-label-digits").expect("the preset");
    check(&neumosync, |changes| preset.with_overrides(changes));
}
