//! The kinds of streams in experiments, and their settings.
#![cfg(feature = "report")]

use std::sync::atomic::AtomicBool;

use neurogain::data::{TrainTest, digits};
use neurogain::run::Experiment as _;
use neurogain::run::System;
use neurogain::systems::StabilityGap;
use neurogain::systems::stability_gap::{Experiment, Run, Settings};
use neurogain::{Cpu, Error, Result};

fn settings(overrides: &[&str]) -> Result<Settings> {
    let short = [
        "stream.iterations=4",
        "network.hidden=[16]",
        "training.batch=16",
        "evaluation.every=2",
        "evaluation.tasks=all",
    ];
    let overrides: Vec<&str> = short.iter().chain(overrides).copied().collect();
    let settings = Settings::preset("split-digits")?.with_overrides(&overrides)?;
    settings.with_seeds(&[42])?.with_methods(&["ngm-sgd"])
}

fn run_on(settings: &Settings, samples: &TrainTest) -> Run {
    let cpu = Cpu::new().unwrap();
    let experiment = Experiment::new(settings, samples, &cpu).unwrap();
    let stop = AtomicBool::new(false);
    let run = experiment.run(1, &stop).unwrap().runs.remove(0);
    let costs: u64 = run.history.records.iter().map(|r| experiment.cost(r)).sum();
    assert_eq!(costs, experiment.size(0).cost);
    run
}

fn run(overrides: &[&str]) -> Run {
    run_on(&settings(overrides).unwrap(), &digits::load())
}

/// The context of each iteration.
fn contexts(run: &Run) -> Vec<usize> {
    run.history.records.iter().map(|r| r.context).collect()
}

/// Joint training on tasks equals, bit for bit, lists that each contain the previous one; and a counted list equals
/// the written-out one.
#[test]
fn joint_training_is_that_of_growing_lists() {
    for (kind, tasks, listed, growing) in [
        (
            "split",
            5,
            "[[0,1],[2,3],[4,5],[6,7],[8,9]]",
            "[[0,1],[0,1,2,3],[0,1,2,3,4,5],[0,1,2,3,4,5,6,7],[0,1,2,3,4,5,6,7,8,9]]",
        ),
        (
            "rotated",
            3,
            "[[0],[120],[240]]",
            "[[0],[0,120],[0,120,240]]",
        ),
        ("permuted", 3, "[[0],[1],[2]]", "[[0],[0,1],[0,1,2]]"),
    ] {
        let kind = format!("stream.kind={kind}");
        let joint = "stream.training=joint";
        let counted = run(&[
            &kind,
            joint,
            "stream.contexts=[]",
            &format!("stream.tasks={tasks}"),
        ]);
        assert_eq!(
            counted,
            run(&[&kind, joint, &format!("stream.contexts={listed}")]),
            "{kind}"
        );
        assert_eq!(
            counted,
            run(&[&kind, &format!("stream.contexts={growing}")]),
            "{kind}"
        );
        let alone = run(&[
            &kind,
            "stream.training=sequential",
            &format!("stream.contexts={listed}"),
        ]);
        assert_eq!(
            alone.history.records[..4],
            counted.history.records[..4],
            "{kind}"
        );
        assert_ne!(alone.hash, counted.hash, "{kind}");
        // A replay buffer gives other batches than joint training; `replay.rs` checks the samples that it holds.
        let replayed = run(&[
            &kind,
            joint,
            &format!("stream.contexts={listed}"),
            "stream.replay={kind=\"balanced\",size=50}",
        ]);
        assert_ne!(replayed.hash, counted.hash, "{kind}");
    }
}

