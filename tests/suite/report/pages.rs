//! The page and its figures: complete, safe with hostile names, and self-contained.

use std::fs;
use std::path::PathBuf;

use neurogain::learn::Record;
use neurogain::run::Status;
use neurogain::run::compare;
use neurogain::systems::StabilityGap;
use neurogain::systems::stability_gap::{EvaluatedTasks, Results, Run};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::synthetic::{self, write_all};

/// Changes the test accuracy of an evaluated record.
fn set(record: &mut Record, to: impl Fn(f64) -> f64) {
    let test = record.test.as_mut().expect("it was evaluated");
    test.accuracy = to(test.accuracy);
}

/// The page of `results`, and its figures by name.
fn page_of(results: &Results) -> (String, Vec<(String, String)>) {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("run");
    write_all(&dir, results);
    let mut figures = Vec::new();
    for entry in fs::read_dir(dir.join("figures")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        figures.push((name, fs::read_to_string(path).unwrap()));
    }
    figures.sort();
    (
        fs::read_to_string(dir.join("report.html")).unwrap(),
        figures,
    )
}

/// Every id, in order of appearance.
fn ids(text: &str) -> Vec<&str> {
    let parts = text.split(" id=\"").skip(1);
    parts.filter_map(|rest| rest.split('"').next()).collect()
}

/// The page without its script, which asks for nothing, and without the points of its figures, which are no program.
fn without_script(page: &str) -> String {
    let (before, rest) = page.split_once("<script>").expect("a script");
    let (script, after) = rest.split_once("</script>").expect("its end");
    for request in [
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "import(",
        ".src",
        "sendBeacon",
    ] {
        assert!(!script.contains(request), "the script has {request}");
    }
    let page = format!("{before}{after}");
    let mut parts = page.split("<script type=\"application/json\">");
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |text, part| {
        let (points, rest) = part.split_once("</script>").expect("the end of the points");
        assert!(!points.contains('<'), "{points}");
        text + rest
    })
}

fn assert_fetches_nothing(text: &str) {
    for fetch in [
        "src=", "<script", "<link", "@import", "url(", "<image", "<use", "srcset", "<iframe",
    ] {
        assert!(!text.contains(fetch), "the page has {fetch}");
    }
    let links = text.matches("http").count();
    let namespaces = text.matches("xmlns=\"http://www.w3.org/2000/svg\"").count();
    let paper = text
        .matches("<a href=\"https://arxiv.org/abs/2507.14056\"")
        .count();
    assert_eq!(links, namespaces + paper);
}

#[test]
fn the_page_holds_every_promised_part() {
    let (page, figures) = page_of(&synthetic::results(&synthetic::split_mnist()));
    let names: Vec<&str> = figures.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["accuracy.svg", "gain.svg", "loss.svg", "switches.svg"]
    );
    for (name, svg) in &figures {
        assert!(page.contains(svg.as_str()), "{name} is not in the page");
        assert!(svg.len() < 1_000_000, "{name} has {} bytes", svg.len());
    }
    for part in [
        "<h1>Split-MNIST</h1>",
        "avg-min-ACC %",
        "NGM-SGD",
        "SG<sub>5</sub>",
        "4 → 5",
        "does not agree",
        "✓ agrees",
        "largest gain",
        "the authors' own records",
        "minima of the seed-averaged curve",
        "Per seed: ",
        "hidden_standard_deviation = 0.01",
        "seeds = [",
        "neurogain run config.toml",
        "arXiv:2507.14056",
        "prefers-color-scheme: dark",
    ] {
        assert!(page.contains(part), "no {part:?}");
    }
    assert!(!page.contains("not complete"));
    assert_fetches_nothing(&without_script(&page));
    assert_eq!(
        page.matches("<table").count(),
        page.matches("<caption").count()
    );
    let mut unique = ids(&page);
    let count = unique.len();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), count, "an id is there twice");
}

