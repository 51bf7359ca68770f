//! `neurogain figure`: the list, the files, and the same bytes every time.

use std::fs;
use std::path::Path;

use super::{fails, folder, succeeds};

#[test]
fn without_a_name_it_lists() {
    let folder = folder();
    let list = succeeds(&folder, &["figure"]);
    for name in [
        "two-timescale",
        "landscape",
        "sensitivity",
        "movement",
        "ablation",
        "replay",
    ] {
        assert!(list.lines().any(|line| line.starts_with(name)), "{list}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_figure_comes_with_its_numbers_and_always_with_the_same_bytes() {
    let folder = folder();
    let text = succeeds(&folder, &["figure", "two-timescale"]);
    for part in [
        "gain-modulated",
        "largest gain",
        "figures/two-timescale.svg",
        "figures/two-timescale.csv",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    succeeds(&folder, &["figure", "two-timescale", "--out", "else/where"]);
    for name in ["two-timescale.svg", "two-timescale.csv"] {
        let read = |dir: &str| fs::read_to_string(folder.path().join(dir).join(name)).unwrap();
        assert_eq!(read("figures"), read("else/where"), "{name}");
    }
    let read = |name: &str| fs::read_to_string(folder.path().join("figures").join(name)).unwrap();
    let svg = read("two-timescale.svg");
    assert!(
        svg.starts_with("<svg id=\"neurogain-two-timescale\"")
            && svg.trim_end().ends_with("</svg>")
    );
    let csv = read("two-timescale.csv");
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("axis,panel,series,x,y,spread"));
    // Outputs and target, gain, two components twice: 9 lines of 200 steps.
    assert_eq!(lines.clone().count(), 9 * 200);
    for line in lines {
        let numbers = line.rsplit(',').take(3);
        assert!(
            numbers
                .clone()
                .all(|n| n.parse::<f64>().is_ok_and(f64::is_finite)),
            "{line}"
        );
    }
}

#[test]
fn figures_replace_their_own_files_alone() {
    let folder = folder();
    let dir = folder.path().join("figures");
    succeeds(&folder, &["figure", "two-timescale"]);
    fs::write(dir.join("mine.svg"), "mine").unwrap();
    let [svg, csv] = ["svg", "csv"].map(|end| dir.join("two-timescale").with_extension(end));
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let made = [read(&svg), read(&csv)];
    // Another version may have drawn other lines.
    for (path, made) in [&svg, &csv].into_iter().zip(&made) {
        let start: String = made.chars().take(200).collect();
        fs::write(path, start).unwrap();
    }
    succeeds(&folder, &["figure", "two-timescale"]);
    assert_eq!([read(&svg), read(&csv)], made);
    for (path, other) in [(&svg, "<svg id=\"mine\"/>"), (&csv, "a,b\n1,2\n")] {
        let own = read(path);
        fs::write(path, other).unwrap();
        let complaint = fails(&folder, &["figure", "two-timescale"], 1);
        assert!(complaint.contains("was not made here"), "{complaint}");
        assert_eq!(read(path), other);
        fs::write(path, own).unwrap();
    }
    assert_eq!([read(&svg), read(&csv)], made);
    assert_eq!(read(&dir.join("mine.svg")), "mine");
}

/// The figure of a run is made again from its directory; other settings are refused there.
#[test]
fn a_figure_of_a_run_is_made_twice() {
    let folder = folder();
    let own = |gain: &str| {
        let text = format!(
            "base = \"split-digits\"\nname = \"own\"\ngain.eta = {gain}\nstream.iterations = 2\n\
             training.seeds = [1]\n"
        );
        fs::write(folder.path().join("own.toml"), text).unwrap();
    };
    let figure = ["figure", "class-incremental", "--base", "own.toml"];
    own("0.1");
    let first = succeeds(&folder, &figure);
    let svg = folder
        .path()
        .join("figures/class-incremental/figures/accuracy.svg");
    let drawn = fs::read(&svg).unwrap();
    fs::remove_file(&svg).unwrap();
    let table = |printed: &str| printed.split("\nhash").next().unwrap().to_string();
    assert_eq!(table(&succeeds(&folder, &figure)), table(&first));
    assert!(fs::read(&svg).unwrap() == drawn);
    own("0.2");
    let complaint = fails(&folder, &figure, 1);
    assert!(
        complaint.contains("runs with other settings"),
        "{complaint}"
    );
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = folder();
    let complaint = fails(&folder, &["figure", "two-timescales"], 2);
    assert!(
        complaint.contains("unknown figure `two-timescales`; did you mean `two-timescale`?"),
        "{complaint}"
    );
    let complaint = fails(&folder, &["figure", "nosuch"], 2);
    let list = succeeds(&folder, &["figure"]);
    let names = list.lines().take_while(|line| !line.is_empty());
    for name in names.filter_map(|line| line.split_whitespace().next()) {
        assert!(complaint.contains(name), "no {name} in {complaint}");
    }
    fs::write(folder.path().join("file"), "").unwrap();
    let complaint = fails(&folder, &["figure", "two-timescale", "--out", "file"], 1);
    assert!(complaint.contains("file: cannot create"), "{complaint}");
}

/// An analysis of networks is drawn on a file of settings; experiments of other systems, and a base of the scalar model,
/// are refused.
#[test]
fn an_analysis_is_drawn_on_a_base() {
    let folder = folder();
    let own = "base = \"permuted-digits\"\ntitle = \"My digits\"\nstream.iterations = 3\n\
               network.hidden = [4]\ntraining.seeds = [1]\n";
    fs::write(folder.path().join("own.toml"), own).unwrap();
    succeeds(&folder, &["figure", "movement", "--base", "own.toml"]);
    let svg = fs::read_to_string(folder.path().join("figures/movement.svg")).unwrap();
    assert!(svg.contains("3 iterations after it") && svg.contains("My digits, seed 1."));
    for (name, base, part) in [
        (
            "landscape",
            "comodulation-cifar10",
            "landscape is not drawn for comodulation experiments: ",
        ),
        (
            "movement",
            "permuted-mnist-plasticity",
            "movement is not drawn for plasticity experiments: ",
        ),
        ("sensitivity", "nosuch.toml", "nosuch.toml"),
        (
            "two-timescale",
            "split-digits",
            "two-timescale is the figure of a scalar model",
        ),
    ] {
        let error = fails(
            &folder,
            &["figure", name, "--base", base],
            if base == "nosuch.toml" { 1 } else { 2 },
        );
        assert!(error.contains(part), "{error}");
    }
}

/// Before the networks are trained.
#[test]
fn a_file_in_the_place_of_the_directory_is_refused() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = fails(&folder, &["figure", "landscape", "--out", "file"], 1);
    assert!(
        error.contains("file: cannot create: it is a file; name a directory"),
        "{error}"
    );
}

/// One point per method, switch, span and coordinate; with fixed gains, W and g·W move alike.
#[test]
fn the_movement_of_the_weights_is_drawn_for_every_method_and_switch() {
    // The bits are equal on every set (tests/suite/pinned_runs.rs), and portable code takes minutes.
    if std::env::var("NEUROGAIN_SIMD").as_deref() == Ok("portable") {
        eprintln!("left to the faster instruction sets");
        return;
    }
    let folder = folder();
    succeeds(&folder, &["figure", "movement"]);
    let csv = fs::read_to_string(folder.path().join("figures/movement.csv")).unwrap();
    let rows: Vec<Vec<&str>> = csv
        .lines()
        .skip(1)
        .map(|l| l.split(',').collect())
        .collect();
    assert_eq!(rows.len(), 4 * 4 * 2 * 2);
    let of = |panel: &str, series: &str| -> Vec<&[&str]> {
        let wanted = rows
            .iter()
            .filter(|row| row[1] == panel && row[2] == series);
        wanted.map(|row| &row[3..]).collect()
    };
    for series in ["Momentum SGD", "Adam", "SGD"] {
        assert_eq!(of("W", series), of("W_eff", series), "{series}");
    }
    assert_ne!(of("W", "NGM-SGD"), of("W_eff", "NGM-SGD"));
}
