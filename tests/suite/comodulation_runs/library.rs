//! The cells, through the library.

use std::sync::atomic::{AtomicUsize, Ordering};

use neurogain::run::{
    self, Experiment as _, MemoryStore, Options, Progress, Status, Store, System,
};
use neurogain::systems::Comodulation;
use neurogain::systems::comodulation::summarize_comodulation;
use neurogain::systems::comodulation::{ComodulationRun, NEAR_ZERO, Preparation, PretrainingRun};

use super::*;

#[test]
fn cells_are_the_same_bits_for_any_threads_and_instruction_set() {
    for changes in [
        &["evaluation.limit=30"][..],
        &[
            "network.residual=true",
            "modulator.granularity=image",
            "modulator.controller_pass=fluctuating",
            "modulator.statistic=correlation",
            "tasks=[{name=\"even\",classes=[[1,3,5,7,9],[0,2,4,6,8]]}]",
        ],
    ] {
        let settings = tiny(changes).with_seeds(&[1]).expect("a seed");
        let wanted = on_one_thread(&settings);
        for set in InstructionSet::available() {
            let fastest = set == fastest();
            let counts = if fastest { &[1, 2, 3][..] } else { &[2] };
            for &threads in counts {
                let backend = Cpu::with(set, threads).expect("a backend");
                let found = cells(&settings, &backend, 4 - threads);
                for (wanted, found) in wanted.iter().zip(&found) {
                    assert_eq!(
                        (&wanted.hash, wanted == found),
                        (&found.hash, true),
                        "{}, seed {} on {} with {threads} threads: {changes:?}",
                        wanted.method,
                        wanted.seed,
                        set.name()
                    );
                }
                assert_eq!(wanted.len(), found.len());
            }
        }
    }
}

#[test]
fn cells_come_in_the_order_of_arms_epochs_and_seeds_with_all_their_measures() {
    let settings = tiny(&["pretraining.epochs=[0,1]"]);
    let cells = on_one_thread(&settings);
    let mut places = Vec::new();
    for method in &settings.methods {
        for epochs in [0, 1] {
            places.extend([1, 2].map(|seed| (method.name.as_str(), epochs, seed)));
        }
    }
    let found: Vec<_> = cells
        .iter()
        .map(|cell| (cell.method.as_str(), cell.epochs, cell.seed))
        .collect();
    assert_eq!(found, places);
    for cell in &cells {
        let place = format!(
            "{}, {} epochs, seed {}",
            cell.method, cell.epochs, cell.seed
        );
        let turns: Vec<_> = cell.steps.iter().map(|step| step.task).collect();
        let expected: Vec<_> = (0..2 * settings.tasks.len())
            .map(|n| Some(n % 12))
            .collect();
        assert_eq!(turns, expected, "{place}");
        assert_eq!(cell.tasks.len(), settings.tasks.len(), "{place}");
        for (measured, task) in cell.tasks.iter().zip(&settings.tasks) {
            assert_eq!(measured.task, task.name);
            assert_eq!((measured.samples, measured.classes.len()), (40, 2));
            assert!((0.0..=1.0).contains(&measured.accuracy), "{place}");
            let counted: u64 = measured.reliability.iter().map(|bin| bin.count).sum();
            assert_eq!(counted, 40, "{place}");
            let recalls = measured
                .classes
                .iter()
                .map(|class| class.recall)
                .sum::<f64>()
                / 2.0;
            assert!((measured.macro_average.recall - recalls).abs() < 1e-12);
            assert_eq!((measured.gains.len(), measured.couplings.len()), (8, 8));
            let mean = measured.gains.iter().sum::<f32>() / 8.0;
            assert!(measured.gains.iter().all(|g| *g >= 0.0), "{place}");
            assert!((mean - 1.0).abs() < 1e-6, "{place}: {mean}");
            assert!(measured.couplings.iter().all(|c| *c >= 0.0), "{place}");
            for (bound, share) in NEAR_ZERO.iter().zip(&measured.gains_near_zero) {
                let below = measured.gains.iter().filter(|g| *g <= bound).count();
                assert_eq!(*share, below as f64 / 8.0, "{place}");
            }
        }
        let moved = |of: fn(&neurogain::systems::comodulation::TaskMeasures) -> bool| {
            cell.tasks.iter().any(of)
        };
        let gained = moved(|task| task.gains.iter().any(|g| *g != 1.0));
        let coupled = moved(|task| task.couplings.iter().any(|c| *c != 0.0));
        let method = settings
            .methods
            .iter()
            .find(|method| method.name == cell.method);
        let method = method.expect("a method of the settings");
        assert_eq!(coupled, method.controller, "{place}");
        let ones = method.gains == neurogain::learn::GainSource::Ones;
        assert_eq!(gained, !ones, "{place}");
    }
    // The trained parameters of each method besides the network: readouts, and the controller if there is one.
    let numbers = |method: &str| {
        let cell = cells.iter().find(|cell| cell.method == method);
        cell.expect(method).learnt_numbers
    };
    let readouts = 12 * 2 * 8;
    assert_eq!(numbers("hard-sharing"), 0);
    assert_eq!(numbers("fine-tuning"), readouts);
    let controller = 4 * (12 + 8);
    assert_eq!(numbers("attention"), controller);
    assert_eq!(numbers("attention-learnt"), controller + readouts);
    assert_eq!(numbers("comodulation-learnt"), controller + readouts);
    // The gains are computed: comodulation trains no more parameters than attention.
    for method in ["comodulation", "shuffled", "mean-activity"] {
        assert_eq!(numbers(method), numbers("attention"), "{method}");
    }
}