/// The script holds `dist/uPlot.iife.min.js` of the npm package uplot 1.6.32 byte for byte, with its licence.
#[test]
fn the_plotting_library_is_the_published_one() {
    let library = include_bytes!("../../../src/report/page/uplot/uPlot.iife.min.js");
    let digest: String = Sha256::digest(library)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let published = "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f";
    assert_eq!(digest, published);
    let (page, _) = page_of(&synthetic::results(&synthetic::small()));
    assert!(page.contains("Copyright (c) 2022 Leon Sorokin") && page.contains("uPlot (v1.6.32)"));
}

#[test]
fn figures_stand_alone_and_scale() {
    let (_, figures) = page_of(&synthetic::results(&synthetic::split_mnist()));
    for (name, svg) in &figures {
        let root = format!("<svg id=\"neurogain-{}\"", name.trim_end_matches(".svg"));
        assert!(svg.starts_with(&root), "{name}");
        assert!(svg.trim_end().ends_with("</svg>"), "{name}");
        for part in [
            "viewBox=",
            "role=\"img\"",
            "<title",
            "<desc",
            "@media (prefers-color-scheme:dark)",
        ] {
            assert!(svg.contains(part), "{name} has no {part}");
        }
        // CairoSVG and svglib cannot read `height: auto`.
        let root = svg.split('>').next().unwrap_or_default();
        assert!(!root.contains("style="), "{root}");
        assert_fetches_nothing(svg);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
    }
    let count = |at: usize, text: &str| figures[at].1.matches(text).count();
    assert_eq!(count(0, "<polygon"), 4, "a band a method");
    assert_eq!(
        count(1, "<polygon"),
        1,
        "only gain-modulated methods have a gain to show"
    );
    assert_eq!(count(3, "<polygon"), 16, "a band a method and switch");
    let dashed = "stroke=\"#808891\" stroke-width=\"1.5\" stroke-dasharray=\"6 5\"";
    assert_eq!(count(0, dashed), 4, "a line a switch");
    let dotted = "stroke=\"#C85400\" stroke-width=\"2.5\" stroke-dasharray=\"0 5\"";
    assert_eq!(count(0, dotted), 4, "momentum SGD has four minima");
}

#[test]
fn the_reading_says_what_the_numbers_show_and_only_that() {
    let lower = "SGD’s gap is smaller than NGM-SGD’s";
    let results = synthetic::results(&synthetic::split_mnist());
    let (page, _) = page_of(&results);
    assert!(
        page.contains(lower) && page.contains("but its accuracy at the ends of contexts is lower")
    );
    let mut better = results.clone();
    for run in better.runs.iter_mut().filter(|run| run.method == "ngm-sgd") {
        for record in &mut run.history.records {
            set(record, |_| 1.0);
        }
    }
    let (page, _) = page_of(&better);
    assert!(!page.contains(lower), "NGM-SGD has no gap here");
    let mut worse = results;
    for run in worse.runs.iter_mut().filter(|run| run.method == "ngm-sgd") {
        for record in &mut run.history.records {
            set(record, |accuracy| 0.9 * accuracy);
        }
    }
    let (page, _) = page_of(&worse);
    assert!(page.contains("and its accuracy at the ends of contexts is not lower"));
}

#[test]
fn hostile_names_are_text() {
    let mut settings = synthetic::small();
    let hostile = "<script>alert(1)</script>&\"'";
    settings.title = String::from(hostile);
    settings.description = format!("{hostile}\n\nsecond");
    settings.methods[0].label = String::from(hostile);
    let (page, figures) = page_of(&synthetic::results(&settings));
    let page = without_script(&page);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)"));
    for (name, svg) in &figures {
        assert!(
            !svg.contains("<script") && svg.contains("&lt;script&gt;"),
            "{name}"
        );
    }
}

#[test]
fn incomplete_experiments_have_a_page_that_says_so() {
    let mut results = synthetic::results(&synthetic::small());
    results.runs[0].status = Status::Interrupted;
    results.runs[0].history.records.truncate(3);
    results.runs.pop();
    let (page, _) = page_of(&results);
    assert!(page.contains("Runs that are not complete"));
    assert!(page.contains("NGM-SGD, seed 42: interrupted after 3 of 8 iterations"));
    assert!(page.contains("SGD, seed 43: not begun"));
    assert!(page.contains("Not compared: the settings differ"));
    results.runs.clear();
    let (page, figures) = page_of(&results);
    assert!(page.contains("No run is complete") && figures.is_empty());
}

