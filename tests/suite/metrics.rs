//! Metrics: hand-computed histories, and their definitions on random histories.

use neurogain::Error;
use neurogain::metrics::{
    StabilityGap, continual, stability_gap, stability_gap_of_mean, summarize,
};
use proptest::prelude::*;

fn close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= 1e-12 || (found.is_nan() && expected.is_nan()),
        "found {found}, expected {expected}"
    );
}

fn all_close(found: &[f64], expected: &[f64]) {
    assert_eq!(
        found.len(),
        expected.len(),
        "{found:?} against {expected:?}"
    );
    for (f, e) in found.iter().zip(expected) {
        close(*f, *e);
    }
}

#[test]
fn hand_computed_history_of_three_contexts() {
    let accuracy = [0.4, 0.8, 0.8, 0.2, 0.6, 0.792, 0.5, 0.45, 0.9];
    let contexts = [1, 1, 2, 2, 2, 2, 3, 3, 3];
    let found = stability_gap(&accuracy, &contexts).unwrap();
    all_close(&found.final_accuracy, &[0.8, 0.792, 0.9]);
    all_close(&found.minimum_accuracy, &[0.4, 0.2, 0.45]);
    all_close(&found.gap, &[0.75, (0.792 - 0.45) / 0.792]);
    // 0.792 is exactly 0.99·0.8; the 0.8 right after the switch, before the drop, is not a recovery.
    assert_eq!(found.recovery, [Some(4), Some(3)]);
    close(found.average_accuracy, (0.8 + 0.792 + 0.9) / 3.0);
    close(found.average_minimum_accuracy, 0.325);
    close(found.worst_case_accuracy, 0.3 + 2.0 / 3.0 * 0.325);
    close(found.average_gap, (0.75 + 0.342 / 0.792) / 2.0);
}

#[test]
fn recovery_is_from_the_first_fall() {
    // Recovered at the third iteration; the later, deeper drop is a separate one.
    let accuracy = [1.0, 0.995, 0.9, 0.995, 0.5, 0.6];
    let found = stability_gap(&accuracy, &[1, 2, 2, 2, 2, 2]).unwrap();
    assert_eq!(found.recovery, [Some(3)]);
    all_close(&found.gap, &[0.5]);
}

#[test]
fn one_context_has_no_gap() {
    let found = stability_gap(&[0.1, 0.7], &[1, 1]).unwrap();
    assert!(found.gap.is_empty());
    assert!(found.recovery.is_empty());
    close(found.average_accuracy, 0.7);
    close(found.worst_case_accuracy, 0.7);
    assert!(found.average_minimum_accuracy.is_nan() && found.average_gap.is_nan());
}

#[test]
fn nothing_to_lose_is_no_gap() {
    let found = stability_gap(&[0.0, 0.5, 0.25], &[1, 2, 3]).unwrap();
    all_close(&found.gap, &[0.0, 0.5]);
    assert_eq!(found.recovery, [Some(0), None]);
}

#[test]
fn a_rise_is_a_negative_gap_and_needs_no_recovery() {
    let found = stability_gap(&[0.5, 0.6, 0.8], &[1, 2, 2]).unwrap();
    all_close(&found.gap, &[-0.2]);
    assert_eq!(found.recovery, [Some(0)]);
}

#[test]
fn the_minimum_of_the_mean_is_not_the_mean_of_the_minima() {
    let contexts = [1, 2, 2, 2];
    let (first, second) = ([1.0, 0.2, 1.0, 1.0], [1.0, 1.0, 0.4, 1.0]);
    let of_mean = stability_gap_of_mean(&[&first, &second], &contexts).unwrap();
    all_close(&of_mean.minimum_accuracy, &[1.0, 0.6]);
    close(of_mean.average_gap, 0.4);
    let gaps = [&first, &second].map(|c| stability_gap(c, &contexts).unwrap().average_gap);
    close(summarize(&gaps).mean, 0.7);
}

