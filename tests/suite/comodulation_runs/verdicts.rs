//! The page's verdicts on the paper's findings, for differences of either sign.

use neurogain::run::{FilesOrigin, System};
use neurogain::systems::Comodulation;
use neurogain::systems::comodulation::{ComodulationRun, TaskMeasures};

use super::*;

/// The other method, the finding, its measure, and whether comodulation should have more of it.
type Finding = (
    &'static str,
    &'static str,
    fn(&mut TaskMeasures) -> &mut f64,
    bool,
);

const FINDINGS: [Finding; 7] = [
    (
        "attention",
        "higher accuracy than attention",
        |task| &mut task.accuracy,
        true,
    ),
    (
        "hard-sharing",
        "higher F1 than hard sharing",
        |task| &mut task.classes[1].f1,
        true,
    ),
    (
        "hard-sharing",
        "higher recall than hard sharing",
        |task| &mut task.classes[1].recall,
        true,
    ),
    (
        "hard-sharing",
        "lower precision than hard sharing",
        |task| &mut task.classes[1].precision,
        false,
    ),
    (
        "attention",
        "better calibration than attention",
        |task| &mut task.calibration_error,
        false,
    ),
    (
        "attention",
        "more separable classes than attention",
        |task| task.separability.get_or_insert(0.0),
        true,
    ),
    (
        "attention",
        "noise with fewer dimensions in the task-relevant subspace than attention",
        |task| task.subspace_participation_ratio.get_or_insert(0.0),
        false,
    ),
];

/// The page and the terminal's table of `cells` in which comodulation's measures are ½ plus these differences, seed
/// by seed, and every other method's are ½.
fn reported(
    settings: &ComodulationSettings,
    cells: &[AdaptationRun],
    differences: &[f64],
) -> [String; 2] {
    let mut legs = Vec::new();
    for (number, cell) in cells.iter().enumerate() {
        let mut cell = cell.clone();
        let own = match cell.method.as_str() {
            "comodulation" => differences[number % differences.len()],
            _ => 0.0,
        };
        for task in &mut cell.tasks {
            for (_, _, measure, _) in FINDINGS {
                *measure(task) = 0.5 + own;
            }
        }
        legs.push(Some(ComodulationRun::Adaptation(cell)));
    }
    let report =
        Comodulation::report(settings, &legs, &FilesOrigin::Unknown.into()).expect("a report");
    let mut files = report.files.into_iter();
    let page = files.find(|(path, _)| path == Path::new("report.html"));
    let (_, page) = page.expect("a page");
    [String::from_utf8(page).expect("UTF-8"), report.table]
}

#[test]
fn a_difference_is_told_by_its_sign_where_its_interval_excludes_0() {
    let methods = ["hard-sharing", "attention", "comodulation"];
    let changes = ["training.seeds=[1,2,3]", "adaptation.iterations=1"];
    let settings = tiny(&changes).with_methods(&methods).expect("methods");
    let cells = on_one_thread(&settings);
    let found = ["found here too", "the opposite is found here"];
    let undecided = "undecided here: the interval contains 0";
    for (differences, more, less, shown) in [
        // Resamples of three pairs range from the smallest difference to the largest.
        (
            [0.125, 0.25, 0.375],
            found[0],
            found[1],
            "+25.00 [+12.50, +37.50]",
        ),
        (
            [-0.375, -0.25, -0.125],
            found[1],
            found[0],
            "−25.00 [−37.50, −12.50]",
        ),
        (
            [-0.125, 0.25, 0.25],
            undecided,
            undecided,
            "+12.50 [−12.50, +25.00]",
        ),
        // An interval that ends at 0 contains it.
        (
            [0.0, 0.25, 0.5],
            undecided,
            undecided,
            "+25.00 [+0.00, +50.00]",
        ),
        (
            [0.0; 3],
            "no difference here",
            "no difference here",
            "+0.00 [+0.00, +0.00]",
        ),
    ] {
        let [page, table] = reported(&settings, &cells, &differences);
        for (other, finding, _, higher) in FINDINGS {
            let of_one_dimension = finding.contains("dimensions") && differences == [0.0; 3];
            let verdict = match (higher, of_one_dimension) {
                (true, _) => more.to_string(),
                (false, false) => less.to_string(),
                (false, true) => format!("{less} (the subspace of two classes has one dimension)"),
            };
            let line = format!("{finding}: <strong>{verdict}</strong>");
            assert!(page.contains(&line), "{line}, {differences:?}");
            let line = format!("comodulation − {other}: accuracy {shown} points");
            assert!(table.contains(&line), "{line}: {table}");
        }
    }
    // Two seeds give no interval, however different the methods are.
    let few = settings.clone().with_seeds(&[1, 2]).expect("seeds");
    let two: Vec<AdaptationRun> = cells.into_iter().filter(|cell| cell.seed < 3).collect();
    let [page, _] = reported(&few, &two, &[0.25, 0.375]);
    for (_, finding, _, _) in FINDINGS {
        let line = format!("{finding}: <strong>too few seeds for an interval</strong>");
        assert!(page.contains(&line), "{line}");
    }
}