#[test]
fn one_context_long_runs_and_many_methods_are_drawn() {
    let mut settings = synthetic::small();
    settings.stream.contexts.truncate(1);
    let (page, figures) = page_of(&synthetic::results(&settings));
    assert!(figures.iter().all(|(name, _)| name != "switches.svg"));
    assert!(!page.contains("NaN"));
    settings.stream.contexts = vec![vec![0, 1]; 30];
    settings.stream.iterations = 1000;
    settings.training.seeds.truncate(1);
    for copy in 0..6 {
        let mut method = settings.methods[3].clone();
        method.name = format!("copy-{copy}");
        method.label = format!("A copy of a method with a long name, number {copy}");
        settings.methods.push(method);
    }
    let (_, figures) = page_of(&synthetic::results(&settings));
    for (name, svg) in figures {
        assert!(svg.len() < 1_000_000, "{name} has {} bytes", svg.len());
    }
}

/// Every section has something below its heading.
#[test]
fn no_section_is_empty() {
    let mut settings = synthetic::small();
    settings.stream.contexts.truncate(1);
    let (page, _) = page_of(&synthetic::results(&settings));
    assert!(
        !page.contains("id=\"switches\""),
        "one context has no switch"
    );
    for section in page.split("</h2>").skip(1) {
        assert!(!section.trim_start().starts_with("</section>"), "{section}");
    }
}

/// Of a stream with many switches, every one is enlarged.
#[test]
fn every_switch_is_in_the_figure_of_switches() {
    let mut settings = synthetic::small();
    settings.stream.contexts = vec![vec![0, 1]; 12];
    let (_, figures) = page_of(&synthetic::results(&settings));
    let (_, svg) = figures
        .iter()
        .find(|(name, _)| name == "switches.svg")
        .expect("it");
    for switch in 1..12 {
        let title = format!(">{switch} → {}<", switch + 1);
        assert!(svg.contains(&title), "no {title}");
    }
}

/// If every task is evaluated: a panel for each task, and the accuracy matrix of each method.
#[test]
fn every_task_has_its_curves_and_the_matrix_is_drawn() {
    let mut settings = synthetic::small();
    settings.evaluation.tasks = EvaluatedTasks::All;
    let mut results = synthetic::results(&settings);
    for record in results
        .runs
        .iter_mut()
        .flat_map(|run| &mut run.history.records)
    {
        let test = record.test.expect("it was evaluated");
        record.later_tasks = vec![test; record.context - 1];
    }
    let (page, figures) = page_of(&results);
    let find = |name: &str| {
        let found = figures.iter().find(|(of, _)| of == name);
        found.unwrap_or_else(|| panic!("no {name}")).1.as_str()
    };
    let tasks = find("tasks.svg");
    for task in 1..=settings.stream.count() {
        assert!(tasks.contains(&format!(">task {task}<")), "no task {task}");
    }
    let matrix = find("accuracy-matrix.svg");
    for method in &settings.methods {
        assert!(matrix.contains(&format!(">{}: accuracy (%)<", method.label)));
    }
    // A cell for each context and task, and the ten steps of the scale, of each method, and the background.
    let map = settings.stream.count() * settings.stream.count() + 10;
    assert_eq!(
        matrix.matches("<rect").count(),
        map * settings.methods.len() + 1
    );
    assert!(page.contains(tasks) && page.contains(matrix));
}

