//! Adaptation from few labelled samples: validation, the state that is kept, frozen readouts, scenes.

use neurogain::run::{self, MemoryStore, Options, Store, System};
use neurogain::state::Checkpoint;
use neurogain::systems::Comodulation;
use neurogain::systems::comodulation::{ComodulationRun, Preparation};

use super::*;

/// Scenes on a network that trains in an instant.
fn places(changes: &[&str]) -> ComodulationSettings {
    let text = ComodulationSettings::preset_text("comodulation-places").expect("a preset");
    let settings = ComodulationSettings::from_toml(text, "places").expect("the preset is valid");
    let small = [
        "scenes.primary=64",
        "scenes.task=40",
        "scenes.test=30",
        "network.width=6",
        "network.encoder=4",
        "network.encoder_output=5",
        "network.decoder=3",
        "modulator.num_draws=4",
        "training.batch=16",
        "training.seeds=[1,2]",
        "pretraining.epochs=[1]",
        "adaptation.samples=[8,20]",
        "adaptation.iterations=7",
        "adaptation.validate_every=3",
    ];
    let settings = settings.with_overrides(&small).expect("valid");
    settings.with_overrides(changes).expect("valid")
}

#[test]
fn every_number_of_samples_is_a_condition() {
    let settings = places(&[]);
    let runs = on_one_thread(&settings);
    let found = runs
        .iter()
        .map(|run| (run.method.as_str(), run.samples, run.seed));
    let mut expected = Vec::new();
    for method in &settings.methods {
        for samples in [8, 20] {
            expected.extend([1, 2].map(|seed| (method.name.as_str(), Some(samples), seed)));
        }
    }
    assert!(found.eq(expected));
    for run in &runs {
        assert!(run.complete());
        assert_eq!(run.steps.len(), 3 * 7);
        for task in &run.tasks {
            let kept = task.kept.expect("with validation");
            assert!([3, 6, 7].contains(&kept.iteration), "{kept:?}");
            assert_eq!(kept.learning_rate, 0.03);
            assert_eq!((task.couplings.len(), task.gains.len()), (4 * 16, 3 * 9));
            assert_eq!((task.classes.len(), task.occurring.len()), (10, 2));
            assert_eq!(task.positive(), Some(task.classes[task.occurring[1]]));
            assert_eq!(task.subspace_participation_ratio, None);
        }
    }
    // Only couplings are learnt, those of attention and of comodulation alike.
    let learnt = |method: &str| {
        let run = runs.iter().find(|run| run.method == method);
        run.expect(method).learnt_numbers
    };
    assert_eq!(learnt("hard-sharing"), 0);
    assert_eq!(learnt("attention"), 3 * 4 * 16);
    assert_eq!(learnt("comodulation"), learnt("attention"));
}

/// Everything that a run of a method reports: the accuracy and the couplings of each task.
fn outcome(settings: &ComodulationSettings) -> Vec<(f64, Vec<f32>, usize)> {
    let runs = on_one_thread(settings);
    let tasks = runs.iter().flat_map(|run| &run.tasks);
    let of = tasks.map(|task| {
        let kept = task.kept.expect("with validation");
        (task.accuracy, task.couplings.clone(), kept.iteration)
    });
    of.collect()
}

/// The kept state is the state after the iterations that it names: training for that many gives it again.
#[test]
fn the_kept_state_is_that_of_its_iteration() {
    let one = [
        "adaptation.samples=[20]",
        "training.seeds=[1]",
        "adaptation.learning_rates=[0.5]",
    ];
    let settings = places(&one)
        .with_methods(&["comodulation"])
        .expect("a method");
    let kept = outcome(&settings);
    let mut earlier = 0;
    for (number, (accuracy, couplings, iteration)) in kept.iter().enumerate() {
        let shorter = [
            format!("adaptation.iterations={iteration}"),
            format!("adaptation.validate_every={iteration}"),
        ];
        let shorter = settings.with_overrides(&shorter).expect("valid");
        let again = &outcome(&shorter)[number];
        assert_eq!((accuracy, couplings), (&again.0, &again.1), "task {number}");
        earlier += usize::from(*iteration < 7);
    }
    assert!(earlier > 0, "some state before the last is kept: {kept:?}");
}

