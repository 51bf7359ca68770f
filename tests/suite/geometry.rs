//! The geometry of activity: hand-computed cases, and invariances.

use neurogain::analysis::symmetric_eigen;
use neurogain::metrics::{ClassGeometry, class_geometry, informativeness, shares_near_zero};
use neurogain::rng::{Purpose, RandomStream};
use proptest::prelude::*;
use rand_distr::{Distribution, StandardNormal};

#[track_caller]
fn close(found: Option<f64>, expected: Option<f64>, tolerance: f64) {
    match (found, expected) {
        (Some(f), Some(e)) => assert!(
            (f - e).abs() <= tolerance * e.abs().max(1.0),
            "{f}, not {e}"
        ),
        _ => assert_eq!(found, expected),
    }
}

#[track_caller]
fn all_close(found: &ClassGeometry, expected: &ClassGeometry, tolerance: f64) {
    assert_eq!(
        (found.classes, found.dimension),
        (expected.classes, expected.dimension)
    );
    close(found.separability, expected.separability, tolerance);
    close(
        found.participation_ratio,
        expected.participation_ratio,
        tolerance,
    );
    close(
        found.subspace_participation_ratio,
        expected.subspace_participation_ratio,
        tolerance,
    );
}

/// Three classes in three dimensions: the means (0, 0, 0), (3, 0, 0), (0, 6, 0) of two samples each, which lie
/// ±1 apart along x, y and z. S_B: overall mean (1, 2, 0), squares 5, 8 and 17 over 3 = 10; within the plane x, y
/// the first two classes scatter by 1, the third not: ⅔. The noise has ⅓ in each of x, y, z: 3 dimensions, and 2
/// in the plane.
#[test]
fn three_classes_by_hand() {
    let activity = [
        [1.0, 0.0, 0.0],
        [-1.0, 0.0, 0.0],
        [3.0, 1.0, 0.0],
        [3.0, -1.0, 0.0],
        [0.0, 6.0, 1.0],
        [0.0, 6.0, -1.0],
    ];
    let found = class_geometry(3, activity.as_flattened(), &[4, 4, 0, 0, 9, 9]).unwrap();
    let expected = ClassGeometry {
        classes: 3,
        dimension: 2,
        separability: Some(15.0),
        participation_ratio: Some(3.0),
        subspace_participation_ratio: Some(2.0),
    };
    all_close(&found, &expected, 1e-12);
}

#[test]
fn one_class_has_noise_but_no_subspace() {
    let activity = [0.1, 1.0, 0.1, -1.0, 1.1, 0.0, -0.9, 0.0];
    let found = class_geometry(2, &activity, &[7; 4]).unwrap();
    assert_eq!((found.classes, found.dimension), (1, 0));
    assert_eq!(found.separability, Some(0.0));
    assert_eq!(found.subspace_participation_ratio, None);
    assert!(found.participation_ratio.is_some());
}

#[test]
fn one_sample_a_class_has_a_subspace_but_no_noise() {
    let found = class_geometry(2, &[1.0, 2.0, 3.0, 5.0, 0.1, 0.3], &[0, 1, 2]).unwrap();
    let expected = ClassGeometry {
        classes: 3,
        dimension: 2,
        separability: None,
        participation_ratio: None,
        subspace_participation_ratio: None,
    };
    assert_eq!(found, expected);
}

#[test]
fn noise_outside_the_subspace_alone_separates_beyond_any_number() {
    // Rotated by an angle whose sine is not an f32, so that rounding occurs.
    let (s, c) = (0.6, 0.8);
    let point = |x: f32, y: f32| [c * x - s * y, s * x + c * y];
    let activity = [
        point(-5.0, 1.0),
        point(-5.0, -1.0),
        point(5.0, 2.5),
        point(5.0, -2.5),
    ];
    let found = class_geometry(2, activity.as_flattened(), &[0, 0, 1, 1]).unwrap();
    assert_eq!(found.dimension, 1);
    // f32 resolves 10⁻⁷ of the activity: beyond 10¹² either way.
    assert!(found.separability.is_none_or(|j| j > 1e12), "{found:?}");
    close(found.participation_ratio, Some(1.0), 1e-6);
    // On the axes nothing is rounded.
    let axes = class_geometry(
        2,
        &[-5.0, 1.0, -5.0, -1.0, 5.0, 1.0, 5.0, -1.0],
        &[0, 0, 1, 1],
    );
    let axes = axes.unwrap();
    assert_eq!(
        (axes.separability, axes.subspace_participation_ratio),
        (None, None)
    );
}