#[test]
fn wrong_histories_are_errors_that_name_what_is_wrong() {
    let message = |accuracy: &[f64], contexts: &[usize]| {
        stability_gap(accuracy, contexts).unwrap_err().to_string()
    };
    assert!(message(&[0.5], &[1, 1]).contains("1 accuracies, 2 contexts"));
    assert!(message(&[], &[]).contains("at least one iteration"));
    assert!(message(&[0.5], &[2]).contains("context of iteration 1 = 2: expected 1"));
    assert!(message(&[0.5], &[0]).contains("context of iteration 1 = 0"));
    assert!(message(&[0.5, 0.5], &[1, 3]).contains("context of iteration 2 = 3: expected 1 or 2"));
    assert!(message(&[0.5; 3], &[1, 2, 1]).contains("context of iteration 3 = 1: expected 2 or 3"));
    assert!(message(&[0.5, f64::NAN], &[1, 1]).contains("accuracy of iteration 2 = NaN"));
    assert!(message(&[f64::INFINITY], &[1]).contains("accuracy of iteration 1 = inf"));
    let uneven = stability_gap_of_mean(&[&[0.5], &[0.5, 0.5]], &[1]).unwrap_err();
    assert!(matches!(&uneven, Error::Shape { found, .. } if found == "2 in curve 2"));
    assert!(stability_gap_of_mean(&[], &[1]).is_err());
}

#[test]
fn summaries_of_hand_values() {
    let found = summarize(&[2.0, 4.0, 4.0, 6.0]);
    assert_eq!(found.count, 4);
    close(found.mean, 4.0);
    close(found.standard_deviation, (8.0f64 / 3.0).sqrt());
    close(found.standard_error, (2.0f64 / 3.0).sqrt());
    let one = summarize(&[3.0]);
    assert_eq!((one.count, one.mean, one.standard_deviation), (1, 3.0, 0.0));
    let none = summarize(&[]);
    assert!(none.count == 0 && none.mean.is_nan() && none.standard_deviation.is_nan());
}

/// The definitions, context by context, independent of the library.
fn naive(accuracy: &[f64], contexts: &[usize]) -> StabilityGap {
    let k = *contexts.last().unwrap();
    let of = |t: usize| -> Vec<f64> {
        let both = accuracy.iter().zip(contexts);
        both.filter(|(_, c)| **c == t).map(|(a, _)| *a).collect()
    };
    let a: Vec<f64> = (1..=k).map(|t| *of(t).last().unwrap()).collect();
    let m: Vec<f64> = (1..=k)
        .map(|t| of(t).into_iter().fold(f64::INFINITY, f64::min))
        .collect();
    let mut gap = Vec::new();
    let mut recovery = Vec::new();
    for t in 1..k {
        let before = a[t - 1];
        gap.push(if before == 0.0 {
            0.0
        } else {
            (before - m[t]) / before
        });
        let mut fallen = false;
        let mut back = None;
        for (index, value) in of(t + 1).into_iter().enumerate() {
            fallen |= value < 0.99 * before;
            if fallen && value >= 0.99 * before && back.is_none() {
                back = Some(index + 1);
            }
        }
        recovery.push(if m[t] >= 0.99 * before { Some(0) } else { back });
    }
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let worst = match k {
        1 => a[0],
        _ => a[k - 1] / k as f64 + (1.0 - 1.0 / k as f64) * mean(&m[1..]),
    };
    StabilityGap {
        average_accuracy: mean(&a),
        average_minimum_accuracy: mean(&m[1..]),
        worst_case_accuracy: worst,
        average_gap: mean(&gap),
        final_accuracy: a,
        minimum_accuracy: m,
        gap,
        recovery,
    }
}

fn assert_same(found: &StabilityGap, expected: &StabilityGap) {
    all_close(&found.final_accuracy, &expected.final_accuracy);
    all_close(&found.minimum_accuracy, &expected.minimum_accuracy);
    all_close(&found.gap, &expected.gap);
    assert_eq!(found.recovery, expected.recovery);
    close(found.average_accuracy, expected.average_accuracy);
    close(
        found.average_minimum_accuracy,
        expected.average_minimum_accuracy,
    );
    close(found.worst_case_accuracy, expected.worst_case_accuracy);
    close(found.average_gap, expected.average_gap);
}

