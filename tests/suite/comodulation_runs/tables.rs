//! summary.json and measures.csv, recomputed from the cells' files.

use std::fs;

use super::*;

/// A measure of a task in a cell's file, by its name in tables.
fn measure(task: &Value, name: &str) -> Option<f64> {
    let found = match name {
        "macro_precision" => &task["macro_average"]["precision"],
        "macro_recall" => &task["macro_average"]["recall"],
        "macro_f1" => &task["macro_average"]["f1"],
        // Of two classes, the second is the positive one.
        "positive_precision" => &task["classes"][1]["precision"],
        "positive_recall" => &task["classes"][1]["recall"],
        "positive_f1" => &task["classes"][1]["f1"],
        "expected_calibration_error" => &task["calibration_error"],
        "gains_below_0.01" => &task["gains_near_zero"][0],
        "gains_below_0.1" => &task["gains_near_zero"][1],
        "gains_below_0.5" => &task["gains_near_zero"][2],
        own => &task[own],
    };
    assert!(found.is_number() || found.is_null(), "{name}: {found}");
    found.as_f64()
}

const NAMES: [&str; 17] = [
    "accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "positive_precision",
    "positive_recall",
    "positive_f1",
    "cross_entropy",
    "expected_calibration_error",
    "separability",
    "participation_ratio",
    "subspace_participation_ratio",
    "informativeness",
    "gained_informativeness",
    "gains_below_0.01",
    "gains_below_0.1",
    "gains_below_0.5",
];

const METHODS: [&str; 3] = ["hard-sharing", "comodulation", "shuffled"];
const SEEDS: [u64; 3] = [1, 2, 3];

fn run(folder: &TempDir) -> std::path::PathBuf {
    let methods = METHODS.join(",");
    let more = ["--methods", &methods, "--seeds", "1..3", "--out", "run"];
    ends(folder, &arguments(&more), 0);
    folder.path().join("run")
}

fn close(found: &Value, expected: f64, what: &str) {
    let found = found.as_f64().unwrap_or_else(|| panic!("{what}: {found}"));
    let bound = 1e-12 * expected.abs().max(1.0);
    assert!(
        (found - expected).abs() <= bound,
        "{what}: {found}, not {expected}"
    );
}

#[test]
fn means_and_paired_differences_are_those_of_the_cells() {
    let folder = folder();
    let directory = run(&folder);
    let cell = |method: &str, seed: u64| {
        let path = format!("runs/{method}-1-{seed}.json");
        json(&directory.join(path))
    };
    // The mean over a cell's tasks; absent if a task has no value.
    let over_tasks = |method: &str, seed: u64, name: &str| -> Option<f64> {
        let cell = cell(method, seed);
        let tasks = cell["tasks"].as_array().expect("a list");
        let values: Option<Vec<f64>> = tasks.iter().map(|task| measure(task, name)).collect();
        Some(values?.iter().sum::<f64>() / tasks.len() as f64)
    };
    let over_seeds = |method: &str, name: &str| -> Option<Vec<f64>> {
        SEEDS
            .iter()
            .map(|&seed| over_tasks(method, seed, name))
            .collect()
    };
    let summary = json(&directory.join("summary.json"));
    assert_eq!(summary["incomplete"], serde_json::json!([]));
    let methods = summary["methods"].as_array().expect("a list");
    assert_eq!(methods.len(), METHODS.len());
    let mut means = 0;
    for (found, method) in methods.iter().zip(METHODS) {
        assert_eq!(found["method"], method);
        let measures = found["measures"].as_object().expect("a map");
        assert!(measures.keys().all(|name| NAMES.contains(&name.as_str())));
        for name in NAMES {
            let what = format!("{method}, {name}");
            match over_seeds(method, name) {
                None => assert!(!measures.contains_key(name), "{what}"),
                Some(values) => {
                    means += 1;
                    let mean = values.iter().sum::<f64>() / 3.0;
                    close(&measures[name]["mean"], mean, &what);
                    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
                    let deviation = (squares / 2.0).sqrt();
                    close(&measures[name]["standard_deviation"], deviation, &what);
                }
            }
        }
    }
    assert!(means > 30, "only {means} measures");
    let differences = summary["differences"].as_array().expect("a list");
    assert_eq!(differences.len(), 2);
    let mut intervals = 0;
    for (found, other) in differences.iter().zip(["hard-sharing", "shuffled"]) {
        assert_eq!(
            (&found["method"], &found["other"]),
            (&"comodulation".into(), &other.into())
        );
        for (name, of) in found["measures"].as_object().expect("a map") {
            let own = over_seeds("comodulation", name).expect(name);
            let others = over_seeds(other, name).expect(name);
            let pairs: Vec<f64> = own.iter().zip(&others).map(|(a, b)| a - b).collect();
            let mean = pairs.iter().sum::<f64>() / 3.0;
            let what = format!("comodulation − {other}, {name}");
            close(&of["mean"], mean, &what);
            assert_eq!(of["count"], 3, "{what}");
            // With three pairs, one resample in 27 repeats the smallest three times: more often than 2.5 %, so
            // the bootstrap's interval starts at the smallest and ends at the largest.
            let least = pairs.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = pairs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let interval = &of["interval"];
            close(&interval[0], least, &what);
            close(&interval[1], greatest, &what);
            intervals += 1;
        }
    }
    assert!(intervals > 10, "only {intervals} intervals");
}

