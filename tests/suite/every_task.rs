//! Evaluation of all tasks so far, and of augmented test images.
#![cfg(feature = "report")]

use std::sync::atomic::AtomicBool;

use neurogain::data::{Dataset, TrainTest, digits};
use neurogain::run::{Experiment as _, RunDirectory};
use neurogain::systems::StabilityGap;
use neurogain::systems::stability_gap::{Experiment, Results, Settings, summarize_results};
use neurogain::{Cpu, Error, Result};

fn settings(overrides: &[&str]) -> Result<Settings> {
    let short = ["stream.iterations=12", "evaluation.every=4"];
    let overrides: Vec<&str> = short.iter().chain(overrides).copied().collect();
    let settings = Settings::preset("split-digits")?.with_overrides(&overrides)?;
    settings.with_seeds(&[42])?.with_methods(&["ngm-sgd"])
}

fn run(settings: &Settings, samples: &TrainTest) -> Results {
    let cpu = Cpu::new().unwrap();
    let experiment = Experiment::new(settings, samples, &cpu).unwrap();
    let stop = AtomicBool::new(false);
    experiment.run(1, &stop).unwrap()
}

/// All earlier tasks are evaluated in addition to the first, whose numbers stay the same; each agrees with a run
/// whose first context is that task.
#[test]
fn tasks_are_evaluated_from_their_context_on() {
    let samples = digits::load();
    let first = run(&settings(&[]).unwrap(), &samples);
    let all = run(&settings(&["evaluation.tasks=all"]).unwrap(), &samples);
    let pairs = first.runs[0]
        .history
        .records
        .iter()
        .zip(&all.runs[0].history.records);
    for (only_first, record) in pairs {
        assert_eq!(only_first.test, record.test);
        assert!(only_first.later_tasks.is_empty());
        let expected = match record.iteration % 4 {
            0 => record.context - 1,
            _ => 0,
        };
        assert_eq!(
            record.later_tasks.len(),
            expected,
            "iteration {}",
            record.iteration
        );
    }
    // A network that has not seen task 5 and then learns it.
    let last = all.runs[0].history.records.last().unwrap();
    assert!(last.later_tasks.iter().all(|test| test.loss > 0.0));
    let distinct: std::collections::BTreeSet<u64> = last
        .later_tasks
        .iter()
        .map(|test| test.loss.to_bits())
        .collect();
    assert_eq!(distinct.len(), 4, "four tasks of different samples");
}

/// The numbers of all tasks are in the run's hash and come back from its files.
#[test]
fn later_tasks_are_hashed_written_and_read_back() {
    let samples = digits::load();
    let settings = settings(&["evaluation.tasks=all"]).unwrap();
    let mut results = run(&settings, &samples);
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("run");
    let opened = RunDirectory::<StabilityGap>::create(&directory, &settings).unwrap();
    opened.write_records(&results.runs[0]).unwrap();
    opened.report(&[Some(results.runs[0].clone())]).unwrap();
    let text = std::fs::read_to_string(directory.join("runs/ngm-sgd-42.csv")).unwrap();
    let header = text.lines().next().unwrap();
    let summary = std::fs::read_to_string(directory.join("summary.json")).unwrap();
    assert!(summary.contains("\"forgetting\""));
    let page = std::fs::read_to_string(directory.join("report.html")).unwrap();
    assert!(page.contains("table-accuracy-matrix-1-ngm-sgd"));
    assert!(header.ends_with("test_loss_task2,test_accuracy_task2,test_loss_task3,test_accuracy_task3,test_loss_task4,test_accuracy_task4,test_loss_task5,test_accuracy_task5"));
    let read = opened.load().unwrap().remove(0).unwrap();
    assert_eq!(read.history, results.runs[0].history);
    let whole = results.hash();
    results.runs[0].history.records.clear();
    assert_eq!(
        results.hash(),
        whole,
        "a results' hash is that of its runs' hashes"
    );

    // A missing number between others gives an error that names it.
    let broken = text.replacen(
        &format!(",{:?},", read.history.records[59].later_tasks[0].loss),
        ",,",
        1,
    );
    assert_ne!(broken, text);
    std::fs::write(directory.join("runs/ngm-sgd-42.csv"), broken).unwrap();
    let error = opened.load().unwrap_err();
    assert!(matches!(error, Error::Format { .. }), "{error}");
    assert!(error.to_string().contains("test_loss_task2"), "{error}");
}