/// With two learning rates, the outcome of each task is that of one of them alone: the one with the lower
/// cross-entropy in validation.
#[test]
fn the_better_of_two_learning_rates_is_kept() {
    let methods = &["attention"];
    let of = |rates: &str| {
        let changes = ["adaptation.samples=[20]", "training.seeds=[1]", rates];
        let settings = places(&changes).with_methods(methods).expect("a method");
        let runs = on_one_thread(&settings);
        assert_eq!(
            runs[0].steps.len(),
            21 * settings.adaptation.learning_rates.len()
        );
        runs[0].tasks.clone()
    };
    let [low, high] = ["[0.0001]", "[0.03]"].map(|r| of(&format!("adaptation.learning_rates={r}")));
    let both = of("adaptation.learning_rates=[0.0001, 0.03]");
    for ((low, high), both) in low.iter().zip(&high).zip(&both) {
        let loss = |of: &neurogain::systems::comodulation::TaskMeasures| {
            of.kept.expect("kept").cross_entropy
        };
        let better = if loss(high) < loss(low) { high } else { low };
        assert_eq!(both, better);
    }
}

/// The samples and batches of a seed do not depend on the method's name; those of another seed are others.
#[test]
fn every_method_learns_from_the_same_samples() {
    let same = [
        "adaptation.samples=[8]",
        "methods.attention.controller=false",
    ];
    let settings = places(&same)
        .with_methods(&["hard-sharing", "attention"])
        .expect("methods");
    let runs = on_one_thread(&settings);
    let [hard, hard_other, named, named_other] = &runs[..] else {
        panic!("two seeds of two methods")
    };
    assert_eq!(hard.steps, named.steps);
    assert_eq!(hard_other.steps, named_other.steps);
    assert_ne!(hard.steps, hard_other.steps);
    assert_eq!(hard.tasks, named.tasks);
}

/// What a job leaves, with its checkpoint.
fn outcome_of(settings: &ComodulationSettings, id: &str) -> (ComodulationRun, Checkpoint) {
    let material = TaskData::load(settings, Path::new("")).expect("digits");
    let backend = Cpu::new().expect("a backend");
    let experiment = ComodulationExperiment::new(settings, &material, &backend).expect("it fits");
    let (jobs, store) = (Comodulation::jobs(settings), MemoryStore::default());
    let stop = AtomicBool::new(false);
    let options = Options {
        threads: 1,
        stop: &stop,
        checkpoint_every: 0,
        on_progress: &|_| (),
    };
    run::run(&[experiment], &jobs, &store, &options).expect("it runs");
    let outcome = store.ended(id).expect("readable").expect(id);
    (outcome, store.state(id).expect("a state"))
}

#[test]
fn readouts_before_adaptation_are_learnt_once_and_stay() {
    let settings = tiny(&["training.seeds=[1]"]);
    let ids: Vec<String> = Comodulation::jobs(&settings)
        .into_iter()
        .map(|job| job.id)
        .collect();
    assert_eq!(&ids[..2], ["pretraining-1-1", "readouts-1-1"]);
    let (readouts, learnt) = outcome_of(&settings, "readouts-1-1");
    let ComodulationRun::Pretraining(readouts) = readouts else {
        panic!("readouts are prepared")
    };
    assert_eq!(readouts.preparation, Preparation::Readouts);
    assert_eq!(readouts.accuracies.len(), 12);
    let of = |state: &Checkpoint| -> Vec<Vec<f32>> {
        let tensors = state.network.iter();
        let tensors = tensors.filter(|tensor| tensor.name.starts_with("readout"));
        tensors.map(|tensor| tensor.numbers.clone()).collect()
    };
    assert_eq!(of(&learnt).len(), 12);
    for method in ["attention", "comodulation", "shuffled"] {
        let (_, state) = outcome_of(&settings, &format!("{method}-1-1"));
        assert_eq!(of(&state), of(&learnt), "{method}");
    }
    let (_, state) = outcome_of(&settings, "comodulation-learnt-1-1");
    assert_ne!(of(&state), of(&learnt));
}