/// The points of a figure in the page are those that are drawn: the mean over the seeds of the records.
#[test]
fn the_points_of_a_figure_are_those_of_the_records() {
    let results = synthetic::results(&synthetic::small());
    let (page, _) = page_of(&results);
    let figure = enlarged(&page, "accuracy");
    let [panel] = figure["panels"].as_array().expect("panels").as_slice() else {
        panic!("{figure}")
    };
    assert_eq!(
        panel["series"].as_array().expect("lines").len(),
        results.settings.methods.len()
    );
    let line = &panel["series"][0];
    assert_eq!(line["label"], results.settings.methods[0].label.as_str());
    let own = results
        .runs
        .iter()
        .filter(|run| run.method == results.settings.methods[0].name);
    let own: Vec<_> = own.collect();
    for (at, place) in panel["places"]
        .as_array()
        .expect("places")
        .iter()
        .enumerate()
    {
        assert_eq!(place.as_f64(), Some(at as f64 + 1.0));
        let accuracy = |run: &&&Run| run.history.records[at].test.expect("evaluated").accuracy;
        let mean = 100.0 * own.iter().map(|run| accuracy(&run)).sum::<f64>() / own.len() as f64;
        let drawn = line["y"][at].as_f64().expect("a number");
        assert!((drawn - mean).abs() <= 1e-5 * mean, "{drawn}, not {mean}");
    }
}

/// The dotted lines of a figure: the smallest point of each context from the second on.
#[test]
fn the_minima_after_switches_are_in_the_enlarged_figure() {
    let results = synthetic::results(&synthetic::small());
    let (page, _) = page_of(&results);
    let figure = enlarged(&page, "accuracy");
    // Two contexts of four iterations.
    for line in figure["panels"][0]["series"].as_array().expect("lines") {
        let points = line["y"].as_array().expect("values")[4..].iter();
        let least = points.map(|y| y.as_f64().expect("a number"));
        let least = least.fold(f64::INFINITY, f64::min);
        assert_eq!(line["floors"], serde_json::json!([[5.0, 8.0, least]]));
    }
    let loss = enlarged(&page, "loss");
    assert!(loss["panels"][0]["series"][0]["floors"].is_null());
}

#[test]
fn several_directories_share_one_page() {
    let folder = TempDir::new().unwrap();
    let dirs: Vec<PathBuf> = ["first", "second"]
        .map(|name| folder.path().join(name))
        .to_vec();
    let mut settings = synthetic::split_mnist();
    settings.stream.iterations = 20;
    write_all(&dirs[0], &synthetic::results(&settings));
    settings.gain.eta = 0.1;
    settings.methods.truncate(2);
    write_all(&dirs[1], &synthetic::results(&settings));
    let out = folder.path().join("both.html");
    compare::<StabilityGap>(&dirs, &out).unwrap();
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.contains("Split-MNIST: 2 runs compared"));
    assert!(page.contains("eta = 0.4") && page.contains("eta = 0.1"));
    assert_fetches_nothing(&without_script(&page));
    let mut unique = ids(&page);
    let count = unique.len();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), count, "an id is there twice");

    let again = compare::<StabilityGap>(&dirs, &out)
        .unwrap_err()
        .to_string();
    assert!(
        again.contains("both.html") && again.contains("exists already"),
        "{again}"
    );
    assert!(
        compare::<StabilityGap>(&[], &folder.path().join("none.html"))
            .unwrap_err()
            .is_usage()
    );
    let missing = compare::<StabilityGap>(
        &[folder.path().join("third")],
        &folder.path().join("none.html"),
    );
    assert!(missing.unwrap_err().to_string().contains("third"));
}

/// The colours of an accuracy matrix span the whole per cents around the accuracies, the same in every run of a page, and
/// the bar below each map says so.
#[test]
fn heat_maps_of_a_page_share_one_stated_scale() {
    let folder = TempDir::new().unwrap();
    let write = |(name, eta, accuracies): (&str, f32, [f64; 2])| {
        let mut settings = synthetic::small();
        settings.evaluation.tasks = EvaluatedTasks::All;
        settings.gain.eta = eta;
        let mut results = synthetic::results(&settings);
        for record in synthetic::records(&mut results) {
            let mut test = record.test.expect("it was evaluated");
            test.accuracy = accuracies[0];
            record.test = Some(test);
            test.accuracy = accuracies[1];
            record.later_tasks = vec![test; record.context - 1];
        }
        let dir = folder.path().join(name);
        write_all(&dir, &results);
        dir
    };
    let dirs = [("one", 0.1, [0.9625, 0.975]), ("two", 0.2, [0.91, 0.96])].map(write);
    let alone = fs::read_to_string(dirs[0].join("figures/accuracy-matrix.svg")).unwrap();
    assert!(alone.contains("goes from 96 to 98 %"));
    assert!(alone.contains(">96</text>") && alone.contains(">98</text>"));
    let out = folder.path().join("page.html");
    compare::<StabilityGap>(&dirs, &out).unwrap();
    let page = fs::read_to_string(&out).unwrap();
    for id in ["accuracy-matrix-1", "accuracy-matrix-2"] {
        let start = format!("<svg id=\"neurogain-{id}\"");
        let (_, figure) = page.split_once(&start).expect("a figure");
        let (figure, _) = figure.split_once("</svg>").expect("its end");
        assert!(figure.contains("goes from 91 to 98 %"), "{id}");
        assert!(figure.contains(">91</text>") && figure.contains(">98</text>"));
    }
}

