//! Differences between methods: which methods are compared, over which seeds, and where they are shown.

use neurogain::learn::Evaluation;
use neurogain::metrics::{PairedDifference, paired_difference};
use neurogain::run::Status;
use neurogain::systems::stability_gap::Results;
use neurogain::systems::stability_gap::{Difference, summarize_results};
use tempfile::TempDir;

use super::synthetic;

/// Methods ngm-sgd and msgd, two contexts of two iterations, with the given accuracies of every seed.
fn two_methods(accuracies: &[[[f64; 4]; 2]]) -> Results {
    let mut settings = synthetic::small();
    settings.stream.iterations = 2;
    settings.methods.truncate(2);
    settings.training.seeds = (1..=accuracies.len() as u64).collect();
    let mut results = synthetic::results(&settings);
    for run in &mut results.runs {
        let method = usize::from(run.method == "msgd");
        let accuracies = accuracies[run.seed as usize - 1][method];
        for (record, accuracy) in run.history.records.iter_mut().zip(accuracies) {
            record.test = Some(Evaluation {
                loss: 0.5,
                accuracy,
            });
        }
    }
    results
}

fn differences(results: &Results) -> Vec<Difference> {
    summarize_results(results).unwrap().differences
}

fn compared(results: &Results) -> Vec<(String, String)> {
    let found = differences(results).into_iter();
    found.map(|d| (d.method, d.other)).collect()
}

#[test]
fn differences_are_taken_seed_by_seed() {
    // m_2 = 0.4, 0.5, 0.75 against 0.2, 0.5, 0.5; a_1 = 0.8, so that SG_2 = (0.8 − m_2)/0.8.
    let results = two_methods(&[
        [[0.1, 0.8, 0.4, 1.0], [0.1, 0.8, 0.2, 0.5]],
        [[0.1, 0.8, 0.5, 1.0], [0.1, 0.8, 0.5, 1.0]],
        [[0.1, 0.8, 0.75, 1.0], [0.1, 0.8, 0.5, 1.0]],
    ]);
    let [found] = &differences(&results)[..] else {
        panic!("{:?}", differences(&results));
    };
    assert_eq!(
        (found.label.as_str(), found.other_label.as_str()),
        ("NGM-SGD", "Momentum SGD")
    );
    assert_eq!(found.seeds, [1, 2, 3]);
    let near = |found: &PairedDifference, mean: f64| {
        assert!(
            (found.mean - mean).abs() < 1e-12,
            "{found:?}, expected {mean}"
        );
        assert_eq!(found.count, 3);
    };
    let minimum = found.measures.get("average_minimum_accuracy").unwrap();
    near(found.measures.get("average_accuracy").unwrap(), 0.25 / 3.0);
    near(minimum, 0.45 / 3.0);
    near(
        found.measures.get("average_gap").unwrap(),
        -0.45 / 0.8 / 3.0,
    );
    assert_eq!(
        *minimum,
        paired_difference(&[(0.4, 0.2), (0.5, 0.5), (0.75, 0.5)])
    );
}

#[test]
fn only_seeds_that_both_have_complete_count() {
    let same = [[0.1, 0.8, 0.4, 1.0]; 2];
    let mut results = two_methods(&[same; 4]);
    results.runs[1].status = Status::Interrupted;
    results.runs[1].history.records.truncate(3);
    results.runs.pop();
    let found = differences(&results);
    assert_eq!(found[0].seeds, [1, 3]);
    assert_eq!(
        found[0].measures.get("average_gap").unwrap().interval,
        None,
        "two seeds have no interval"
    );
    results.runs.retain(|run| run.method == "ngm-sgd");
    assert_eq!(differences(&results), []);
}

#[test]
fn each_gain_modulated_method_is_compared_with_every_other_once() {
    let settings = synthetic::split_mnist();
    let names = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(a, b)| (a.to_string(), b.to_string()))
            .collect()
    };
    let found = compared(&synthetic::results(&settings));
    assert_eq!(
        found,
        names(&[("ngm-sgd", "msgd"), ("ngm-sgd", "adam"), ("ngm-sgd", "sgd")])
    );

    let mut several = settings.clone();
    several.methods[2].gain_modulated = true;
    let expected = [
        ("ngm-sgd", "msgd"),
        ("ngm-sgd", "adam"),
        ("ngm-sgd", "sgd"),
        ("adam", "msgd"),
        ("adam", "sgd"),
    ];
    assert_eq!(compared(&synthetic::results(&several)), names(&expected));

    let mut none = settings;
    none.methods.remove(0);
    assert_eq!(compared(&synthetic::results(&none)), []);
}

fn written(results: &Results) -> (String, serde_json::Value) {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("run");
    synthetic::write_all(&dir, results);
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    (
        read("report.html"),
        serde_json::from_str(&read("summary.json")).unwrap(),
    )
}

#[test]
fn page_and_summary_show_them() {
    let (page, summary) = written(&synthetic::results(&synthetic::split_mnist()));
    for part in [
        "id=\"table-differences\"",
        "NGM-SGD − Momentum SGD",
        "95\u{a0}%",
        "10000 resamples",
    ] {
        assert!(page.contains(part), "no {part:?}");
    }
    let row = &summary["differences"][0];
    assert_eq!(
        (&row["method"], &row["other"]),
        (&"ngm-sgd".into(), &"msgd".into())
    );
    assert_eq!(row["seeds"].as_array().unwrap().len(), 5);
    for measure in [
        "average_accuracy",
        "average_minimum_accuracy",
        "average_gap",
    ] {
        let [low, high] =
            [0, 1].map(|end| row["measures"][measure]["interval"][end].as_f64().unwrap());
        let mean = row["measures"][measure]["mean"].as_f64().unwrap();
        assert!(low <= mean && mean <= high, "{measure}: {row}");
    }

    let mut one = synthetic::split_mnist();
    one.methods.truncate(1);
    let (page, summary) = written(&synthetic::results(&one));
    assert!(!page.contains("table-differences"));
    assert_eq!(summary["differences"], serde_json::json!([]));
}