/// Test images that are shifted and flipped give other numbers, new at each evaluation, and the same for
/// the same seed; training is unaffected.
#[test]
fn augmented_test_images_are_drawn_anew() {
    let samples = digits::load();
    let crop = ["training.crop_padding=1", "training.horizontal_flip=true"];
    let plain = run(&settings(&crop).unwrap(), &samples);
    let augmented = [crop[0], crop[1], "evaluation.test_time_augmentation=true"];
    let found = run(&settings(&augmented).unwrap(), &samples);
    assert_eq!(found, run(&settings(&augmented).unwrap(), &samples));
    let pairs = plain.runs[0]
        .history
        .records
        .iter()
        .zip(&found.runs[0].history.records);
    for (plain, augmented) in pairs {
        assert_eq!(plain.train, augmented.train);
        assert_eq!(plain.test.is_some(), augmented.test.is_some());
        if let (Some(plain), Some(augmented)) = (plain.test, augmented.test) {
            assert_ne!(plain.loss, augmented.loss, "iteration {}", augmented.loss);
        }
    }
    // Without crop and flip there is nothing to do.
    let idle = run(
        &settings(&["evaluation.test_time_augmentation=true"]).unwrap(),
        &samples,
    );
    let as_is = run(&settings(&[]).unwrap(), &samples);
    assert_eq!(idle.runs[0].history, as_is.runs[0].history);
}

/// With passes per context, context 1 has one, and later contexts the mean of more; without augmentation they are refused.
#[test]
fn later_contexts_have_more_passes() {
    let samples = digits::load();
    let once = [
        "training.crop_padding=1",
        "training.horizontal_flip=true",
        "evaluation.test_time_augmentation=true",
    ];
    let more = [&once[..], &["evaluation.passes=per-context"]].concat();
    let [once, more] = [&once[..], &more].map(|set| run(&settings(set).unwrap(), &samples));
    let [once, more] = [&once, &more].map(|results| results.runs[0].history.evaluated());
    for ((record, once), (_, more)) in once.zip(more) {
        assert!(more.loss.is_finite());
        assert_eq!(once == more, record.context == 1, "{}", record.iteration);
    }
    let error = settings(&["evaluation.passes=per-context"]).unwrap_err();
    assert!(
        error.to_string().contains("test_time_augmentation"),
        "{error}"
    );
}

/// Recovery is counted in iterations, also where evaluations are not equally far apart.
#[test]
fn recovery_is_counted_in_iterations() {
    let set = ["evaluation.every=4", "evaluation.after_switch=3"];
    let mut results = run(&settings(&set).unwrap(), &digits::load());
    // Each context falls at its second iteration and is back at its eighth, which is its fifth evaluation.
    let records = &mut results.runs[0].history.records;
    for (at, record) in records.iter_mut().enumerate() {
        if let Some(test) = &mut record.test {
            test.accuracy = if (1..7).contains(&(at % 12)) {
                0.1
            } else {
                0.9
            };
        }
    }
    let summary = summarize_results(&results).unwrap();
    let recovery = &summary.runs[0].first_task.as_ref().unwrap().recovery;
    assert_eq!(recovery, &[Some(8); 4]);
}