/// Methods that start after the first of several numbers of epochs are those of that number alone.
#[test]
fn a_longer_pretraining_changes_nothing_of_a_shorter_one() {
    let methods = ["attention", "comodulation"];
    let settings = |epochs: &str| tiny(&[epochs]).with_methods(&methods).expect("methods");
    let one = on_one_thread(&settings("pretraining.epochs=[1]"));
    let two = on_one_thread(&settings("pretraining.epochs=[2]"));
    let both = on_one_thread(&settings("pretraining.epochs=[1,2]"));
    let behind = |epochs| -> Vec<AdaptationRun> {
        let found = both.iter().filter(|cell| cell.epochs == epochs);
        found.cloned().collect()
    };
    assert!(behind(1) == one && behind(2) == two);
    assert_ne!(one[0].hash, two[0].hash);
}

/// A setting without effect would leave the cell unchanged.
#[test]
fn every_setting_reaches_the_cells() {
    let hash = |change: &str| {
        let settings = tiny(&[change])
            .with_methods(&["comodulation"])
            .expect("a method");
        let settings = settings.with_seeds(&[1]).expect("a seed");
        on_one_thread(&settings)[0].hash.clone().expect("a hash")
    };
    let base = hash("title=Other words, the same numbers");
    assert_eq!(base, hash("description=none"));
    for change in [
        "network.width=3",
        "network.stages=2",
        "network.stem=large",
        "network.encoder=9",
        "network.modulated=both",
        "network.modulated=second",
        "network.decoder=9",
        "network.residual=true",
        "network.controller=0",
        "network.controller=5",
        "modulator.std=0.2",
        "modulator.num_draws=6",
        "modulator.sampling=gaussian",
        "modulator.sampling=moment-matched",
        "modulator.modulation=uncorrected",
        "modulator.modulation=linear",
        "modulator.test_modulator=0.5",
        "modulator.statistic=correlation",
        "modulator.rectification=absolute",
        "modulator.granularity=image",
        "modulator.controller_pass=fluctuating",
        "training.batch=17",
        "training.optimizer.rule=sgd",
        "pretraining.epochs=[2]",
        "pretraining.learning_rate=0.002",
        "adaptation.shared_readout=true",
        "adaptation.iterations=3",
        "adaptation.learning_rates=[0.002]",
        "adaptation.readout=learnt",
        "adaptation.samples=[20]",
        "adaptation.batch=5",
        "readouts.iterations=3",
        "readouts.learning_rate=0.002",
        "network.couplings=neuron",
        "network.coupling_start=ones",
        "network.places=true",
        "network.encoder_output=9",
        "tasks.even.labels=[1,2]",
        "methods.comodulation.readout=learnt",
        "methods.comodulation.modulator.std=0.2",
        "methods.comodulation.modulator.num_draws=6",
        "methods.comodulation.modulator.sampling=gaussian",
        "methods.comodulation.modulator.modulation=linear",
        "methods.comodulation.modulator.statistic=correlation",
        "methods.comodulation.modulator.rectification=absolute",
        "methods.comodulation.modulator.granularity=image",
        "methods.comodulation.modulator.controller_pass=fluctuating",
        "methods.comodulation.gains=ones",
        "methods.comodulation.gains=shuffled",
        "methods.comodulation.gains=mean-activity",
        "methods.comodulation.trainable=weights",
        "data.mean=[0.2]",
        "primary.digit.classes=[[0,1],[2,3]]",
        "tasks.even.classes=[[0],[1]]",
    ] {
        assert_ne!(hash(change), base, "{change}");
    }
}

