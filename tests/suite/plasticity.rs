//! Learning curves over a stream of tasks: what each job learns, the measures of transfer, and resuming to the same
//! numbers.
#![cfg(feature = "report")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use neurogain::data::digits;
use neurogain::metrics::{
    LearningCurves, Transfer, dormant_share, feature_rank, summarize, transfer,
};
use neurogain::run::{
    self, FilesOrigin, Options, Outcome, RunDirectory, Status, System, data_digest,
};
use neurogain::systems::Plasticity;
use neurogain::systems::plasticity::{
    PlasticityExperiment, PlasticityRun, PlasticitySettings, Start, summarize_plasticity,
};
use neurogain::{Cpu, Error};
use proptest::prelude::*;

/// Random labels on 64 digits, three tasks of two epochs, SGD, one seed.
fn tiny(changes: &[&str]) -> PlasticitySettings {
    let small = [
        "data.samples=64",
        "stream.tasks=3",
        "stream.epochs=[2]",
        "network.hidden=[12]",
        "training.learning_rate=0.1",
        "evaluation.ticks=4",
    ];
    let all: Vec<&str> = small.iter().chain(changes).copied().collect();
    let preset = PlasticitySettings::preset("random-label-digits").expect("the preset");
    let settings = preset
        .with_methods(&["sgd"])
        .and_then(|s| s.with_seeds(&[1]));
    settings
        .and_then(|s| s.with_overrides(&all))
        .expect("settings")
}

/// The settings with iterations, and the samples.
fn resolved(settings: PlasticitySettings) -> (PlasticitySettings, neurogain::data::TrainTest) {
    let data = match settings.data.samples {
        Some(_) => Plasticity::load(&settings, std::path::Path::new("")).expect("the digits"),
        None => digits::load(),
    };
    let settings = Plasticity::resolved(settings, &data).expect("settings");
    (settings, data)
}

fn runs(changes: &[&str]) -> (PlasticitySettings, Vec<PlasticityRun>) {
    let (settings, data) = resolved(tiny(changes));
    let cpu = Cpu::new().expect("a backend");
    let experiment = PlasticityExperiment::new(&settings, &data, &cpu).expect("settings");
    let runs = experiment.run(1, &AtomicBool::new(false)).expect("it runs");
    (settings, runs.into_iter().flatten().collect())
}

fn of(runs: &[PlasticityRun], start: Start) -> &PlasticityRun {
    runs.iter().find(|run| run.start == start).expect("a job")
}

/// The accuracies of a job before the first iteration of each of its tasks.
fn before(run: &PlasticityRun) -> Vec<f64> {
    let first = run.rows.iter().filter(|row| row.tick == 0);
    first.map(|row| row.accuracy).collect()
}

#[test]
fn the_last_tasks_begin_at_the_final_state_of_the_stream() {
    let (_, runs) = runs(&["evaluation.earlier_tasks=true"]);
    let last = of(&runs, Start::Stream).rows.last().expect("rows");
    let again = before(of(&runs, Start::Final));
    assert_eq!(again.len(), 2);
    assert_eq!(Some(summarize(&again).mean), last.earlier_tasks);
    assert_eq!(Some(again[0]), last.first_task);
}

#[test]
fn a_fresh_network_knows_nothing_of_the_other_tasks() {
    let lists = [vec![vec![3], vec![5]], vec![vec![7], vec![5]]];
    let fresh = lists.map(|list| {
        let mut settings = tiny(&[]);
        settings.stream.tasks = None;
        settings.stream.contexts = list;
        let (settings, data) = resolved(settings);
        let cpu = Cpu::new().expect("a backend");
        let experiment = PlasticityExperiment::new(&settings, &data, &cpu).expect("settings");
        let runs = experiment.run(1, &AtomicBool::new(false)).expect("it runs");
        let runs: Vec<PlasticityRun> = runs.into_iter().flatten().collect();
        let stream: Vec<f64> = of(&runs, Start::Stream)
            .rows
            .iter()
            .map(|row| row.accuracy)
            .collect();
        let fresh: Vec<f64> = of(&runs, Start::Fresh)
            .rows
            .iter()
            .map(|row| row.accuracy)
            .collect();
        (fresh, stream)
    });
    assert_eq!(fresh[0].0, fresh[1].0);
    assert_ne!(fresh[0].1, fresh[1].1);
}

