//! The text table, the agreement rule and the comparison with published numbers.

use neurogain::metrics::{self, summarize};
use neurogain::run::continual::NetworkSettings;
use neurogain::systems::stability_gap::Results;
use neurogain::systems::stability_gap::Settings;
use neurogain::systems::stability_gap::{
    Comparison, ComparisonRow, Spread, agreement, compare_published, published, summarize_results,
    table,
};

use neurogain::learn::Evaluation;
use neurogain::run::{FilesOrigin, Status};

use super::synthetic;

/// Two contexts of two iterations, with the given accuracies of every seed.
fn tiny(accuracies: &[[f64; 4]]) -> Results {
    let mut settings = synthetic::small();
    settings.stream.iterations = 2;
    settings.methods.truncate(1);
    settings.training.seeds = (1..=accuracies.len() as u64).collect();
    let mut results = synthetic::results(&settings);
    for (run, accuracies) in results.runs.iter_mut().zip(accuracies) {
        for (record, accuracy) in run.history.records.iter_mut().zip(accuracies) {
            record.test = Some(Evaluation {
                loss: 0.5,
                accuracy: *accuracy,
            });
        }
    }
    results
}

#[test]
fn the_table_holds_the_hand_computed_values() {
    // a = (0.8, 1), m_2 = 0.4 and 0.6: avg-ACC 0.9, WC-ACC 0.5 + m_2/2, SG_2 = 0.5 and 0.25.
    let results = tiny(&[[0.1, 0.8, 0.4, 1.0], [0.2, 0.8, 0.6, 1.0]]);
    let expected = "\
method      avg-ACC %  avg-min-ACC %      WC-ACC %           avg-SG  seeds
NGM-SGD  90.00 ± 0.00  50.00 ± 14.14  75.00 ± 7.07  0.3750 ± 0.1768      2
";
    assert_eq!(table(&results).unwrap(), expected);
}

