//! Precision, recall and F1: hand-computed cases, scikit-learn's conventions, and mathematical properties.

use neurogain::metrics::{Classification, Decisions, Scores, classification};
use proptest::prelude::*;

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-12, "{found}, not {expected}");
}

#[track_caller]
fn scores(found: Scores, [precision, recall, f1]: [f64; 3]) {
    close(found.precision, precision);
    close(found.recall, recall);
    close(found.f1, f1);
}

/// scikit-learn's documentation of `precision_recall_fscore_support` and `classification_report`:
/// y_true = [0, 1, 2, 2, 2], y_pred = [0, 0, 2, 2, 1].
#[test]
fn the_documented_report_of_scikit_learn() {
    let found = classification(3, &[0, 1, 2, 2, 2], &[0, 0, 2, 2, 1]).unwrap();
    assert_eq!(found.confusion, [[1, 0, 0], [1, 0, 0], [0, 1, 2]]);
    scores(found.classes[0], [0.5, 1.0, 2.0 / 3.0]);
    scores(found.classes[1], [0.0; 3]);
    scores(found.classes[2], [1.0, 2.0 / 3.0, 0.8]);
    scores(found.macro_average, [0.5, 5.0 / 9.0, 22.0 / 45.0]);
    close(found.accuracy, 0.6);
}

#[test]
fn what_is_0_over_0_is_0() {
    scores(Scores::new(0, 0, 0), [0.0; 3]);
    scores(Scores::new(0, 3, 0), [0.0; 3]);
    scores(Scores::new(0, 0, 3), [0.0; 3]);
    assert_eq!(Decisions::default().accuracy(), 0.0);
    assert!(Scores::mean(&[]).f1.is_nan());
}

#[test]
fn a_class_without_sample_and_prediction_does_not_count() {
    let (labels, predicted) = ([0, 1, 1], [0, 1, 0]);
    let two = classification(2, &labels, &predicted).unwrap();
    let five = classification(5, &labels, &predicted).unwrap();
    assert_eq!(five.macro_average, two.macro_average);
    scores(five.classes[4], [0.0; 3]);
    // A class that is predicted without occurring counts, with zeros.
    let wrong = classification(5, &labels, &[0, 1, 3]).unwrap();
    close(wrong.macro_average.recall, (1.0 + 0.5 + 0.0) / 3.0);
}

#[test]
fn one_class_alone_is_perfect() {
    let found = classification(1, &[0; 4], &[0; 4]).unwrap();
    scores(found.macro_average, [1.0; 3]);
    close(found.accuracy, 1.0);
}

#[test]
fn binary_decisions_by_hand() {
    let pairs = [
        (true, true),
        (true, true),
        (true, false),
        (false, true),
        (false, false),
    ];
    let found = Decisions::count(pairs);
    let expected = Decisions {
        true_positives: 2,
        false_positives: 1,
        false_negatives: 1,
        true_negatives: 1,
    };
    assert_eq!(found, expected);
    scores(found.scores(), [2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0]);
    close(found.accuracy(), 0.6);
    let mean = Scores::mean(&[found.scores(), Scores::new(1, 0, 0)]);
    scores(mean, [5.0 / 6.0; 3]);
}

#[test]
fn wrong_labels_are_errors_that_name_the_sample() {
    let refused = |classes, labels: &[u8], predicted: &[u8], part: &str| {
        let error = classification(classes, labels, predicted).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    };
    refused(2, &[], &[], "at least one");
    refused(2, &[0, 1], &[0], "2 and 1");
    refused(
        2,
        &[0, 2],
        &[0, 0],
        "label of sample 1 = 2: expected a class below 2",
    );
    refused(2, &[0, 1], &[3, 0], "prediction of sample 0 = 3");
    refused(0, &[0], &[0], "a class below 0");
    refused(usize::MAX, &[0], &[0], "at most 256");
}

/// Labels and predictions.
type Pairs = Vec<(u8, u8)>;

/// Labels and predictions of 2 to 6 classes, and a permutation of the samples.
fn samples() -> impl Strategy<Value = (usize, Pairs, Pairs)> {
    (2usize..7).prop_flat_map(|classes| {
        let class = 0..classes as u8;
        prop::collection::vec((class.clone(), class), 1..60).prop_flat_map(move |pairs| {
            let shuffled = Just(pairs.clone()).prop_shuffle();
            (Just(classes), Just(pairs), shuffled)
        })
    })
}

fn scored(classes: usize, pairs: &[(u8, u8)]) -> Classification {
    let (labels, predicted): (Vec<u8>, Vec<u8>) = pairs.iter().copied().unzip();
    classification(classes, &labels, &predicted).unwrap()
}

proptest! {
    #[test]
    fn the_order_of_the_samples_does_not_count((classes, pairs, shuffled) in samples()) {
        prop_assert_eq!(scored(classes, &pairs), scored(classes, &shuffled));
    }

    #[test]
    fn the_names_of_the_classes_do_not_count((classes, pairs, _) in samples()) {
        let last = classes as u8 - 1;
        let renamed: Vec<(u8, u8)> = pairs.iter().map(|(a, b)| (last - a, last - b)).collect();
        let (found, other) = (scored(classes, &pairs), scored(classes, &renamed));
        let reversed: Vec<Scores> = other.classes.iter().rev().copied().collect();
        prop_assert_eq!(&found.classes, &reversed);
        close(found.macro_average.f1, other.macro_average.f1);
    }

    /// Exchanging truth and prediction exchanges precision and recall, and keeps F1.
    #[test]
    fn truth_and_prediction_are_mirror_images((classes, pairs, _) in samples()) {
        let mirrored: Vec<(u8, u8)> = pairs.iter().map(|&(a, b)| (b, a)).collect();
        let (found, other) = (scored(classes, &pairs), scored(classes, &mirrored));
        for (a, b) in found.classes.iter().zip(&other.classes) {
            prop_assert_eq!((a.precision, a.recall, a.f1), (b.recall, b.precision, b.f1));
        }
        prop_assert_eq!(found.accuracy, other.accuracy);
    }

    /// One class against all others is a binary decision, and the confusion matrix counts every sample once.
    #[test]
    fn each_class_is_a_binary_decision((classes, pairs, _) in samples()) {
        let found = scored(classes, &pairs);
        for class in 0..classes as u8 {
            let decisions = Decisions::count(pairs.iter().map(|&(a, b)| (a == class, b == class)));
            prop_assert_eq!(decisions.scores(), found.classes[usize::from(class)]);
        }
        let counted: u64 = found.confusion.iter().flatten().sum();
        prop_assert_eq!(counted, pairs.len() as u64);
    }

    /// F1 is the harmonic mean, so between precision and recall.
    #[test]
    fn f1_lies_between_precision_and_recall(tp in 0u64..100, fp in 0u64..100, fne in 0u64..100) {
        let s = Scores::new(tp, fp, fne);
        let (low, high) = (s.precision.min(s.recall), s.precision.max(s.recall));
        prop_assert!(low - 1e-12 <= s.f1 && s.f1 <= high + 1e-12, "{:?}", s);
        if tp > 0 {
            close(s.f1, 2.0 / (1.0 / s.precision + 1.0 / s.recall));
        }
    }
}