/// A limit takes samples evenly from the whole task, hence from every class, even if a folder of images is sorted
/// by class.
#[test]
fn a_limit_spreads_over_the_classes_of_a_task() {
    let samples = digits::load();
    let chosen = |half: &Dataset, order: &[u32]| {
        let image = |&i: &u32| half.pixels()[64 * i as usize..][..64].to_vec();
        let pixels = order.iter().flat_map(image).collect();
        let labels = order.iter().map(|&i| half.labels()[i as usize]).collect();
        Dataset::images(half.shape(), 10, pixels, labels).unwrap()
    };
    let classes = (0..10).flat_map(|class| samples.test.of_classes(&[class]));
    let sorted = TrainTest {
        train: samples.train.clone(),
        test: chosen(&samples.test, &classes.collect::<Vec<_>>()),
    };
    let task = sorted.test.of_classes(&[0, 1]);
    let spread: Vec<u32> = (0..20).map(|i| task[i * task.len() / 20]).collect();
    let ones = spread
        .iter()
        .filter(|&&i| sorted.test.labels()[i as usize] == 1);
    assert_eq!(ones.count(), 10);
    let only_these = TrainTest {
        train: samples.train.clone(),
        test: chosen(&sorted.test, &spread),
    };
    let history = |limit: usize, samples: &TrainTest| {
        let limit = format!("evaluation.limit={limit}");
        let settings = settings(&["stream.contexts=[[0, 1]]", &limit]).unwrap();
        run(&settings, samples).runs.remove(0).history
    };
    assert_eq!(history(20, &sorted), history(0, &only_these));
    let all = history(0, &sorted);
    assert_eq!(history(task.len(), &sorted), all);
    assert_eq!(history(task.len() + 1, &sorted), all);
    assert_ne!(history(20, &sorted), all);
}

#[test]
fn a_context_that_adds_nothing_has_no_task() {
    let same = "stream.contexts=[[0, 1], [1, 0]]";
    assert!(settings(&[same]).is_ok());
    let error = settings(&[same, "evaluation.tasks=all"]).unwrap_err();
    assert!(error.to_string().contains("[1, 0]"), "{error}");
}

/// The first task of rotated and permuted streams consists of the unchanged images.
#[test]
fn the_first_task_of_rotated_and_permuted_streams_is_the_images_as_they_are() {
    let samples = digits::load();
    let only = run(
        &settings(&["stream.kind=rotated", "stream.contexts=[[0]]"]).unwrap(),
        &samples,
    );
    for (kind, contexts) in [("rotated", "[[0], [0, 80]]"), ("permuted", "[[0], [0, 7]]")] {
        let stream = [
            format!("stream.kind={kind}"),
            format!("stream.contexts={contexts}"),
            "evaluation.tasks=all".into(),
        ];
        let found = run(
            &settings(&stream.each_ref().map(String::as_str)).unwrap(),
            &samples,
        );
        let records = &found.runs[0].history.records;
        assert_eq!(only.runs[0].history.records, records[..12], "{kind}");
        let last = records.last().unwrap();
        assert_ne!(last.test.unwrap().loss, last.later_tasks[0].loss, "{kind}");
    }
}

/// The cost of all iterations is the sum of the costs of each, however sparse the evaluation is.
#[test]
fn the_costs_of_all_iterations_add_up() {
    let samples = digits::load();
    let cpu = Cpu::new().unwrap();
    for tasks in ["evaluation.tasks=first", "evaluation.tasks=all"] {
        let settings = settings(&[tasks]).unwrap().with_seeds(&[1, 2]).unwrap();
        let experiment = Experiment::new(&settings, &samples, &cpu).unwrap();
        let results = run(&settings, &samples);
        let records = results.runs.iter().flat_map(|run| &run.history.records);
        let costs: Vec<u64> = records.map(|record| experiment.cost(record)).collect();
        let total = experiment.size(0).cost + experiment.size(1).cost;
        assert_eq!(costs.iter().sum::<u64>(), total, "{tasks}");
        // Three times a batch of 64, plus the images of an evaluation.
        assert_eq!(costs[0], 3 * 64);
        let first_task = samples.test.of_classes(&[0, 1]).len() as u64;
        assert_eq!(costs[3], 3 * 64 + first_task);
    }
}