#[test]
fn incomplete_runs_are_listed_and_not_counted() {
    let mut results = tiny(&[[0.1, 0.8, 0.4, 1.0]; 4]);
    results.runs[1].status = Status::Interrupted;
    results.runs[1].history.records.truncate(3);
    results.runs[2].status = Status::Diverged {
        iteration: 2,
        quantity: String::from("train loss"),
        value: String::from("inf"),
    };
    results.runs.truncate(3);
    let text = table(&results).unwrap();
    assert!(
        text.contains("NGM-SGD      90.00          40.00     70.00  0.5000      1\n"),
        "{text}"
    );
    for line in [
        "not counted: NGM-SGD, seed 2: interrupted after 3 of 4 iterations\n",
        "not counted: NGM-SGD, seed 3: diverged: train loss is inf at iteration 2\n",
        "not counted: NGM-SGD, seed 4: not begun\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    results.runs.clear();
    assert!(table(&results).unwrap().contains('–'));
}

#[test]
fn a_run_that_is_called_complete_must_be() {
    let mut results = tiny(&[[0.1, 0.8, 0.4, 1.0]]);
    results.runs[0].history.records.truncate(3);
    let error = table(&results).unwrap_err().to_string();
    assert!(
        error.contains("4 iterations") && error.contains("3 of ngm-sgd"),
        "{error}"
    );
}

#[test]
fn both_conventions_are_measured() {
    let results = tiny(&[[0.5, 0.5, 0.1, 0.5], [0.5, 0.5, 0.5, 0.2]]);
    let summary = summarize_results(&results).unwrap();
    let method = &summary.methods[0];
    let gap = method.measures.get("average_gap").unwrap();
    assert!((gap.mean - 0.7).abs() < 1e-12);
    let of_mean = method.minimum_of_seed_averaged_curve.as_ref().unwrap();
    assert!((of_mean.average_gap - 0.4).abs() < 1e-12);
    let recovery = method.per_context.as_ref().unwrap().recovery[0];
    assert_eq!(recovery.count, 1, "only the first seed comes back");
    assert_eq!(recovery.mean, 2.0);
}

#[test]
fn agreement_within_three_standard_errors_of_the_difference() {
    let spread = |mean, standard_deviation, count| {
        Spread {
            mean,
            standard_deviation,
        }
        .over(count)
    };
    // 3·√(0.3²/9 + 0.4²/4) = 3·√(0.01 + 0.04)
    let bound = 3.0 * 0.05f64.sqrt();
    let ours = spread(1.0, 0.3, 9);
    let inside = agreement(&ours, &spread(1.0 - bound + 1e-9, 0.4, 4)).unwrap();
    assert!(inside.agrees && (inside.bound - bound).abs() < 1e-12);
    let outside = agreement(&ours, &spread(1.0 + bound + 1e-9, 0.4, 4)).unwrap();
    assert!(!outside.agrees && outside.difference < 0.0);
    assert!(
        agreement(&summarize(&[1.0]), &ours).is_none(),
        "one value has no spread"
    );
    assert!(agreement(&ours, &spread(1.0, f64::NAN, 5)).is_none());
    assert!(agreement(&summarize(&[]), &ours).is_none());
}

fn compared(results: &Results) -> (Vec<ComparisonRow>, Vec<String>) {
    let summary = summarize_results(results).unwrap();
    let known = published(&results.settings.name).unwrap();
    match compare_published(
        &results.settings,
        &summary,
        known.as_ref(),
        &FilesOrigin::Published.into(),
    ) {
        Comparison::Compared {
            rows,
            left_out,
            sources,
        } => {
            assert!(sources.iter().all(|source| source.contains("2507.14056")));
            (rows, left_out)
        }
        Comparison::NotCompared(reason) => panic!("{reason}"),
    }
}

#[test]
fn the_published_file_holds_the_published_table() {
    let (found, preset) = published("split-mnist").unwrap().unwrap();
    assert_eq!(preset, synthetic::split_mnist());
    assert_eq!(found.seeds, [42, 43, 44, 45, 46]);
    let ours: Vec<&str> = preset.methods.iter().map(|m| m.name.as_str()).collect();
    let theirs: Vec<&str> = found.methods.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(ours, theirs);
    let adam = &found.methods[2];
    let gap = adam.measures["average_gap"].over(5);
    assert_eq!((gap.mean, gap.standard_deviation), (0.2590, 0.0871));
    assert_eq!(
        (adam.first_gap, adam.seed_averaged_gap),
        (Some(0.481), Some(0.283))
    );
    assert_eq!(found.methods[0].final_gain, [1.31, 1.68, 1.89, 1.94, 2.11]);
    assert!(published("split-digits").unwrap().is_none());
}

/// Every file of published numbers belongs to a preset, and its methods are in the preset.
#[test]
fn every_published_file_fits_its_preset() {
    let mut count = 0;
    for name in Settings::presets().iter().map(|(name, _)| *name) {
        let Some((found, preset)) = published(name).unwrap() else {
            continue;
        };
        count += 1;
        assert_eq!(found.experiment, name);
        for method in &found.methods {
            assert!(
                preset.methods.iter().any(|m| m.name == method.name),
                "{name}: {}",
                method.name
            );
            assert!(
                method.seed_averaged_gap.is_some(),
                "{name}: {}",
                method.name
            );
        }
        assert_eq!(
            found.records_source.is_some(),
            found.methods[0].first_gap.is_some() || !found.methods[0].measures.is_empty()
        );
    }
    assert_eq!(count, 6);
}

/// With later contexts left out, or a sparser evaluation, the first switch is still compared, and the report says so.
#[test]
fn a_run_of_the_first_contexts_is_compared_at_its_first_switch() {
    let mut settings = synthetic::split_mnist();
    settings.stream.contexts.truncate(2);
    settings.evaluation.every = 10;
    let (rows, left_out) = compared(&synthetic::results(&settings));
    let quantities: Vec<&str> = rows.iter().map(|row| row.quantity.as_str()).collect();
    assert_eq!(quantities, ["SG₂, first switch"; 4]);
    assert!(
        left_out[0].contains("in stream, evaluation."),
        "{left_out:?}"
    );

    // No comparison is left if the test images or the switch differ.
    for change in [
        (|s| s.evaluation.limit = 5) as fn(&mut neurogain::systems::stability_gap::Settings),
        |s| s.stream.contexts[1] = vec![0, 1, 4],
        |s| s.stream.contexts.truncate(1),
    ] {
        let mut other = settings.clone();
        change(&mut other);
        let results = synthetic::results(&other);
        let known = published("split-mnist").unwrap();
        let summary = summarize_results(&results).unwrap();
        let comparison = compare_published(
            &other,
            &summary,
            known.as_ref(),
            &FilesOrigin::Published.into(),
        );
        assert!(
            matches!(comparison, Comparison::NotCompared(_)),
            "{other:?}"
        );
    }
}

#[test]
fn comparison_gives_verdicts_only_where_both_sides_have_a_spread() {
    let results = synthetic::results(&synthetic::split_mnist());
    let (rows, left_out) = compared(&results);
    assert!(left_out.is_empty());
    assert_eq!(rows.len(), 4 * 5 + 6);
    let row = |method: &str, quantity: &str| {
        let is_it = |r: &&ComparisonRow| r.method == method && r.quantity.starts_with(quantity);
        rows.iter().find(is_it).unwrap()
    };
    let accuracy = row("NGM-SGD", "avg-ACC");
    let expected: metrics::Summary = Spread {
        mean: 0.9902,
        standard_deviation: 0.0003,
    }
    .over(5);
    assert_eq!(accuracy.published, expected);
    assert!(accuracy.agreement.is_some());
    assert!(
        row("Momentum SGD", "avg-SG")
            .agreement
            .is_some_and(|a| !a.agrees)
    );
    assert!(
        row("SGD", "avg-SG of the seed-averaged")
            .agreement
            .is_none()
    );
    assert!(row("NGM-SGD", "largest gain").agreement.is_none());
}

/// Without the published data there are numbers, but no verdict, and the reason is said.
#[test]
fn other_data_have_no_verdict() {
    let settings = synthetic::split_mnist();
    let results = synthetic::results(&settings);
    let summary = summarize_results(&results).unwrap();
    let known = published("split-mnist").unwrap();
    for (data, reason) in [
        (
            FilesOrigin::Other("train-images-idx3-ubyte".into()),
            "train-images-idx3-ubyte has another checksum",
        ),
        (FilesOrigin::Unknown, "it is not known"),
    ] {
        let found = compare_published(&settings, &summary, known.as_ref(), &data.clone().into());
        let Comparison::Compared { rows, left_out, .. } = found else {
            panic!("{found:?}")
        };
        assert_eq!(rows.len(), 4 * 5 + 6);
        assert!(rows.iter().all(|row| row.agreement.is_none()), "{data:?}");
        assert!(left_out[0].contains(reason), "{left_out:?}");
    }
}

#[test]
fn seeds_and_methods_may_differ_and_nothing_else() {
    let mut settings = synthetic::split_mnist();
    settings.training.seeds = vec![1, 2];
    settings.title = String::from("mine");
    settings.methods.remove(2);
    settings.methods[1].optimizer = settings.methods[0].optimizer;
    settings.methods[2].name = String::from("other");
    let (rows, left_out) = compared(&synthetic::results(&settings));
    assert!(rows.iter().all(|row| row.method == "NGM-SGD"), "{rows:?}");
    assert!(
        left_out[0].contains("Momentum SGD: its settings differ"),
        "{left_out:?}"
    );
    assert!(
        left_out[1].contains("SGD: no results are published"),
        "{left_out:?}"
    );

    let known = published("split-mnist").unwrap();
    let reason = |change: &dyn Fn(&mut neurogain::systems::stability_gap::Settings)| {
        let mut settings = synthetic::small();
        settings.stream = synthetic::split_mnist().stream;
        settings.training.seeds = vec![42];
        settings.methods.truncate(1);
        change(&mut settings);
        let summary = summarize_results(&synthetic::results(&settings)).unwrap();
        match compare_published(
            &settings,
            &summary,
            known.as_ref(),
            &FilesOrigin::Published.into(),
        ) {
            Comparison::NotCompared(reason) => reason,
            Comparison::Compared { .. } => panic!("compared: {settings:?}"),
        }
    };
    assert!(reason(&|s| s.gain.eta = 0.5).contains("in gain."));
    assert!(reason(&|s| s.training.batch = 64).contains("in training."));
    assert!(reason(&|s| s.stream.iterations = 3).contains("in stream."));
    let network = || NetworkSettings::Mlp {
        hidden: vec![9],
        hidden_standard_deviation: 0.01,
        output_standard_deviation: 0.05,
    };
    assert!(reason(&|s| s.network = network()).contains("in network."));
    assert!(reason(&|s| s.data.mean = vec![0.0]).contains("in data."));
}

#[test]
fn online_accuracy_is_the_mean_over_the_training_batches() {
    let mut results = tiny(&[[0.1, 0.8, 0.4, 1.0]]);
    let records = results.runs[0].history.records.iter_mut();
    for (record, accuracy) in records.zip([0.0, 0.5, 0.25, 0.75]) {
        record.train.accuracy = accuracy;
    }
    let summary = summarize_results(&results).unwrap();
    let measures = &summary.methods[0].measures;
    assert_eq!(measures.get("online_accuracy").unwrap().mean, 0.375);
}
