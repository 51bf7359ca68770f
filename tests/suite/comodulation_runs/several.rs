//! Sweeps over comodulation experiments, lists of methods, and pages that compare runs.

use std::fs;

use super::*;

const SWEEP: &str = r#"
base = "comodulation-digits"
methods = ["attention", "comodulation"]
seeds = [1, 2]
set = [CHANGES]

[grid]
modulator.std = [0.1, 0.5]
"#;

/// A folder with the sweep `grid.toml` over the small network.
fn with_sweep() -> TempDir {
    let folder = folder();
    let changes = TINY.iter().filter(|change| !change.contains("seeds"));
    let changes = changes.map(|change| format!("\"{change}\""));
    let changes: Vec<String> = changes
        .chain(["\"pretraining.epochs=[1,2]\"".into()])
        .collect();
    let text = SWEEP.replace("CHANGES", &changes.join(", "));
    fs::write(folder.path().join("grid.toml"), text).expect("written");
    folder
}

fn read(folder: &TempDir, path: &str) -> String {
    let text = fs::read_to_string(folder.path().join(path));
    text.unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn a_sweep_leaves_a_run_directory_a_cell_and_a_row_a_method_and_epochs() {
    let folder = with_sweep();
    let sweep = ["sweep", "grid.toml", "--quiet", "--out", "swept"];
    let [printed, _] = ends(&folder, &sweep, 0);
    let mut heading = printed.lines().next().expect("a table").split_whitespace();
    assert_eq!(heading.next(), Some("cell"));
    assert!(
        printed.contains("best of 2 by accuracy, mean over tasks, Comodulation: modulator.std = ")
    );
    assert!(folder.path().join("swept/sweep.svg").exists());
    let mut table = csv::Reader::from_path(folder.path().join("swept/sweep.csv")).expect("CSV");
    let header = table.headers().expect("a header").clone();
    let start: Vec<&str> = header.iter().take(6).collect();
    assert_eq!(
        start,
        [
            "cell",
            "modulator.std",
            "method",
            "epochs",
            "status",
            "seeds"
        ]
    );
    let accuracy = header
        .iter()
        .position(|name| name == "accuracy_mean")
        .expect("a column");
    let rows: Vec<csv::StringRecord> = table.records().map(|row| row.expect("a row")).collect();
    let told: Vec<[&str; 6]> = rows
        .iter()
        .map(|row| [0, 1, 2, 3, 4, 5].map(|column| &row[column]))
        .collect();
    let row = |cell, value, method, epochs| [cell, value, method, epochs, "complete", "2"];
    assert_eq!(
        told,
        [
            row("1", "0.1", "attention", "1"),
            row("1", "0.1", "attention", "2"),
            row("1", "0.1", "comodulation", "1"),
            row("1", "0.1", "comodulation", "2"),
            row("2", "0.5", "attention", "1"),
            row("2", "0.5", "attention", "2"),
            row("2", "0.5", "comodulation", "1"),
            row("2", "0.5", "comodulation", "2"),
        ]
    );
    // Attention has no modulator; each cell equals a separate run with its settings.
    assert_eq!(rows[0][accuracy], rows[4][accuracy]);
    let cell = "swept/cells/002";
    ends(
        &folder,
        &[
            "run",
            &format!("{cell}/config.toml"),
            "--quiet",
            "--out",
            "alone",
        ],
        0,
    );
    let [swept, alone] = [cell, "alone"].map(|name| contents(&folder.path().join(name)));
    assert!(swept == alone, "other bytes");
    let hash = json(&folder.path().join("alone/summary.json"))["hash"].clone();
    assert_eq!(hash.as_str(), Some(&rows[7][header.len() - 1]));

    // Gathered again: the same bytes. With a cell missing: its rows say so.
    let before = read(&folder, "swept/sweep.csv");
    ends(&folder, &["sweep", "--collect", "swept"], 0);
    assert_eq!(read(&folder, "swept/sweep.csv"), before);
    fs::rename(folder.path().join(cell), folder.path().join("elsewhere")).expect("moved");
    let [_, complaint] = ends(&folder, &["sweep", "--collect", "swept"], 1);
    assert!(
        complaint.contains("cell 2 (modulator.std = 0.5): not begun"),
        "{complaint}"
    );
    assert_eq!(
        read(&folder, "swept/sweep.csv").matches("missing").count(),
        4
    );
    // The same command runs what is missing.
    ends(&folder, &sweep, 0);
    assert_eq!(read(&folder, "swept/sweep.csv"), before);
}

#[test]
fn a_job_array_of_slurm_has_a_task_a_cell() {
    let folder = with_sweep();
    let [printed, _] = ends(
        &folder,
        &["sweep", "grid.toml", "--slurm", "--out", "swept"],
        0,
    );
    assert!(printed.contains("submit.sh (2 tasks)"), "{printed}");
    assert!(read(&folder, "swept/job.sh").contains("comodulation-digits"));
    // One task, as the job array runs it.
    let task = [
        "sweep",
        "swept/sweep.toml",
        "--cell",
        "2",
        "--quiet",
        "--out",
        "swept",
    ];
    ends(&folder, &task, 0);
    assert!(folder.path().join("swept/cells/002/summary.json").exists());
    assert!(!folder.path().join("swept/cells/001").exists());
}

#[test]
fn a_list_of_methods_takes_the_place_of_a_benchmark_s_own() {
    let folder = folder();
    let more = [
        "--variants",
        "all-weights",
        "--seeds",
        "1",
        "--json",
        "--out",
        "a",
    ];
    let [printed, _] = ends(&folder, &arguments(&more), 0);
    let printed: Value = serde_json::from_str(&printed).expect("JSON");
    let methods = printed["summary"]["methods"].as_array().expect("a list");
    let names = methods.iter().map(|method| method["method"].as_str());
    let names: Vec<&str> = names.collect::<Option<_>>().expect("names");
    assert_eq!(
        names,
        [
            "fine-tuning",
            "attention-all-weights",
            "comodulation-all-weights",
            "comodulation"
        ]
    );
}

#[test]
fn several_directories_share_one_page() {
    let folder = folder();
    for (name, deviation) in [("one", "0.1"), ("two", "0.5")] {
        let change = format!("modulator.std={deviation}");
        let more = [
            "--methods",
            "attention,comodulation",
            "--set",
            &change,
            "--out",
            name,
        ];
        ends(&folder, &arguments(&more), 0);
    }
    let [printed, _] = ends(&folder, &["report", "one", "two", "--out", "both.html"], 0);
    assert!(
        printed.starts_with("std = 0.1: one\nstd = 0.5: two\n"),
        "{printed}"
    );
    assert!(printed.ends_with("\nreport  both.html\n"), "{printed}");
    let page = read(&folder, "both.html");
    assert!(page.contains("Comodulation: attributes of the shipped digits: 2 runs compared"));
    // Four groups of measures, of differences between methods, and of those between runs.
    assert_eq!(page.matches(">run</th>").count(), 12);
    for part in [
        "<td class=\"text\">std = 0.1</td>",
        "<td class=\"text\">std = 0.5</td>",
        "std = 0.1: Calibration of the predictions",
        "std = 0.5: Calibration of the predictions",
        "one of the directories’ ",
        "std = 0.1",
        "std = 0.5",
    ] {
        assert!(page.contains(part), "no {part}");
    }
    let mut ids: Vec<&str> = page
        .split(" id=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id is there twice");

    let gap = [
        "run",
        "split-digits",
        "--quiet",
        "--seeds",
        "1",
        "--methods",
        "sgd",
        "--set",
        "stream.iterations=2",
        "--out",
        "gap",
    ];
    ends(&folder, &gap, 0);
    let [_, complaint] = ends(&folder, &["report", "one", "gap", "--out", "mixed.html"], 2);
    assert!(
        complaint.contains("gap: expected a directory with the same kind of experiment"),
        "{complaint}"
    );
}