#[test]
fn a_store_keeps_what_has_ended_and_nothing_of_it_is_done_again() {
    let settings = tiny(&[]).with_methods(&["comodulation"]).expect("a method");
    let material = TaskData::load(&settings, Path::new("")).expect("digits");
    let backend = Cpu::new().expect("a backend");
    let experiment = ComodulationExperiment::new(&settings, &material, &backend).expect("it fits");
    let (jobs, store) = (Comodulation::jobs(&settings), MemoryStore::default());
    let total: usize = (0..jobs.len()).map(|job| experiment.size(job).steps).sum();
    let stop = AtomicBool::new(false);
    let run = |store: &MemoryStore<ComodulationRun>| {
        let [before, now] = [AtomicUsize::new(0), AtomicUsize::new(0)];
        let count = |done: Progress| {
            let counter = if done.before { &before } else { &now };
            counter.fetch_add(done.done.count, Ordering::Relaxed);
        };
        let options = Options {
            threads: 2,
            stop: &stop,
            checkpoint_every: 0,
            on_progress: &count,
        };
        let legs =
            run::run(std::slice::from_ref(&experiment), &jobs, store, &options).expect("it runs");
        (legs, [before.into_inner(), now.into_inner()])
    };
    let (first, done) = run(&store);
    assert_eq!(done, [0, total]);
    assert_eq!(store.ended("comodulation-1-2"), Ok(first[5].clone()));
    let (again, done) = run(&store);
    assert_eq!((again, done), (first, [total, 0]));
    stop.store(true, Ordering::Relaxed);
    let (stopped, done) = run(&MemoryStore::default());
    assert!(stopped.iter().all(Option::is_none), "{stopped:?}");
    assert_eq!(done, [0, 0]);
}

#[test]
fn the_summary_s_hash_is_of_all_cells() {
    let settings = tiny(&[])
        .with_methods(&["attention", "shuffled"])
        .expect("methods");
    let cells = on_one_thread(&settings);
    let networks: Vec<PretrainingRun> = cells
        .iter()
        .map(|cell| PretrainingRun {
            preparation: Preparation::Pretraining,
            seed: cell.seed,
            epochs: cell.epochs,
            steps: Vec::new(),
            accuracies: vec![0.5],
            status: Status::Complete,
        })
        .collect();
    let networks: Vec<&PretrainingRun> = networks.iter().collect();
    let summary = |cells: &[AdaptationRun]| summarize_comodulation(&settings, cells, &networks);
    let whole = summary(&cells);
    assert!(whole.hash.is_some() && whole.incomplete.is_empty());
    let mut other = cells.clone();
    other[3].hash = Some("x".into());
    assert_ne!(summary(&other).hash, whole.hash);
    let lacking = summary(&cells[1..]);
    assert_eq!(lacking.hash, None);
    assert_eq!(
        lacking.incomplete,
        ["Attention, 1 epoch, seed 1: not begun"]
    );
}

#[test]
fn a_network_that_is_missing_is_named() {
    let settings = tiny(&[]).with_methods(&["attention"]).expect("methods");
    let cells = on_one_thread(&settings);
    let summary = summarize_comodulation(&settings, &cells, &[]);
    assert_eq!(settings.pretraining.epochs, [1]);
    assert_eq!(settings.training.seeds, [1, 2]);
    let expected = "pretraining, 1 epoch, seeds 1 to 2: not begun";
    assert_eq!(summary.incomplete, [expected]);
}

/// With gains per image, a task has no gains to show, and no results depend on them.
#[test]
fn gains_of_images_are_no_task_s() {
    let settings = tiny(&["modulator.granularity=image"])
        .with_methods(&["attention", "comodulation"])
        .expect("methods");
    for cell in on_one_thread(&settings) {
        for task in &cell.tasks {
            let of_images = cell.method == "comodulation";
            assert_eq!(task.gains.is_empty(), of_images, "{}", cell.method);
            assert_eq!(
                task.gains_near_zero.is_empty(),
                of_images,
                "{}",
                cell.method
            );
            assert!(!of_images || task.gained_informativeness.is_none());
            assert!(
                task.gains.iter().all(|gain| *gain == 1.0),
                "{}",
                cell.method
            );
        }
    }
}