#[test]
fn activity_that_never_changes_has_no_geometry() {
    let found = class_geometry(3, &[0.7; 12], &[0, 0, 1, 1]).unwrap();
    let expected = ClassGeometry {
        classes: 2,
        dimension: 0,
        separability: Some(0.0),
        participation_ratio: None,
        subspace_participation_ratio: None,
    };
    assert_eq!(found, expected);
    let found = class_geometry(3, &[0.0; 12], &[0, 0, 1, 1]).unwrap();
    assert_eq!(found, expected);
}

/// `samples` rows of normal numbers, each class with its own mean, and the labels.
fn random(samples: usize, features: usize, classes: u8, seed: u64) -> (Vec<f32>, Vec<u8>) {
    let mut stream = RandomStream::new(seed, Purpose::User, 0);
    let mut draw = || -> f32 { StandardNormal.sample(&mut stream) };
    let means: Vec<f32> = (0..usize::from(classes) * features)
        .map(|_| 2.0 * draw())
        .collect();
    let labels: Vec<u8> = (0..samples)
        .map(|i| (i % usize::from(classes)) as u8)
        .collect();
    let activity = labels
        .iter()
        .flat_map(|&c| (0..features).map(move |f| usize::from(c) * features + f))
        .map(|at| means[at] + draw())
        .collect();
    (activity, labels)
}

proptest! {
    /// Against the eigenvalues of the pooled covariance, and between 1 and the dimension.
    #[test]
    fn the_participation_ratio_is_that_of_the_eigenvalues(
        samples in 4usize..40, features in 1usize..9, classes in 1u8..4, seed: u64,
    ) {
        let (activity, labels) = random(samples, features, classes, seed);
        let found = class_geometry(features, &activity, &labels).unwrap();
        let rows: Vec<&[f32]> = activity.chunks(features).collect();
        let mut covariance = vec![0.0; features * features];
        for class in 0..classes {
            let of: Vec<_> = (0..samples).filter(|&i| labels[i] == class).collect();
            let mean = |f: usize| of.iter().map(|&i| f64::from(rows[i][f])).sum::<f64>() / of.len() as f64;
            for &i in &of {
                for a in 0..features {
                    for b in 0..features {
                        covariance[a * features + b] +=
                            (f64::from(rows[i][a]) - mean(a)) * (f64::from(rows[i][b]) - mean(b));
                    }
                }
            }
        }
        let (values, _) = symmetric_eigen(features, &covariance).unwrap();
        let (sum, squares) = values.iter().fold((0.0, 0.0), |(s, q), v| (s + v, q + v * v));
        close(found.participation_ratio, Some(sum * sum / squares), 1e-9);
        let ratio = found.participation_ratio.unwrap();
        prop_assert!((1.0 - 1e-12..=features as f64 + 1e-12).contains(&ratio));
        if let Some(ratio) = found.subspace_participation_ratio {
            prop_assert!((1.0 - 1e-12..=found.dimension as f64 + 1e-12).contains(&ratio));
        }
        prop_assert_eq!(found.dimension, features.min(usize::from(classes) - 1));
    }

    #[test]
    fn the_order_of_samples_and_the_names_of_classes_do_not_count(
        samples in 4usize..30, features in 1usize..6, classes in 1u8..4, seed: u64,
    ) {
        let (activity, labels) = random(samples, features, classes, seed);
        let found = class_geometry(features, &activity, &labels).unwrap();
        let reversed: Vec<f32> = activity.chunks(features).rev().flatten().copied().collect();
        let renamed: Vec<u8> = labels.iter().rev().map(|label| 200 - label).collect();
        all_close(&class_geometry(features, &reversed, &renamed).unwrap(), &found, 1e-9);
    }

    /// Scaled by a power of two, equal to the bit; shifted by halves and mirrored, which f32 does not round.
    #[test]
    fn scale_shift_and_reflection_do_not_count(
        samples in 4usize..30, features in 2usize..6, classes in 1u8..4, seed: u64, power in -40i32..40,
    ) {
        let (activity, labels) = random(samples, features, classes, seed);
        let activity: Vec<f32> = activity.iter().map(|x| (x * 1024.0).round() / 1024.0).collect();
        let found = class_geometry(features, &activity, &labels).unwrap();
        let scaled: Vec<f32> = activity.iter().map(|x| x * 2f32.powi(power)).collect();
        all_close(&class_geometry(features, &scaled, &labels).unwrap(), &found, 1e-12);
        let moved: Vec<f32> = activity
            .chunks(features)
            .flat_map(|row| row.iter().rev().enumerate().map(|(at, x)| at as f32 * 0.5 - x))
            .collect();
        all_close(&class_geometry(features, &moved, &labels).unwrap(), &found, 1e-9);
    }

    /// A rotation in the first two neurons' plane: f32 rounds each number by 2⁻²⁴ of up to 10.
    #[test]
    fn rotation_does_not_count(
        samples in 6usize..30, features in 2usize..6, classes in 1u8..4, seed: u64, angle in 0f64..6.3,
    ) {
        let (mut activity, labels) = random(samples, features, classes, seed);
        let found = class_geometry(features, &activity, &labels).unwrap();
        let (s, c) = angle.sin_cos();
        for row in activity.chunks_mut(features) {
            let (x, y) = (f64::from(row[0]), f64::from(row[1]));
            row[0] = (c * x - s * y) as f32;
            row[1] = (s * x + c * y) as f32;
        }
        let turned = class_geometry(features, &activity, &labels).unwrap();
        // A few samples may leave almost no noise in the subspace, so rounding has a larger share.
        all_close(&turned, &found, 1e-3);
    }

    /// In the plane of two classes with equal spread, separability is d′²/4 of the neuron along the axis.
    #[test]
    fn separability_of_two_classes_is_informativeness_squared(
        half in prop::collection::vec(-3f32..3.0, 2..20), distance in 1f32..9.0,
    ) {
        let both = || half.iter().chain(&half);
        let second: Vec<bool> = both().enumerate().map(|(at, _)| at >= half.len()).collect();
        let labels: Vec<u8> = second.iter().map(|s| u8::from(*s)).collect();
        let activity: Vec<f32> =
            both().zip(&second).map(|(x, s)| if *s { x + distance } else { *x }).collect();
        let d = informativeness(1, &activity, &second).unwrap()[0];
        let j = class_geometry(1, &activity, &labels).unwrap().separability;
        if let (Some(d), Some(j)) = (d, j) {
            prop_assert!((j / (d * d / 4.0) - 1.0).abs() < 1e-9, "{} {}", j, d);
        }
    }
}