/// Seventeen lines are distinct in the enlarged figure as in the printed one: by colour, dash and marker.
#[test]
fn enlarged_lines_are_those_of_the_printed_figure() {
    let mut settings = synthetic::small();
    settings.training.seeds.truncate(1);
    for copy in settings.methods.len()..17 {
        let mut method = settings.methods[3].clone();
        method.name = format!("copy-{copy}");
        method.label = format!("copy {copy}");
        settings.methods.push(method);
    }
    let (page, figures) = page_of(&synthetic::results(&settings));
    let figure = enlarged(&page, "accuracy");
    let lines = figure["panels"][0]["series"].as_array().expect("lines");
    assert_eq!(lines.len(), 17);
    let (_, printed) = figures
        .iter()
        .find(|(name, _)| name == "accuracy.svg")
        .expect("a figure");
    let mut known = Vec::new();
    for line in lines {
        let dash = line["dash"].as_array().expect("lengths");
        let dash: Vec<String> = dash.iter().map(ToString::to_string).collect();
        let dash = match dash.is_empty() {
            true => String::new(),
            false => format!(" stroke-dasharray=\"{}\"", dash.join(" ")),
        };
        let colour = line["colour"][0].as_str().expect("a colour");
        let stroke = format!("stroke=\"{colour}\" stroke-width=\"2\"{dash}/>");
        assert!(printed.contains(&stroke), "no {stroke}");
        let style = (stroke, line["marker"].to_string());
        assert!(!known.contains(&style), "{style:?} is there twice");
        known.push(style);
    }
    // The script draws these, in the plot and in its legend.
    for part in ["line.dash.map(", "label.prepend(swatch(line"] {
        assert!(page.contains(part), "no {part} in the script");
    }
}

/// The points of the figure called `name`, for the page's script.
fn enlarged(page: &str, name: &str) -> serde_json::Value {
    let start = format!("<svg id=\"neurogain-{name}\"");
    let (_, after) = page.split_once(&start).expect("a figure");
    let (_, points) = after
        .split_once("<script type=\"application/json\">")
        .expect("points");
    let (points, _) = points.split_once("</script>").expect("their end");
    serde_json::from_str(points).expect("JSON")
}

/// Curves of runs have no CSV, because the records have their numbers; other figures have one.
#[test]
fn only_figures_with_numbers_of_their_own_have_a_csv() {
    let mut settings = synthetic::small();
    settings.evaluation.tasks = EvaluatedTasks::All;
    let mut results = synthetic::results(&settings);
    for record in synthetic::records(&mut results) {
        let test = record.test.expect("it was evaluated");
        record.later_tasks = vec![test; record.context - 1];
    }
    let (_, figures) = page_of(&results);
    let with = |ending: &str| {
        let names = figures
            .iter()
            .filter_map(|(name, _)| name.strip_suffix(ending));
        names.map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(with(".csv"), ["accuracy-matrix"]);
    let drawn = [
        "accuracy-matrix",
        "accuracy",
        "gain",
        "loss",
        "switches",
        "tasks",
    ];
    assert_eq!(with(".svg"), drawn);
    assert!(figures.iter().all(|(_, text)| !text.is_empty()));
}
