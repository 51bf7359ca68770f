//! Calibration: hand-computed bins, and mathematical properties.

use neurogain::metrics::{
    CALIBRATION_BINS, Calibration, calibration, merged_calibration, softmax_confidences,
};
use neurogain::rng::{Purpose, RandomStream};
use proptest::prelude::*;
use rand::RngExt;

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-12, "{found}, not {expected}");
}

/// The bin that contains all of `samples`.
#[track_caller]
fn only_bin(confidence: f64) -> usize {
    let found = calibration(&[(confidence, true)]).unwrap();
    let full: Vec<usize> = (0..CALIBRATION_BINS)
        .filter(|&bin| found.bins[bin].count > 0)
        .collect();
    assert_eq!(full.len(), 1, "{confidence}");
    full[0]
}

#[test]
fn bins_by_hand() {
    let samples = [
        (0.95, true),
        (0.97, false),
        (0.99, true),
        (0.50, false),
        (0.52, true),
    ];
    let Calibration {
        bins,
        expected_error,
    } = calibration(&samples).unwrap();
    assert_eq!(bins.len(), 15);
    // (14/15, 1] and (7/15, 8/15].
    assert_eq!((bins[14].count, bins[7].count), (3, 2));
    close(bins[14].confidence.unwrap(), 0.97);
    close(bins[14].accuracy.unwrap(), 2.0 / 3.0);
    close(bins[7].confidence.unwrap(), 0.51);
    close(bins[7].accuracy.unwrap(), 0.5);
    assert!(bins[0].confidence.is_none() && bins[0].accuracy.is_none());
    let error = 0.6 * (0.97 - 2.0 / 3.0) + 0.4 * 0.01;
    close(expected_error, error);
}

/// Bin i is (i/15, (i + 1)/15].
#[test]
fn an_edge_belongs_to_the_bin_below_it() {
    for bin in 0..CALIBRATION_BINS {
        let edge = (bin + 1) as f64 / 15.0;
        assert_eq!(only_bin(edge), bin, "edge {edge}");
        assert_eq!(only_bin(edge.next_down()), bin, "below {edge}");
        if bin < 14 {
            assert_eq!(only_bin(edge.next_up()), bin + 1, "above {edge}");
        }
    }
    assert_eq!(only_bin(0.0), 0);
    assert_eq!(only_bin(f64::MIN_POSITIVE), 0);
    assert_eq!(only_bin(1.0), 14);
}

#[test]
fn certainty_is_right_or_wrong() {
    assert_eq!(calibration(&[(1.0, true); 9]).unwrap().expected_error, 0.0);
    assert_eq!(calibration(&[(1.0, false); 9]).unwrap().expected_error, 1.0);
}

/// n samples, each correct with the probability of its confidence; confidences uniform in (0, 1).
fn calibrated(n: usize, seed: u64) -> f64 {
    let mut stream = RandomStream::new(seed, Purpose::User, n as u64);
    let samples: Vec<(f64, bool)> = (0..n)
        .map(|_| {
            let confidence: f64 = stream.random();
            (confidence, stream.random::<f64>() < confidence)
        })
        .collect();
    calibration(&samples).unwrap().expected_error
}

/// Each bin's sum of correct − confidence has the variance Σp(1 − p) ≤ n/60 on average (n/15 samples with
/// p(1 − p) ≤ ¼), so that E[ECE] ≤ Σ√(n/60)/n = 15/√(60n); its standard deviation is at most √(15·n/60)/n =
/// 1/√(4n). The bound is five of them above the mean: a correct program fails one of these once in about a million
/// choices of the streams, and the streams are fixed.
#[test]
fn the_error_of_perfect_confidences_goes_to_0() {
    for n in [100, 10_000, 1_000_000] {
        let bound = 15.0 / (60.0 * n as f64).sqrt() + 2.5 / (n as f64).sqrt();
        let found = calibrated(n, 1);
        assert!(found <= bound, "n = {n}: {found}, at most {bound}");
    }
    assert!(calibrated(1_000_000, 2) < 0.005);
}

/// With a constant overconfidence, ECE converges to it.
#[test]
fn a_constant_overconfidence_is_the_error() {
    let mut stream = RandomStream::new(3, Purpose::User, 0);
    let samples: Vec<(f64, bool)> = (0..400_000)
        .map(|_| {
            let confidence = 0.5 + 0.5 * stream.random::<f64>();
            (confidence, stream.random::<f64>() < confidence - 0.2)
        })
        .collect();
    // Standard error at most ½/√n = 0.0008; five of them.
    let found = calibration(&samples).unwrap().expected_error;
    assert!((found - 0.2).abs() < 0.004, "{found}");
}

fn samples() -> impl Strategy<Value = Vec<(f64, bool)>> {
    prop::collection::vec((0f64..=1.0, any::<bool>()), 1..80)
}

