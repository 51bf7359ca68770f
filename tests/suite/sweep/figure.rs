//! The figure of a sweep, and its table of best cells.

use neurogain::learn::Evaluation;
use neurogain::systems::stability_gap::Run;

use super::*;

/// Collects a sweep, begun in `dir`, of synthetic results, which `change` may change by the place of their cell.
fn collected(dir: &Path, text: &str, change: impl Fn(usize, &mut Results)) -> Collected {
    let sweep = parse(text).unwrap();
    begin_sweep(dir, &sweep).unwrap();
    for (place, cell) in sweep.cells().iter().enumerate() {
        let mut results = synthetic::results(&cell.settings);
        change(place, &mut results);
        write_cell(&cell_directory(dir, cell), &results);
    }
    collect_sweep(dir).unwrap()
}

/// Lets a run diverge at iteration 3.
fn diverge(run: &mut Run) {
    run.history.records.truncate(3);
    run.status = Status::Diverged {
        iteration: 3,
        quantity: "train loss".into(),
        value: "NaN".into(),
    };
}

/// A sweep over numbers is drawn with one line per method; a sweep over texts only is not drawn. The best cell of each
/// method is given if every task was evaluated, by the measure over all of them.
#[test]
fn a_sweep_through_numbers_is_drawn_and_its_best_cells_are_told() {
    let folder = TempDir::new().unwrap();
    let collect = |name: &str, set: &str, grid: &str| {
        let text = format!(
            "base = \"split-digits\"\nmethods = [\"sgd\", \"ngm-sgd\"]\nseeds = [7, 8]\nset = [\"stream.iterations=4\"{set}]\n[grid]\n{grid}"
        );
        let (sweep, dir) = (parse(&text).unwrap(), folder.path().join(name));
        begin_sweep(&dir, &sweep).unwrap();
        for (place, cell) in sweep.cells().iter().enumerate() {
            let mut results = synthetic::results(&cell.settings);
            for record in synthetic::records(&mut results) {
                let test = record.test.unwrap();
                if set.contains("all") {
                    // The first cell is the better one.
                    let accuracy = 0.5 * test.accuracy / (place + 1) as f64;
                    let later = Evaluation { accuracy, ..test };
                    record.later_tasks = vec![later; record.context - 1];
                }
            }
            write_cell(&cell_directory(&dir, cell), &results);
        }
        let collected = collect_sweep(&dir).unwrap();
        let svg = collected
            .figure
            .as_ref()
            .map(|path| fs::read_to_string(path).unwrap());
        (
            collected.table,
            svg,
            fs::read_to_string(dir.join("sweep.csv")).unwrap(),
        )
    };
    let all = ", \"evaluation.tasks=all\"";
    let (table, svg, csv) = collect("numbers", all, "gain.eta = [0.1, 0.2]");
    let svg = svg.expect("a figure");
    for part in ["NGM-SGD", "gain.eta", "ACC, all tasks (%)", "avg-SG"] {
        assert!(svg.contains(part), "no {part:?}");
    }
    let best: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("best of 2"))
        .collect();
    assert_eq!(best.len(), 2, "{table}");
    assert!(
        best.iter().all(|line| line.contains(": gain.eta = 0.1 (")),
        "{best:?}"
    );
    assert!(
        csv.lines()
            .next()
            .unwrap()
            .contains("every_task_worst_case_accuracy_mean")
    );

    let (table, svg, _) = collect("wide", "", "training.learning_rate = [0.001, 0.1]");
    let svg = svg.expect("a figure");
    for part in [">training.learning_rate<", ">0.001<", ">0.1<"] {
        assert!(svg.contains(part), "no {part}");
    }
    assert!(
        !table.contains("best of"),
        "the first task alone tells no best: {table}"
    );
    // Panels have a title, above or, if there is no room, below.
    let kinds = "stream.replay.kind = [\"reservoir\", \"balanced\"]\nstream.replay.size = [10, 20]";
    let (table, svg, _) = collect("panels", "", kinds);
    let svg = svg.expect("a figure");
    for title in ["replay.kind = reservoir", "replay.kind = balanced"] {
        assert!(svg.contains(title), "no {title:?}");
    }
    let heading = table.lines().next().unwrap();
    assert!(heading.ends_with("gain at the end  seeds"), "{heading}");
    let many = "training.learning_rate = [0.01, 0.02, 0.03, 0.04]\ngain.eta = [0.1, 0.2]";
    let (_, svg, _) = collect("narrow", "", many);
    assert!(
        svg.expect("a figure")
            .contains("gain.eta; panels: training.learning_rate")
    );
    let (_, svg, _) = collect(
        "texts",
        "",
        "network.kind = [\"mlp\"]\nnetwork.hidden = [[4]]\nnetwork.hidden_standard_deviation = [0.1]\nnetwork.output_standard_deviation = [0.1]",
    );
    assert_eq!(svg, None);
}