#[test]
fn informativeness_by_hand() {
    // Means 1 and 4, variances 1 and 4: 3/√2.5. Constant, silent, and different without variance.
    let activity = [
        [0.0, 0.0, 3.0, 1.0],
        [2.0, 0.0, 3.0, 1.0],
        [2.0, 0.0, 3.0, 2.0],
        [6.0, 0.0, 3.0, 2.0],
    ];
    let second = [false, false, true, true];
    let found = informativeness(4, activity.as_flattened(), &second).unwrap();
    close(found[0], Some(3.0 / 2.5f64.sqrt()), 1e-12);
    assert_eq!(found[1..], [Some(0.0), Some(0.0), None]);
    // With the groups exchanged: the same.
    let exchanged = second.map(|s| !s);
    assert_eq!(
        informativeness(4, activity.as_flattened(), &exchanged).unwrap(),
        found
    );
    // One sample per group gives no variance.
    assert_eq!(
        informativeness(1, &[1.0, 2.0], &[false, true]).unwrap(),
        [None]
    );
}

#[test]
fn shares_of_gains_near_zero() {
    let gains = [0.0, -0.01, 0.3, 1.0, f32::NAN];
    assert_eq!(
        shares_near_zero(&gains, &[0.0, 0.01, 0.5, 5.0]),
        [0.2, 0.4, 0.6, 0.8]
    );
    assert!(shares_near_zero(&gains, &[]).is_empty());
    assert!(shares_near_zero(&[], &[0.1])[0].is_nan());
}

#[test]
fn what_does_not_fit_is_an_error_that_names_it() {
    let refused = |error: neurogain::Error, part: &str| {
        assert!(error.to_string().contains(part), "{error}");
    };
    let geometry = |features, activity: &[f32], labels: &[u8]| {
        class_geometry(features, activity, labels).unwrap_err()
    };
    refused(geometry(2, &[1.0; 3], &[0, 1]), "expected 2 × 2 activities");
    refused(geometry(0, &[], &[0]), "neither 0");
    refused(geometry(2, &[], &[]), "neither 0");
    refused(
        geometry(2, &[0.0, 0.0, f32::NAN, 0.0], &[0, 1]),
        "neuron 0 in sample 1 = NaN",
    );
    let between =
        |activity: &[f32], second: &[bool]| informativeness(1, activity, second).unwrap_err();
    refused(between(&[1.0; 3], &[true; 2]), "expected 2 × 1");
    refused(
        between(&[1.0; 2], &[true; 2]),
        "a sample of each of two groups, found 0 and 2",
    );
    refused(
        between(&[f32::INFINITY, 0.0], &[true, false]),
        "neuron 0 in sample 0 = inf",
    );
}