proptest! {
    #[test]
    fn the_order_of_the_samples_does_not_count(
        (samples, shuffled) in samples().prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle())),
    ) {
        let (found, other) = (calibration(&samples).unwrap(), calibration(&shuffled).unwrap());
        close(found.expected_error, other.expected_error);
        for (a, b) in found.bins.iter().zip(&other.bins) {
            prop_assert_eq!((a.count, a.accuracy), (b.count, b.accuracy));
        }
    }

    /// ECE is in [0, 1], at least the distance of the overall means (triangle inequality), and equals the definition.
    #[test]
    fn the_error_is_the_weighted_distance_of_the_bins(samples in samples()) {
        let found = calibration(&samples).unwrap();
        let n = samples.len() as f64;
        prop_assert!((0.0..=1.0).contains(&found.expected_error));
        let confidence = samples.iter().map(|s| s.0).sum::<f64>() / n;
        let accuracy = samples.iter().filter(|s| s.1).count() as f64 / n;
        prop_assert!(found.expected_error >= (confidence - accuracy).abs() - 1e-12);
        let mut error = 0.0;
        let mut counted = 0;
        for (i, bin) in found.bins.iter().enumerate() {
            counted += bin.count;
            if let (Some(confidence), Some(accuracy)) = (bin.confidence, bin.accuracy) {
                error += bin.count as f64 / n * (accuracy - confidence).abs();
                let edges = (i as f64 / 15.0 - 1e-12, (i + 1) as f64 / 15.0 + 1e-12);
                prop_assert!(edges.0 <= confidence && confidence <= edges.1);
            }
        }
        prop_assert_eq!(counted, samples.len() as u64);
        close(found.expected_error, error);
    }

    /// For lists of any lengths, such as of tasks with few samples and many.
    #[test]
    fn merged_diagrams_are_that_of_one_list(lists in prop::collection::vec(samples(), 1..6)) {
        let parts: Vec<Calibration> = lists.iter().map(|list| calibration(list).unwrap()).collect();
        let merged = merged_calibration(parts.iter().map(|part| &part.bins[..])).unwrap();
        let whole = calibration(&lists.concat()).unwrap();
        close(merged.expected_error, whole.expected_error);
        prop_assert_eq!(merged.bins.len(), whole.bins.len());
        for (a, b) in merged.bins.iter().zip(&whole.bins) {
            prop_assert_eq!(a.count, b.count);
            for (a, b) in [(a.confidence, b.confidence), (a.accuracy, b.accuracy)] {
                prop_assert_eq!(a.is_some(), b.is_some());
                close(a.unwrap_or(0.0), b.unwrap_or(0.0));
            }
        }
    }

    /// Adding a constant to a row's logits changes nothing; the confidence is the largest probability.
    #[test]
    fn softmax_confidences_are_the_largest_probability(
        row in prop::collection::vec(-30f32..30.0, 1..8), shift in -8i32..8, label in 0u8..8,
    ) {
        let classes = row.len();
        let label = label % classes as u8;
        let (confidence, correct) = softmax_confidences(classes, &row, &[label]).unwrap()[0];
        let total: f64 = row.iter().map(|z| f64::from(*z).exp()).sum();
        let probabilities: Vec<f64> = row.iter().map(|z| f64::from(*z).exp() / total).collect();
        let largest = probabilities.iter().copied().fold(0.0, f64::max);
        close(confidence, largest);
        prop_assert!(1.0 / classes as f64 - 1e-12 <= confidence && confidence <= 1.0);
        let first = row.iter().position(|z| *z == row.iter().copied().fold(f32::MIN, f32::max));
        prop_assert_eq!(correct, first == Some(usize::from(label)));
        // Halves up to 8 added to multiples of 2⁻¹⁰ are exact.
        let exact: Vec<f32> = row.iter().map(|z| (z * 1024.0).round() / 1024.0).collect();
        let shifted: Vec<f32> = exact.iter().map(|z| z + shift as f32 * 0.5).collect();
        prop_assert_eq!(
            softmax_confidences(classes, &exact, &[label]).unwrap(),
            softmax_confidences(classes, &shifted, &[label]).unwrap()
        );
    }
}

#[test]
fn nothing_merged_is_no_diagram() {
    assert_eq!(merged_calibration([]), None);
    assert_eq!(merged_calibration([&[][..]]), None);
    let one = calibration(&[(0.75, true)]).unwrap();
    assert_eq!(merged_calibration([&[][..], &one.bins]), Some(one));
}

#[test]
fn logits_far_apart_and_equal_logits() {
    let found = softmax_confidences(3, &[1e30, -1e30, 0.0, 2.0, 2.0, 2.0], &[0, 1]).unwrap();
    assert_eq!(found[0], (1.0, true));
    // Of equal logits the lowest class is predicted.
    close(found[1].0, 1.0 / 3.0);
    assert!(!found[1].1);
}

#[test]
fn what_is_no_probability_or_no_logit_is_an_error_that_names_it() {
    let refused = |samples: &[(f64, bool)], part: &str| {
        let error = calibration(samples).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(&[], "at least one sample");
    refused(&[(0.5, true), (1.5, true)], "confidence of sample 1 = 1.5");
    refused(&[(-0.1, true)], "a probability in [0, 1]");
    refused(&[(f64::NAN, true)], "confidence of sample 0 = NaN");
    let refused = |classes, logits: &[f32], labels: &[u8], part: &str| {
        let error = softmax_confidences(classes, logits, labels).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    };
    refused(2, &[0.0; 3], &[0, 1], "2 × 2 logits");
    refused(0, &[], &[], "classes > 0");
    refused(
        2,
        &[0.0, 0.0, 0.0, f32::INFINITY],
        &[0, 1],
        "logit 1 of sample 1 = inf",
    );
    refused(2, &[0.0, f32::NAN], &[0], "logit 1 of sample 0 = NaN");
    refused(2, &[0.0; 2], &[2], "label of sample 0 = 2");
}