/// A sweep over texts has markers that no line joins.
#[test]
fn a_sweep_through_names_is_drawn_without_lines() {
    let folder = TempDir::new().unwrap();
    let text = "base = \"split-digits\"\nmethods = [\"sgd\"]\nseeds = [7]\nset = [\"stream.iterations=4\"]\n[grid]\nstream.training = [\"joint\", \"sequential\"]";
    let found = collected(&folder.path().join("names"), text, |_, _| {});
    let figure = found.figure.expect("a figure");
    let svg = fs::read_to_string(figure).unwrap();
    assert!(
        svg.contains(">joint<") && svg.contains(">sequential<"),
        "{svg}"
    );
    assert!(
        svg.contains("<circle") && !svg.contains("stroke-width=\"2\""),
        "{svg}"
    );
}

/// The page has the differences between cells, seed by seed, and a link to each cell's report.
#[test]
fn the_page_has_differences_between_cells() {
    let folder = TempDir::new().unwrap();
    let text = "base = \"split-digits\"\nmethods = [\"sgd\"]\nseeds = [7, 8, 9]\nset = [\"stream.iterations=4\"]\n[grid]\ngain.eta = [0.1, 0.2]";
    let found = collected(
        &folder.path().join("differences"),
        text,
        |place, results| {
            let runs = results.runs.iter_mut();
            for record in runs.flat_map(|run| &mut run.history.records) {
                let test = record.test.as_mut().unwrap();
                test.accuracy = 0.5 + 0.25 * place as f64;
            }
        },
    );
    let page = fs::read_to_string(found.page).unwrap();
    assert!(
        page.contains("each cell minus <strong>gain.eta = 0.1</strong>"),
        "{page}"
    );
    assert!(page.contains("<td class=\"text\">gain.eta = 0.2</td>"));
    assert!(page.contains("+25.00 [+25.00, +25.00]"));
    assert!(page.contains("href=\"cells/002/report.html\""));
}

/// The mean of the seeds that did not diverge is not marked as the best of its cell.
#[test]
fn a_method_that_diverged_is_not_the_best() {
    let folder = TempDir::new().unwrap();
    let text = "base = \"split-digits\"\nmethods = [\"sgd\", \"ngm-sgd\"]\nseeds = [7, 8]\nset = [\"stream.iterations=4\"]\n[grid]\ngain.eta = [0.1, 0.2]";
    let found = collected(&folder.path().join("best"), text, |place, results| {
        for run in &mut results.runs {
            let ngm = run.method == "ngm-sgd";
            for record in &mut run.history.records {
                record.test.as_mut().unwrap().accuracy = if ngm { 0.75 } else { 0.5 };
            }
            if ngm && run.seed == 8 && place == 1 {
                diverge(run);
            }
        }
    });
    let page = fs::read_to_string(found.page).unwrap();
    let cells = |text: &str| page.matches(text).count();
    assert!(cells("<strong>75.00 ± 0.00</strong>") > 0, "{page}");
    assert!(cells("<td>75.00 (1 of 2 diverged)</td>") > 0, "{page}");
    assert!(cells("<strong>50.00 ± 0.00</strong>") > 0, "{page}");
    assert_eq!(cells("diverged)</strong>"), 0);
}