#[test]
fn the_first_task_recurs_and_contexts_have_iterations_of_their_own() {
    let stream = [
        "stream.kind=permuted",
        "stream.tasks=4",
        "stream.recurring=2",
    ];
    let settings = settings(&stream).unwrap();
    assert_eq!(settings.stream.count(), 5);
    assert_eq!(
        settings.stream.lists(10).unwrap(),
        [[0], [1], [2], [0], [3]]
    );
    let with = |more: &str| run(&[&stream[..], &[more]].concat());
    assert_eq!(
        contexts(&with("stream.iterations=2")),
        [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    );
    let run = with("stream.iterations_per_context=[2, 4, 2, 2, 6]");
    assert_eq!(
        contexts(&run),
        [1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5, 5, 5]
    );
    // When the first task returns, it is tested as a separate task.
    let last = &run.history.records[9];
    assert_eq!(last.later_tasks.len(), 3);
    assert_eq!(last.test, Some(last.later_tasks[2]));
}

/// An epoch has as many iterations as are needed to draw as many samples as the context has.
#[test]
fn epochs_are_counted_in_iterations() {
    let samples = digits::load();
    let counted = |overrides: &[&str]| {
        let overrides = [&["evaluation.every=1"], overrides].concat();
        settings(&overrides)?.with_epochs_counted(&samples.train)
    };
    let n = samples.train.len().div_ceil(16);
    let permuted = ["stream.kind=permuted", "stream.tasks=2"];
    let two = counted(&[&permuted[..], &["stream.epochs=[2]"]].concat()).unwrap();
    assert_eq!(two.stream.iterations_per_context, Some(vec![2 * n; 2]));
    let again = two.with_epochs_counted(&samples.train).unwrap();
    assert_eq!(again, two);
    let changes = two.changes().unwrap().unwrap();
    assert!(changes.iter().any(|c| c.key == "stream.epochs"));
    let each = "stream.iterations_per_context";
    assert!(changes.iter().all(|c| c.key != each));
    let other = two.with_overrides(&["stream.epochs=[1]"]).unwrap();
    let refused = other.with_epochs_counted(&samples.train).unwrap_err();
    assert!(refused.to_string().contains(each), "{refused}");
    let each = counted(&[&permuted[..], &["stream.epochs=[1, 3]"]].concat()).unwrap();
    assert_eq!(each.stream.iterations_per_context, Some(vec![n, 3 * n]));
    assert_eq!(each.stream.total_iterations(), 4 * n);
    let split = counted(&["stream.contexts=[[0], [1, 2]]", "stream.epochs=[1]"]).unwrap();
    let of = |classes: &[u8]| samples.train.of_classes(classes).len().div_ceil(16);
    assert_eq!(
        split.stream.iterations_per_context,
        Some(vec![of(&[0]), of(&[1, 2])])
    );
    // They cannot run before that, and evaluations must fit in them.
    let cpu = Cpu::new().unwrap();
    let before = settings(&["stream.epochs=[1]"]).unwrap();
    assert!(Experiment::new(&before, &samples, &cpu).is_err());
    assert!(
        counted(
            &[
                &permuted[..],
                &["stream.epochs=[1]", "evaluation.every=7919"]
            ]
            .concat()
        )
        .is_err()
    );
}

/// Subsets of classes have as many outputs as the longest has classes, so no test logit belongs to another class;
/// random labels are tested on the training samples.
#[test]
fn labels_are_mapped_in_training_and_tests() {
    let hidden = [
        "network.hidden=[]",
        "stream.iterations=60",
        "evaluation.every=60",
        "training.learning_rate=0.1",
    ];
    let of = |more: &[&str]| run(&[&hidden[..], more].concat());
    let subsets = of(&[
        "stream.kind=class-subsets",
        "stream.contexts=[[3, 7], [7, 3], [1, 0]]",
    ]);
    let last = |run: &Run| run.history.records.last().unwrap().clone();
    let accuracy: Vec<f64> = {
        let record = last(&subsets);
        record
            .test
            .iter()
            .chain(&record.later_tasks)
            .map(|e| e.accuracy)
            .collect()
    };
    let record = &subsets.history.records[59];
    assert!(record.test.unwrap().accuracy > 0.9, "{record:?}");
    // The second list exchanges the labels of the first: the right answer for one is wrong for the other.
    assert!(
        (accuracy[0] + accuracy[1] - 1.0).abs() < 1e-12,
        "{accuracy:?}"
    );
    assert!(accuracy[2] > 0.9, "{accuracy:?}");
    let samples = digits::load();
    let few = TrainTest {
        test: samples.train.clone(),
        ..samples.clone()
    };
    let random = [
        "stream.kind=random-labels",
        "stream.tasks=2",
        "stream.iterations=4",
        "evaluation.every=4",
    ];
    let random = settings(&random).unwrap();
    assert_eq!(run_on(&random, &samples), run_on(&random, &few));
    let other = random.with_overrides(&["stream.seed=1"]).unwrap();
    assert_ne!(
        run_on(&random, &samples).hash,
        run_on(&other, &samples).hash
    );
    // Shuffled labels are tested on test samples, and learnt as well as the usual labels.
    let shuffled = of(&[
        "stream.kind=shuffled-labels",
        "stream.contexts=[[4]]",
        "stream.iterations=300",
        "evaluation.every=300",
    ]);
    assert!(
        last(&shuffled).test.unwrap().accuracy > 0.8,
        "{:?}",
        last(&shuffled)
    );
}

/// Many tasks need little more memory than one: what fits with one fits with 800.
#[test]
fn memory_does_not_grow_with_the_tasks() {
    let samples = digits::load();
    let needed = |tasks: usize| {
        let tasks = format!("stream.tasks={tasks}");
        let many = [
            "stream.kind=permuted",
            "evaluation.tasks=first",
            "stream.iterations=2",
            &tasks,
        ];
        let settings = settings(&many).unwrap();
        let memory = StabilityGap::memory(&settings, &samples, 1);
        memory.check().unwrap();
        memory.bytes
    };
    let pixels = samples.train.pixels().len() as u64;
    assert!(needed(800) - needed(400) < 400 * pixels / 4);
}

#[test]
fn wrong_streams_are_refused_by_their_setting() {
    for (overrides, name) in [
        (vec!["stream.contexts=[]"], "stream.contexts"),
        (vec!["stream.tasks=0"], "stream.tasks"),
        (vec!["stream.tasks=11"], "stream.tasks"),
        (
            vec!["stream.kind=rotated", "stream.tasks=361"],
            "stream.tasks",
        ),
        (
            vec!["stream.kind=permuted", "stream.tasks=70000"],
            "stream.tasks",
        ),
        (vec!["stream.kind=moved"], "stream.kind"),
        (vec!["stream.classes_per_task=2"], "stream.classes_per_task"),
        (
            vec![
                "stream.kind=permuted",
                "stream.tasks=2",
                "stream.classes_per_task=2",
            ],
            "stream.classes_per_task",
        ),
        (
            vec![
                "stream.kind=permuted",
                "stream.tasks=2",
                "stream.shuffle_classes=true",
            ],
            "stream.shuffle_classes",
        ),
        (vec!["stream.recurring=0"], "stream.recurring"),
        (vec!["stream.training=alone"], "stream.training"),
        (
            vec![
                "stream.training=sequential",
                "stream.replay={kind=\"balanced\",size=9}",
            ],
            "stream.training",
        ),
        (vec!["stream.iterations=0"], "stream.iterations"),
        (
            vec!["stream.iterations_per_context=[2, 2]"],
            "stream.iterations_per_context",
        ),
        (
            vec!["stream.tasks=2", "stream.iterations_per_context=[2, 0]"],
            "stream.iterations_per_context",
        ),
        (
            vec!["stream.tasks=2", "stream.iterations_per_context=[2, 3]"],
            "evaluation.every",
        ),
        (vec!["stream.epochs=[0]"], "stream.epochs"),
        (vec!["stream.epochs=[1, 2, 3]"], "stream.epochs"),
        (vec!["stream.epochs=true"], "stream.epochs"),
        (
            vec!["stream.kind=class-subsets", "stream.contexts=[[0, 10]]"],
            "stream.contexts",
        ),
        (
            vec!["stream.kind=class-subsets", "stream.contexts=[[0, 0]]"],
            "stream.contexts",
        ),
    ] {
        match settings(&overrides) {
            Err(Error::Setting { name: found, .. }) => assert_eq!(found, name, "{overrides:?}"),
            other => panic!("{overrides:?}: {other:?}"),
        }
    }
}