/// The cells of the run in `directory`, in the order of methods and seeds.
fn cells_of(directory: &Path) -> Vec<Value> {
    let places = METHODS
        .iter()
        .flat_map(|method| SEEDS.map(|seed| format!("runs/{method}-1-{seed}.json")));
    let cell = |path: String| json(&directory.join(path));
    places.map(cell).collect()
}

/// The label of each task of each cell in a table: method, epochs, labelled samples (all: empty), seed and name.
fn place(cell: &Value, task: &Value) -> [String; 5] {
    let text = |value: &Value| value.as_str().expect("text").to_string();
    let [epochs, seed] = ["epochs", "seed"].map(|key| cell[key].to_string());
    [
        text(&cell["method"]),
        epochs,
        String::new(),
        seed,
        text(&task["task"]),
    ]
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

#[test]
fn measures_csv_has_a_line_for_each_task_of_each_cell() {
    let folder = folder();
    let directory = run(&folder);
    let text = fs::read_to_string(directory.join("measures.csv")).expect("a file");
    let mut lines = text.lines();
    let heading = format!(
        "method,epochs,labelled_samples,seed,task,samples,{}",
        NAMES.join(",")
    );
    assert_eq!(lines.next(), Some(heading.as_str()));
    for cell in cells_of(&directory) {
        for task in list(&cell["tasks"]) {
            let fields: Vec<&str> = lines.next().expect("a line").split(',').collect();
            let place = place(&cell, task);
            assert_eq!(fields[..5], place);
            assert_eq!(fields[5], task["samples"].to_string());
            assert_eq!(fields.len(), 6 + NAMES.len());
            for (field, measured) in fields[6..].iter().zip(NAMES) {
                // The shortest text that reads back to the same number.
                let number = (!field.is_empty()).then(|| field.parse().expect("a number"));
                assert_eq!(number, measure(task, measured), "{place:?}, {measured}");
            }
        }
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn classes_csv_has_a_line_for_each_class_of_each_task_of_each_cell() {
    let folder = folder();
    let directory = run(&folder);
    let text = fs::read_to_string(directory.join("classes.csv")).expect("a file");
    let mut lines = text.lines();
    let heading = "method,epochs,labelled_samples,seed,task,class,precision,recall,f1";
    assert_eq!(lines.next(), Some(heading));
    let mut different = 0;
    for cell in cells_of(&directory) {
        for task in list(&cell["tasks"]) {
            for (class, scores) in list(&task["classes"]).iter().enumerate() {
                let fields: Vec<&str> = lines.next().expect("a line").split(',').collect();
                let place = place(&cell, task);
                assert_eq!(fields[..5], place);
                assert_eq!(fields[5], class.to_string());
                let read = |field: &&str| field.parse().expect("a number");
                let found: Vec<f64> = fields[6..].iter().map(read).collect();
                let names = ["precision", "recall", "f1"];
                let expected = names.map(|name| scores[name].as_f64().expect("a number"));
                assert_eq!(found, expected, "{place:?}, class {class}");
                different += usize::from(expected[0] != expected[1]);
            }
        }
    }
    assert_eq!(lines.next(), None);
    // With equal scores the order of the columns would not show.
    assert!(different > 20, "{different}");
}
