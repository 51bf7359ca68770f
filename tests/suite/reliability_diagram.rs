//! The reliability diagram draws every bin, with the bins' numbers.
#![cfg(feature = "report")]

use neurogain::metrics::{CALIBRATION_BINS, Calibration, calibration};
use neurogain::report::{Drawing, reliability_diagram};
use neurogain::rng::{Purpose, RandomStream};
use rand::RngExt;

/// Confident predictions whose accuracy is below their confidence by `over`.
fn overconfident(over: f64) -> Calibration {
    let mut stream = RandomStream::new(1, Purpose::User, 0);
    let samples: Vec<(f64, bool)> = (0..4000)
        .map(|_| {
            let confidence = 1.0 - 0.7 * stream.random::<f64>() * stream.random::<f64>();
            (confidence, stream.random::<f64>() < confidence - over)
        })
        .collect();
    calibration(&samples).unwrap()
}

fn drawn(labels: &[&str], calibrations: &[Calibration]) -> Drawing {
    let both: Vec<(&str, &Calibration)> = labels.iter().copied().zip(calibrations).collect();
    reliability_diagram("reliability", "Calibration", &both).unwrap()
}

#[test]
fn every_bin_has_a_bar_and_a_line_of_numbers() {
    let measured = [overconfident(0.15)];
    let drawing = drawn(&["attention"], &measured);
    let full = measured[0].bins.iter().filter(|bin| bin.count > 0).count();
    // A bar of accuracy and one of the histogram.
    assert_eq!(drawing.svg.matches("<polygon").count(), 2 * full);
    let error = format!("{:.1} %", 100.0 * measured[0].expected_error);
    assert!(drawing.svg.contains(&format!("ECE {error}")), "{error}");
    assert!(drawing.svg.contains(&format!("attention {error}.</desc>")));

    let lines: Vec<Vec<&str>> = drawing
        .csv
        .lines()
        .map(|l| l.split(',').collect())
        .collect();
    assert_eq!(
        lines[0],
        ["label", "from", "to", "count", "confidence", "accuracy"]
    );
    assert_eq!(lines.len(), 1 + CALIBRATION_BINS);
    for (line, bin) in lines[1..].iter().zip(&measured[0].bins) {
        assert_eq!(line[3].parse(), Ok(bin.count));
        assert_eq!(line[4].parse().ok(), bin.confidence);
        assert_eq!(line[5].parse().ok(), bin.accuracy);
    }
    assert_eq!((lines[1][1], lines[15][2]), ("0.0", "1.0"));
}

#[test]
fn many_methods_are_drawn_beside_and_below_each_other() {
    let measured: Vec<Calibration> = (0..5).map(|i| overconfident(0.05 * f64::from(i))).collect();
    let drawing = drawn(&["a", "b", "c", "d", "e"], &measured);
    for calibration in &measured {
        let error = format!("ECE {:.1} %", 100.0 * calibration.expected_error);
        assert!(drawing.svg.contains(&error), "{error}");
    }
    assert_eq!(drawing.csv.lines().count(), 1 + 5 * CALIBRATION_BINS);
    assert_eq!(drawing.svg.matches("accuracy (%)").count(), 2);
}

#[test]
fn the_same_numbers_give_the_same_bytes() {
    let measured = [overconfident(0.1), overconfident(0.0)];
    assert_eq!(drawn(&["a", "b"], &measured), drawn(&["a", "b"], &measured));
}

#[test]
fn labels_cannot_break_the_drawing() {
    let hostile = "</svg><script>&\"\u{7}";
    let drawing = drawn(&[hostile], &[overconfident(0.1)]);
    assert!(!drawing.svg.contains("<script"));
    assert!(drawing.svg.trim_end().ends_with("</svg>"));
    assert_eq!(drawing.svg.matches("</svg>").count(), 1);
}

#[test]
fn nothing_to_draw_is_an_error_and_odd_bins_are_not() {
    let error = reliability_diagram("reliability", "none", &[]).unwrap_err();
    assert!(
        error.to_string().contains("at least one calibration"),
        "{error}"
    );
    let empty = Calibration {
        bins: Vec::new(),
        expected_error: f64::NAN,
    };
    assert!(drawn(&["empty"], &[empty]).svg.starts_with("<svg"));
}

/// Writes the drawings to `NEUROGAIN_FIGURES`, for visual inspection.
#[test]
#[ignore = "for the eye"]
fn drawings_to_look_at() {
    let folder = std::env::var("NEUROGAIN_FIGURES").expect("NEUROGAIN_FIGURES names a folder");
    let measured: Vec<Calibration> = (0..5).map(|i| overconfident(0.05 * f64::from(i))).collect();
    let labels = [
        "comodulation",
        "attention",
        "hard sharing",
        "fine-tuning",
        "shuffled gains",
    ];
    for count in [1, 2, 3, 5] {
        let drawing = drawn(&labels[..count], &measured);
        let path = std::path::Path::new(&folder).join(format!("reliability-{count}.svg"));
        std::fs::write(path, drawing.svg).unwrap();
    }
}