/// Hard sharing with the primary readouts is the primary network itself.
#[test]
fn hard_sharing_with_primary_readouts_is_the_primary_network() {
    let same = [
        "adaptation.readout=primary",
        "tasks=[{name=\"digit\", classes=[[0],[1],[2],[3],[4],[5],[6],[7],[8],[9]]}]",
        "training.seeds=[1]",
    ];
    let settings = tiny(&same)
        .with_methods(&["hard-sharing"])
        .expect("a method");
    let (pretraining, _) = outcome_of(&settings, "pretraining-1-1");
    let ComodulationRun::Pretraining(pretraining) = pretraining else {
        panic!("a pretraining")
    };
    let runs = on_one_thread(&settings);
    assert_eq!(runs[0].tasks[0].accuracy, pretraining.accuracies[0]);
    assert_eq!(runs[0].learnt_numbers, 0);
}

/// Primary tasks learnt together: one batch is for all, and an epoch is one pass over the images.
#[test]
fn primary_tasks_are_learnt_together() {
    let two = [
        "primary=[{name=\"even\", classes=[[1,3,5,7,9],[0,2,4,6,8]]}, {name=\"above-4\", classes=[[0,1,2,3,4],[5,6,7,8,9]]}]",
        "training.seeds=[1]",
        "pretraining.epochs=[1]",
    ];
    let alternate = tiny(&two)
        .with_methods(&["hard-sharing"])
        .expect("a method");
    let together = alternate
        .with_overrides(&["pretraining.tasks=together"])
        .expect("valid");
    let of = |settings: &ComodulationSettings| match outcome_of(settings, "pretraining-1-1").0 {
        ComodulationRun::Pretraining(run) => run,
        ComodulationRun::Adaptation(_) => panic!("a pretraining"),
    };
    let [turns, all] = [of(&alternate), of(&together)];
    assert_eq!(turns.steps.len(), all.steps.len());
    assert!(
        turns
            .steps
            .iter()
            .take(2)
            .map(|step| step.task)
            .eq([Some(0), Some(1)])
    );
    assert!(all.steps.iter().all(|step| step.task.is_none()));
    // Tasks of different samples cannot be learnt together.
    let differ = [
        "primary=[{name=\"a\", classes=[[0],[1]]}, {name=\"b\", classes=[[2],[3]]}]",
        "pretraining.tasks=together",
    ];
    let differ = tiny(&differ);
    let material = TaskData::load(&differ, Path::new("")).expect("digits");
    let backend = Cpu::new().expect("a backend");
    let error = ComodulationExperiment::new(&differ, &material, &backend).err();
    let text = error.expect("refused").to_string();
    assert!(
        text.contains("pretraining.tasks") && text.contains("the same samples"),
        "{text}"
    );
}

#[test]
fn more_samples_than_there_are_are_refused() {
    let settings = places(&["adaptation.samples=[41]"]);
    let material = TaskData::load(&settings, Path::new("")).expect("digits");
    let backend = Cpu::new().expect("a backend");
    let error = ComodulationExperiment::new(&settings, &material, &backend).err();
    let text = error.expect("refused").to_string();
    assert!(
        text.contains("adaptation.samples = 41: expected at most 40"),
        "{text}"
    );
}

mod scenes {
    use super::*;