#[test]
fn every_setting_matters() {
    let hash = |changes: &[&str]| {
        let (_, runs) = runs(changes);
        let hashes: Vec<Option<String>> = runs.iter().map(|run| run.hash.clone()).collect();
        assert!(hashes.iter().all(Option::is_some), "{changes:?}");
        hashes
    };
    let plain = hash(&[]);
    assert_eq!(plain.len(), 3);
    for change in [
        "data.samples=65",
        "stream.epochs=[3]",
        "training.sampling=uniform",
        "training.batch=8",
        "evaluation.ticks=3",
        "evaluation.limit=10",
        "evaluation.earlier_tasks=true",
    ] {
        assert_ne!(hash(&[change]), plain, "{change}");
    }
    assert_eq!(hash(&["evaluation.transfer=false"]), plain[..1]);
    assert_eq!(hash(&["stream.tasks=1"]).len(), 1);
}

#[test]
fn a_stopped_run_resumes_to_the_same_rows_wherever_it_stops() {
    let (settings, data) = resolved(tiny(&["stream.tasks=2"]));
    let cpu = Cpu::new().expect("a backend");
    let experiment = PlasticityExperiment::new(&settings, &data, &cpu).expect("settings");
    let whole = experiment.run(1, &AtomicBool::new(false)).expect("it runs");
    let steps: usize = whole.iter().flatten().map(|run| run.rows.len()).sum();
    // The stream, one task from a fresh network, one from the final state.
    assert_eq!(steps, 5 * (2 + 1 + 1));
    for stop_after in 1..steps {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("run");
        let directory = RunDirectory::<Plasticity>::create(&dir, &settings).expect("made");
        directory
            .check_data(&data_digest(&data), &FilesOrigin::Unknown.into())
            .expect("written");
        let until = |most: usize| {
            let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
            let count = |progress: run::Progress| {
                if !progress.before
                    && !progress.ended
                    && done.fetch_add(1, Ordering::Relaxed) + 1 == most
                {
                    stop.store(true, Ordering::Relaxed);
                }
            };
            let options = Options {
                threads: 1,
                stop: &stop,
                checkpoint_every: 3,
                on_progress: &count,
            };
            run::run(
                std::slice::from_ref(&experiment),
                directory.jobs(),
                &directory,
                &options,
            )
            .expect("it runs")
        };
        until(stop_after);
        assert_eq!(
            until(usize::MAX),
            whole,
            "stopped after {stop_after} evaluations"
        );
        let read = directory.load().expect("readable");
        let rows = |runs: &[Option<PlasticityRun>]| {
            let runs = runs.iter().flatten();
            runs.map(|run| (run.id(), run.rows.clone(), run.hash.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(rows(&read), rows(&whole));
    }
}

/// Also where the activity overflows, from which no rank can be computed.
#[test]
fn a_run_that_diverges_says_so() {
    for rate in ["1e10", "1e18"] {
        let rate = format!("training.learning_rate={rate}");
        let (settings, runs) = runs(&[&rate, "stream.epochs=[1]", "evaluation.ticks=1"]);
        let diverged = |run: &PlasticityRun| matches!(run.status, Status::Diverged { .. });
        assert!(runs.iter().any(diverged), "{rate}");
        assert!(
            runs.iter().all(|run| run.status != Status::Interrupted),
            "{rate}"
        );
        let outcomes: Vec<Option<PlasticityRun>> = runs.into_iter().map(Some).collect();
        let summary = summarize_plasticity(&settings, &outcomes).expect("a summary");
        assert_eq!(summary.methods[0].diverged, [1], "{rate}");
    }
}

/// Jobs that a divergence prevents have ended; others that have not begun have not.
#[test]
fn only_jobs_that_depend_on_a_diverged_one_are_left_out() {
    let changes = [
        "training.learning_rate=1e18",
        "stream.epochs=[1]",
        "evaluation.ticks=1",
    ];
    let (settings, data) = resolved(tiny(&changes));
    let cpu = Cpu::new().expect("a backend");
    let experiment = PlasticityExperiment::new(&settings, &data, &cpu).expect("settings");
    let mut outcomes = experiment.run(1, &AtomicBool::new(false)).expect("it runs");
    let jobs = Plasticity::jobs(&settings);
    let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    let begun: Vec<bool> = outcomes.iter().map(Option::is_some).collect();
    assert_eq!(begun, [true, true, false], "{ids:?}");
    let incomplete = |outcomes: &[Option<PlasticityRun>]| {
        let summary = summarize_plasticity(&settings, outcomes).expect("a summary");
        let lines = summary.incomplete.into_iter();
        lines.filter(|line| line.contains("not begun")).count()
    };
    assert!(run::all_ended(&jobs, &outcomes));
    assert_eq!(incomplete(&outcomes), 0);
    outcomes[1] = None;
    assert!(!run::all_ended(&jobs, &outcomes));
    assert_eq!(incomplete(&outcomes), 1);
}

#[test]
fn the_measures_are_those_of_the_rows() {
    let (settings, runs) = runs(&["evaluation.earlier_tasks=true"]);
    let stream = of(&runs, Start::Stream);
    let ends: Vec<f64> = stream
        .rows
        .iter()
        .filter(|r| r.tick == 4)
        .map(|r| r.accuracy)
        .collect();
    let last = stream
        .rows
        .last()
        .expect("rows")
        .earlier_tasks
        .expect("evaluated");
    let outcomes: Vec<Option<PlasticityRun>> = runs.iter().cloned().map(Some).collect();
    let summary = summarize_plasticity(&settings, &outcomes).expect("complete");
    let measure = |name: &str| *summary.runs[0].measures.get(name).expect("a value");
    assert_eq!(measure("final_accuracy"), summarize(&ends).mean);
    let forgetting = (ends[0] + ends[1]) / 2.0 - last;
    assert!((measure("forgetting") - forgetting).abs() < 1e-15);
    assert_eq!(summary.runs[0].forward_transfer.len(), 5);
}

#[test]
fn more_ticks_than_iterations_are_refused() {
    let settings = tiny(&["evaluation.ticks=9"]);
    let data = Plasticity::load(&settings, std::path::Path::new("")).expect("the digits");
    let refused = Plasticity::resolved(settings, &data).expect_err("eight iterations");
    let Error::Setting { name, expected, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!(
        (name.as_str(), expected.contains("at most 8")),
        ("evaluation.ticks", true)
    );
}

proptest! {
    /// LCA_F = LCA_0 + mean FKT and LCA_B = LCA_0 + mean BKT, with LCA_0 over the same tasks.
    #[test]
    fn areas_and_transfer_agree(
        curves in (2usize..6, 1usize..6).prop_flat_map(|(tasks, ticks)| {
            let curve = proptest::collection::vec(0.0f64..1.0, ticks);
            let list = proptest::collection::vec(curve, tasks);
            [list.clone(), list.clone(), list]
        })
    ) {
        let [forward, fresh, again] = &curves;
        let Transfer { lca_forward, lca_backward, forward: fkt, backward: bkt, .. } =
            transfer(LearningCurves { forward, fresh, again }).expect("equal lengths");
        let area = |curves: &[Vec<f64>]| summarize(&curves.concat()).mean;
        let last = fresh.len() - 1;
        let found = lca_forward.expect("two tasks");
        prop_assert!((found - area(&fresh[1..]) - summarize(&fkt).mean).abs() < 1e-12);
        let found = lca_backward.expect("two tasks");
        prop_assert!((found - area(&fresh[..last]) - summarize(&bkt).mean).abs() < 1e-12);
    }

    /// Ranks and dormant units of activity made from orthogonal columns of known length.
    #[test]
    fn ranks_of_orthogonal_activity(lengths in proptest::collection::vec(0.1f32..10.0, 1..8)) {
        let units = lengths.len();
        let mut activity = vec![0.0; units * units];
        for (unit, length) in lengths.iter().enumerate() {
            activity[unit * units + unit] = *length;
        }
        let rank = feature_rank(units, &activity).expect("finite");
        let total: f64 = lengths.iter().map(|&l| f64::from(l)).sum();
        let mut sorted: Vec<f64> = lengths.iter().map(|&l| f64::from(l)).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let entropy: f64 = sorted.iter().map(|l| -(l / total) * (l / total).ln()).sum();
        prop_assert!((rank.effective - entropy.exp()).abs() < 1e-6 * rank.effective);
        let kept: f64 = sorted[..rank.stable].iter().sum();
        prop_assert!(kept >= (0.99 - 1e-9) * total);
        let fewer: f64 = sorted[..rank.stable - 1].iter().sum();
        prop_assert!(fewer <= (0.99 + 1e-9) * total);
        let mean = total / units as f64;
        let dormant = sorted.iter().filter(|&&l| l <= 0.5 * mean).count();
        let share = dormant_share(units, &activity, 0.5).expect("activity");
        prop_assert!((share * units as f64 - dormant as f64).abs() < 1e-9);
    }
}