/// Context lengths, and curves over them whose values repeat, so that ties and exact zeros occur.
fn histories() -> impl Strategy<Value = (Vec<Vec<f64>>, Vec<usize>)> {
    let lengths = prop::collection::vec(1usize..8, 1..6);
    (lengths, 1usize..5).prop_flat_map(|(lengths, seeds)| {
        let contexts: Vec<usize> = (1..)
            .zip(&lengths)
            .flat_map(|(context, length)| vec![context; *length])
            .collect();
        let value = (0u32..=50).prop_map(|v| f64::from(v) / 50.0);
        let curve = prop::collection::vec(value, contexts.len());
        (prop::collection::vec(curve, seeds), Just(contexts))
    })
}

proptest! {
    #[test]
    fn random_histories_follow_the_definition((curves, contexts) in histories()) {
        for curve in &curves {
            let found = stability_gap(curve, &contexts).unwrap();
            assert_same(&found, &naive(curve, &contexts));
        }
        let slices: Vec<&[f64]> = curves.iter().map(Vec::as_slice).collect();
        let of_mean = stability_gap_of_mean(&slices, &contexts).unwrap();
        let mean: Vec<f64> = (0..contexts.len())
            .map(|i| curves.iter().map(|c| c[i]).sum::<f64>() / curves.len() as f64)
            .collect();
        assert_same(&of_mean, &naive(&mean, &contexts));
        for (t, minimum) in of_mean.minimum_accuracy.iter().enumerate() {
            let minima = curves.iter().map(|c| naive(c, &contexts).minimum_accuracy[t]);
            prop_assert!(*minimum >= minima.sum::<f64>() / curves.len() as f64 - 1e-12);
        }
    }
}

/// Two tasks that swap; every number is computed by hand from the definitions.
#[test]
fn measures_over_every_task_are_their_definitions() {
    let accuracies: [&[f64]; 6] = [
        &[0.8],
        &[0.9],
        &[0.4, 0.5],
        &[0.7, 0.9],
        &[0.3, 0.6, 0.2],
        &[0.6, 0.8, 1.0],
    ];
    let found = continual(&accuracies, &[1, 1, 2, 2, 3, 3]).unwrap();
    let matrix = [vec![0.9], vec![0.7, 0.9], vec![0.6, 0.8, 1.0]];
    assert_eq!(found.accuracy_matrix, matrix);
    close(found.average_accuracy, 0.8);
    // Task 1 was best at 0.9, task 2 at 0.9.
    close(found.forgetting, (0.3 + 0.1) / 2.0);
    close(found.backward_transfer, -(0.3 + 0.1) / 2.0);
    // Task 1 dropped to 0.3, task 2 after its own context to 0.6.
    close(found.minimum_accuracy, 0.45);
    close(found.worst_case_accuracy, 1.0 / 3.0 + 2.0 / 3.0 * 0.45);

    let one = continual(&[[0.5]], &[1]).unwrap();
    assert!(one.forgetting.is_nan() && one.minimum_accuracy.is_nan());
    assert_eq!(one.worst_case_accuracy, 0.5);
}

#[test]
fn accuracies_that_do_not_fit_the_contexts_are_refused() {
    let none: [&[f64]; 0] = [];
    assert!(continual(&none, &[]).is_err());
    let cases: [(&[&[f64]], &[usize]); 5] = [
        (&[&[0.5]], &[1, 1]),
        (&[&[0.5], &[0.5]], &[1, 2]),
        (&[&[0.5, 0.5]], &[2]),
        (&[&[f64::NAN]], &[1]),
        (&[&[]], &[0]),
    ];
    for (accuracies, contexts) in cases {
        assert!(continual(accuracies, contexts).is_err(), "{accuracies:?}");
    }
}