/// If runs of a value diverged, the row, the page and the figure say so, and the figure has no point there.
#[test]
fn a_value_whose_runs_diverged_is_named_and_not_drawn() {
    let folder = TempDir::new().unwrap();
    let text = "base = \"split-digits\"\nmethods = [\"sgd\", \"ngm-sgd\"]\nseeds = [7, 8]\nset = [\"stream.iterations=4\"]\n[grid]\ngain.eta = [0.1, 0.2, 0.3]";
    let drawn = |name: &str, diverges: &dyn Fn(&str, u64) -> bool| {
        let dir = folder.path().join(name);
        let found = collected(&dir, text, |place, results| {
            for run in &mut results.runs {
                if place == 2 && diverges(&run.method, run.seed) {
                    diverge(run);
                }
            }
        });
        let rows = fs::read_to_string(dir.join("sweep.csv")).unwrap();
        let svg = fs::read_to_string(found.figure.expect("a figure")).unwrap();
        (svg, rows)
    };
    let (svg, rows) = drawn("one", &|method, _| method == "ngm-sgd");
    assert!(rows.contains("\n3,0.3,ngm-sgd,diverged,0,2,"), "{rows}");
    assert!(rows.contains("\n3,0.3,sgd,complete,2,0,"), "{rows}");
    assert!(svg.contains(">NGM-SGD diverged: at 0.3<"), "{svg}");
    // Two strokes of a cross in the method's colour: in the legend, and on the axis of each measure.
    let strokes = |svg: &str, colour: &str| {
        let style = format!("stroke=\"{colour}\" stroke-width=\"2.5\"/>");
        svg.matches(&style).count()
    };
    let axes = svg.matches(">gain.eta</text>").count();
    assert!(axes > 1, "{svg}");
    assert_eq!(strokes(&svg, "#C85400"), 2 * (1 + axes), "{svg}");
    assert_eq!(strokes(&svg, "#0072B2"), 0, "SGD did not diverge");
    let page =
        |name: &str| fs::read_to_string(folder.path().join(name).join("sweep.html")).unwrap();
    assert!(page("one").contains("<td>diverged</td>"));
    // The enlarged figure has the cross and the sentence too.
    assert!(page("one").contains("\"text\":\"NGM-SGD diverged: at 0.3\""));
    assert!(page("one").contains("\"crosses\":[false,false,true]"));
    // One of two seeds: the mean of the other is drawn.
    let (svg, rows) = drawn("half", &|method, seed| method == "ngm-sgd" && seed == 8);
    assert!(rows.contains("\n3,0.3,ngm-sgd,incomplete,1,1,"), "{rows}");
    assert!(
        svg.contains(">NGM-SGD diverged: at 0.3 (1 of 2 seeds)<"),
        "{svg}"
    );
    assert!(page("half").contains("(1 of 2 diverged)"));
}

/// With two settings, the sentence on what diverged names the panel by its setting.
#[test]
fn what_diverged_in_a_panel_is_named_with_its_setting() {
    let folder = TempDir::new().unwrap();
    let text = "base = \"split-digits\"\nmethods = [\"sgd\"]\nseeds = [7]\nset = [\"stream.iterations=4\"]\n[grid]\ntraining.learning_rate = [0.1, 0.5]\ngain.eta = [0.1, 0.2]";
    let found = collected(&folder.path().join("panels"), text, |place, results| {
        if place >= 2 {
            diverge(&mut results.runs[0]);
        }
    });
    let page = fs::read_to_string(found.page).unwrap();
    let sentence = "SGD diverged: at 0.1, at 0.2 with learning_rate = 0.5";
    assert!(page.contains(&format!("\"text\":\"{sentence}\"")));
}

/// The headings of the page's tables have a row for each setting of the grid, with its key.
#[test]
fn headings_of_cells_have_the_keys_of_the_settings() {
    let folder = TempDir::new().unwrap();
    let text = "base = \"split-digits\"\nmethods = [\"sgd\"]\nseeds = [7]\nset = [\"stream.iterations=4\"]\n[grid]\ntraining.batch = [8, 16]\ngain.eta = [0.1, 0.2]";
    let dir = folder.path().join("heads");
    let collected = collected(&dir, text, |_, _| {});
    let page = fs::read_to_string(&collected.page).unwrap();
    for (key, values) in [
        ("training.batch", ["8", "8", "16", "16"]),
        ("gain.eta", ["0.1", "0.2", "0.1", "0.2"]),
    ] {
        let values = values.map(|value| format!("<th class=\"value\">{value}</th>"));
        let row = format!(
            "<tr><th scope=\"row\"><code>{key}</code></th>{}</tr>",
            values.concat()
        );
        assert!(page.contains(&row), "no {row}");
    }
    let csv = fs::read_to_string(dir.join("sweep.csv")).unwrap();
    assert!(csv.starts_with("cell,training.batch,gain.eta,method,"));
    let heading = collected.table.lines().next().unwrap_or_default();
    assert!(
        heading.starts_with("cell  training.batch  gain.eta  method"),
        "{heading}"
    );
}
