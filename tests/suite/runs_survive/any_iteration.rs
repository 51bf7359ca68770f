//! In the library: a run that is continued from any iteration ends in the same bits.

use std::sync::Mutex;

use neurogain::run::Status;

use super::*;

/// Holds the states of stopped runs, and keeps every state that is saved.
#[derive(Default)]
struct States {
    stopped: Vec<(Run, Checkpoint)>,
    saved: Mutex<Vec<(Run, Checkpoint)>>,
}

impl Store<Run> for States {
    fn ended(&self, _id: &str) -> neurogain::Result<Option<Run>> {
        Ok(None)
    }

    fn stopped(&self, id: &str) -> neurogain::Result<Option<(Run, Checkpoint)>> {
        let found = self.stopped.iter().find(|(run, _)| run.id() == id);
        Ok(found.cloned())
    }

    fn state(&self, id: &str) -> neurogain::Result<Checkpoint> {
        panic!("no run starts from another, {id} was asked for")
    }

    fn save(&self, run: &Run, state: &Checkpoint) -> neurogain::Result<()> {
        let mut saved = self.saved.lock().expect("no thread panicked");
        saved.push((run.clone(), state.clone()));
        Ok(())
    }
}

/// Runs `settings`, with a checkpoint every `every` iterations.
fn run_with(settings: &Settings, every: usize, states: &States) -> neurogain::Result<()> {
    let (samples, backend) = (digits::load(), Cpu::new().expect("a backend"));
    let experiment = Experiment::new(settings, &samples, &backend).expect("settings");
    let options = Options {
        threads: 1,
        stop: &AtomicBool::new(false),
        checkpoint_every: every,
        on_progress: &|_| (),
    };
    let jobs = StabilityGap::jobs(settings);
    run::run(std::slice::from_ref(&experiment), &jobs, states, &options).map(|_| ())
}

/// The states of the runs of `settings`, every `every` iterations, including the last.
fn states(
    settings: &Settings,
    every: usize,
    stopped: Vec<(Run, Checkpoint)>,
) -> Vec<(Run, Checkpoint)> {
    let states = States {
        stopped,
        ..States::default()
    };
    run_with(settings, every, &states).expect("it runs");
    states.saved.into_inner().expect("no thread panicked")
}

fn goes_on_from_any_iteration(settings: &Settings) {
    let total = settings.stream.iterations * settings.stream.contexts.len();
    for method in &settings.methods {
        let name = method.name.clone();
        let settings = settings.clone().with_methods(&[&name]).expect("a method");
        let undisturbed = states(&settings, 0, Vec::new());
        let [end] = &undisturbed[..] else {
            panic!("{name}: {} states", undisturbed.len());
        };
        assert_eq!(end.0.status, Status::Complete, "{name}");
        assert!(end.0.hash.is_some(), "{name}");
        let all = states(&settings, 1, Vec::new());
        assert_eq!(all.len(), total, "{name}");
        assert!(all[total - 1] == *end, "{name} in steps of one iteration");
        for (begun, state) in &all[..total - 1] {
            let done = begun.history.records.len();
            assert_eq!(begun.status, Status::Interrupted, "{name}");
            let rest = states(&settings, 0, vec![(begun.clone(), state.clone())]);
            assert!(rest == undisturbed, "{name} from iteration {done}");
        }
    }
}

#[test]
fn perceptrons_go_on_from_any_iteration() {
    goes_on_from_any_iteration(&small());
}

/// Methods that keep more than moments, or reset them at a switch.
#[test]
fn variants_go_on_from_any_iteration() {
    for name in ["ablation", "boundary", "composition", "entropy-lr", "reset"] {
        let settings = small().with_variants(name).expect("variants");
        goes_on_from_any_iteration(&settings);
    }
}

/// Schedules, weight decay, and the state of each part of a learner.
#[test]
fn parts_of_a_learner_go_on_from_any_iteration() {
    let changes = [
        "methods.sgd.learning_rate=0.02",
        "methods.sgd.weight_decay=0.1",
        "methods.sgd.schedule={kind=\"cosine\",end=0.1}",
        "methods.sgd.regularizers=[{kind=\"l2\",strength=0.01}]",
        "methods.adam.regularizers=[{kind=\"l2-init\",strength=0.01}]",
        "methods.adam.replacement={kind=\"redo\",threshold=0.9,every=2}",
        "methods.msgd.regularizers=[{kind=\"ewc\",strength=0.1,fisher={kind=\"empirical\",samples=3}}]",
        "methods.msgd.replacement={kind=\"continual-backprop\",rate=0.1,maturity=2,decay=0.9}",
        "methods.ngm-sgd.regularizers=[{kind=\"shrink-and-perturb\",shrink=0.9,standard_deviation=0.1}]",
    ];
    let plain = small();
    let settings = plain.with_overrides(&changes).expect("settings");
    for method in ["sgd", "adam", "msgd", "ngm-sgd"] {
        let of = |settings: &Settings| {
            let settings = settings.with_methods(&[method]).expect("a method");
            states(&settings, 0, Vec::new())
        };
        assert_ne!(of(&settings), of(&plain), "{method}");
    }
    goes_on_from_any_iteration(&settings);
}

/// Streams whose batches come from replay, and evaluation of transformed images of every task.
#[test]
fn other_streams_go_on_from_any_iteration() {
    let changes = [
        "stream.replay={kind=\"reservoir\",size=20}",
        "evaluation.tasks=all",
        "training.crop_padding=1",
        "evaluation.test_time_augmentation=true",
    ];
    goes_on_from_any_iteration(&small().with_overrides(&changes).expect("settings"));
}

#[test]
fn residual_networks_go_on_from_any_iteration() {
    let changes = [
        "stream.iterations=2",
        "evaluation.every=2",
        "training.crop_padding=1",
        "training.horizontal_flip=true",
        "network.kind=slim-resnet18",
        "network.width=2",
        "network.head_standard_deviation=0.05",
        "network.modulated=[\"head\", \"stage2\"]",
        "methods.ngm-sgd.backbone.rule=momentum",
        "methods.ngm-sgd.backbone.momentum=0.9",
    ];
    let settings = Settings::preset("split-digits").expect("the preset");
    let seeds = settings.with_seeds(&[1]).expect("a seed");
    let settings = seeds.with_overrides(&changes).expect("settings");
    let settings = settings.with_overrides(&["stream.contexts=[[0,1],[0,1,2,3]]"]);
    goes_on_from_any_iteration(&settings.expect("settings"));
}

#[test]
fn states_of_other_networks_are_refused() {
    let settings = small();
    let (run, state) = states(&settings, 1, Vec::new()).swap_remove(0);
    let refused = |settings: &Settings, state: Checkpoint, part: &str| {
        let states = States {
            stopped: vec![(run.clone(), state)],
            ..States::default()
        };
        let ended = run_with(settings, 0, &states);
        let message = ended.expect_err(part).to_string();
        assert!(message.contains(part), "{message}");
    };
    let wider = settings.clone().with_overrides(&["network.hidden=[9]"]);
    refused(
        &wider.expect("settings"),
        state.clone(),
        "hidden1, matrix 9×64",
    );
    let deeper = settings.clone().with_overrides(&["network.hidden=[8, 8]"]);
    refused(&deeper.expect("settings"), state.clone(), "hidden2");
    let mut more = state;
    let mut another = more.network[0].clone();
    another.name = "another".into();
    more.learner.push(another);
    refused(&settings, more, "tensors and numbers");
}