    /// The cells of a scene whose pixels vary more than noise does.
    fn filled(pixels: &[u8]) -> Vec<usize> {
        let cell = |cell: usize| {
            let (top, left) = (cell / 4 * 8, cell % 4 * 8);
            let values = (0..64).map(|at| f64::from(pixels[(top + at / 8) * 32 + left + at % 8]));
            let mean = values.clone().sum::<f64>() / 64.0;
            values.map(|value| (value - mean).powi(2)).sum::<f64>() / 64.0
        };
        let spread: Vec<f64> = (0..16).map(cell).collect();
        let quietest = spread.iter().copied().fold(f64::INFINITY, f64::min);
        (0..16)
            .filter(|&cell| spread[cell] > 3.0 * quietest)
            .collect()
    }

    #[test]
    fn they_hold_what_the_settings_say() {
        let settings = places(&["scenes.noise=0.01"]);
        let data = TaskData::load(&settings, Path::new("")).expect("digits");
        let parts = data.parts.as_ref().expect("scenes");
        let lengths = |half: usize| {
            parts[half]
                .iter()
                .map(|part| part.len())
                .collect::<Vec<_>>()
        };
        assert_eq!(lengths(0), [64, 40, 40, 40]);
        assert_eq!(lengths(1), [30, 30, 30, 30]);
        let train = &data.samples.train;
        assert_eq!((train.shape().height, train.shape().width), (32, 32));
        let scene = |sample: usize| &train.pixels()[sample * 1024..][..1024];
        // Pretraining: one digit, in any cell.
        let mut places = Vec::new();
        for sample in parts[0][0].clone() {
            let [cell] = filled(scene(sample))[..] else {
                panic!("one digit: {:?}", filled(scene(sample)))
            };
            places.push(cell);
        }
        places.sort_unstable();
        places.dedup();
        assert!(places.len() > 10, "{places:?}");
        // A task: its digits in the cued cell, and the same eight others.
        for (task, part) in settings.tasks.iter().zip(&parts[0][1..]) {
            let first = filled(scene(part.start));
            assert_eq!(first.len(), 9, "{}", task.name);
            assert!(first.contains(&task.cell.expect("cued")));
            for sample in part.clone() {
                assert_eq!(filled(scene(sample)), first, "{}", task.name);
                let label = u16::from(train.labels()[sample]);
                assert!(task.labels.as_ref().expect("labels").contains(&label));
            }
        }
        // Without distractors only the cued cell is filled.
        let alone = super::places(&["scenes.noise=0.01", "scenes.distractors=0"]);
        let data = TaskData::load(&alone, Path::new("")).expect("digits");
        let parts = data.parts.as_ref().expect("scenes");
        for (task, part) in alone.tasks.iter().zip(&parts[0][1..]) {
            let pixels = &data.samples.train.pixels()[part.start * 1024..][..1024];
            assert_eq!(filled(pixels), [task.cell.expect("cued")], "{}", task.name);
        }
        // Every scene has mean 0 and standard deviation 1, in steps of 1/16.
        for sample in 0..train.len() {
            let values = scene(sample)
                .iter()
                .map(|&byte| f64::from(byte) / 16.0 - 4.0);
            let mean = values.clone().sum::<f64>() / 1024.0;
            let square = values.map(|value| (value - mean).powi(2)).sum::<f64>() / 1024.0;
            assert!(
                mean.abs() < 0.05 && (square.sqrt() - 1.0).abs() < 0.05,
                "{mean} {square}"
            );
        }
    }

    #[test]
    fn they_are_the_same_bytes_every_time() {
        let digest = |changes: &[&str]| {
            let data = TaskData::load(&places(changes), Path::new("")).expect("digits");
            data.digest()
        };
        let base = digest(&[]);
        assert_eq!(base, digest(&[]));
        assert_eq!(base, digest(&["training.seeds=[7]"]));
        for change in [
            "scenes.cells=5",
            "scenes.noise=0.2",
            "scenes.distractors=7",
            "scenes.primary=63",
            "scenes.task=41",
            "scenes.test=31",
            "data.maximum=15",
            "tasks.1-or-2-in-cell-5.cell=6",
            "tasks.1-or-2-in-cell-5.labels=[1,3]",
        ] {
            assert_ne!(base, digest(&[change]), "{change}");
        }
    }
}
