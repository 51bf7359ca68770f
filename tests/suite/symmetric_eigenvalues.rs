//! The eigenvalue solver: known spectra, and the definition.

use neurogain::Error;
use neurogain::analysis::symmetric_eigen;
use neurogain::rng::{Purpose, RandomStream};
use proptest::prelude::*;
use rand_distr::{Distribution, StandardNormal};

/// Unit roundoff times a factor for the rounding of all sweeps: errors up to `BOUND`·n·‖A‖ are allowed.
const BOUND: f64 = 20.0 * f64::EPSILON;

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Eigenvalues of `matrix`, after its pairs have been checked against the definition: |Av − λv| ≤ bound·‖A‖,
/// |⟨v_i, v_j⟩ − δ_ij| ≤ bound, eigenvalues descending, their sum the trace, their squares' sum ‖A‖².
#[track_caller]
fn checked(n: usize, matrix: &[f64]) -> Vec<f64> {
    let (values, vectors) = symmetric_eigen(n, matrix).unwrap();
    assert_eq!((values.len(), vectors.len()), (n, n * n));
    let size = norm(matrix);
    let bound = BOUND * n as f64;
    let rows: Vec<&[f64]> = vectors.chunks(n.max(1)).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for (i, v) in rows.iter().enumerate() {
        let residual: Vec<f64> = matrix
            .chunks(n)
            .zip(v.iter())
            .map(|(row, x)| dot(row, v) - values[i] * x)
            .collect();
        assert!(
            norm(&residual) <= bound * size,
            "pair {i} of {matrix:?}: residual {}",
            norm(&residual)
        );
        for (j, w) in rows.iter().enumerate() {
            let expected = if i == j { 1.0 } else { 0.0 };
            assert!((dot(v, w) - expected).abs() <= bound, "{i}, {j}");
        }
    }
    assert!(
        values.windows(2).all(|pair| pair[0] >= pair[1]),
        "{values:?}"
    );
    let trace: f64 = (0..n).map(|i| matrix[i * n + i]).sum();
    assert!((values.iter().sum::<f64>() - trace).abs() <= bound * size);
    assert!((norm(&values) - size).abs() <= bound * size);
    values
}

#[track_caller]
fn all_close(found: &[f64], expected: &[f64], bound: f64) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= bound, "{found:?}, expected {expected:?}");
    }
}

#[test]
fn a_diagonal_is_its_own_spectrum_to_the_bit() {
    let mut matrix = vec![0.0; 16];
    for (i, value) in [0.3, -7.0, 2.0, 2.0].into_iter().enumerate() {
        matrix[i * 5] = value;
    }
    assert_eq!(checked(4, &matrix), [2.0, 2.0, 0.3, -7.0]);
    assert_eq!(checked(1, &[-3.5]), [-3.5]);
    assert_eq!(checked(3, &[0.0; 9]), [0.0; 3]);
    assert_eq!(symmetric_eigen(0, &[]).unwrap(), (vec![], vec![]));
}

proptest! {
    /// (a + c)/2 ± √(((a − c)/2)² + b²).
    #[test]
    fn two_rows_have_the_closed_form(a in -10f64..10.0, b in -10f64..10.0, c in -10f64..10.0) {
        let (middle, radius) = ((a + c) / 2.0, ((a - c) / 2.0).hypot(b));
        let found = checked(2, &[a, b, b, c]);
        all_close(&found, &[middle + radius, middle - radius], 1e-13);
    }

    /// From 2⁻⁹⁰⁰ to 2⁹⁰⁰: scaling a matrix by a power of two scales its eigenvalues, to the bit.
    #[test]
    fn scaling_scales_the_spectrum(power in -900i32..900) {
        let matrix = [4.0, 1.0, -2.0, 1.0, 3.0, 0.5, -2.0, 0.5, 1.0];
        let scale = 2f64.powi(power);
        let (values, vectors) = symmetric_eigen(3, &matrix).unwrap();
        let (scaled, same) = symmetric_eigen(3, &matrix.map(|v| v * scale)).unwrap();
        prop_assert_eq!(values.iter().map(|v| v * scale).collect::<Vec<_>>(), scaled);
        prop_assert_eq!(vectors, same);
    }

    /// QᵀDQ with Q from Gram–Schmidt on normal draws: the spectrum is D's, also with equal values.
    #[test]
    fn a_turned_diagonal_keeps_its_spectrum(
        values in prop::collection::vec(prop_oneof![-5f64..5.0, Just(1.0), Just(0.0)], 1..12),
        seed: u64,
    ) {
        let n = values.len();
        let q = orthogonal(n, seed);
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let sum = (0..n).map(|k| q[k][i] * values[k] * q[k][j]).sum();
                matrix[i * n + j] = sum;
                matrix[j * n + i] = sum;
            }
        }
        let mut expected = values.clone();
        expected.sort_by(|a, b| b.total_cmp(a));
        all_close(&checked(n, &matrix), &expected, 1e-12);
    }

    #[test]
    fn any_symmetric_matrix_satisfies_the_definition(
        half in prop::collection::vec(-1e3f64..1e3, 36), tiny in prop::collection::vec(-300i32..1, 36),
    ) {
        // Elements of very different sizes.
        let n = 8;
        let mut matrix = vec![0.0; n * n];
        let mut elements = half.iter().zip(&tiny).map(|(v, power)| v * 10f64.powi(*power));
        for i in 0..n {
            for j in 0..=i {
                let value = elements.next().unwrap();
                matrix[i * n + j] = value;
                matrix[j * n + i] = value;
            }
        }
        checked(n, &matrix);
    }
}

/// Rows of length 1 at right angles.
fn orthogonal(n: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut stream = RandomStream::new(seed, Purpose::User, 0);
    let mut rows: Vec<Vec<f64>> = Vec::new();
    while rows.len() < n {
        let mut row: Vec<f64> = (0..n).map(|_| StandardNormal.sample(&mut stream)).collect();
        for _ in 0..2 {
            for other in &rows {
                let product: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                row.iter_mut()
                    .zip(other)
                    .for_each(|(a, b)| *a -= product * b);
            }
        }
        let length = norm(&row);
        if length > 1e-3 {
            row.iter_mut().for_each(|v| *v /= length);
            rows.push(row);
        }
    }
    rows
}

/// 2 on the diagonal and −1 beside it: 2 − 2·cos(kπ/(n + 1)).
#[test]
fn the_second_difference_has_its_cosines() {
    for n in [2, 5, 30, 64] {
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            matrix[i * n + i] = 2.0;
            if i + 1 < n {
                matrix[i * n + i + 1] = -1.0;
                matrix[(i + 1) * n + i] = -1.0;
            }
        }
        let angle = std::f64::consts::PI / (n + 1) as f64;
        let expected: Vec<f64> = (1..=n)
            .rev()
            .map(|k| 2.0 - 2.0 * (k as f64 * angle).cos())
            .collect();
        all_close(&checked(n, &matrix), &expected, 1e-13);
    }
}

/// Ones everywhere: n once, 0 otherwise.
#[test]
fn equal_eigenvalues_have_orthogonal_vectors() {
    let n = 20;
    let found = checked(n, &vec![1.0; n * n]);
    let mut expected = vec![0.0; n];
    expected[0] = n as f64;
    all_close(&found, &expected, 1e-13);
}

/// 1/(i + j + 1): the largest is 1.5670506910982311 for n = 5, the smallest 3.2879287721718637·10⁻⁶ (Gregory
/// & Karney 1969); trace and sum of squares, as of every matrix, are held to in `checked`.
#[test]
fn hilbert_matrices_have_their_spectrum() {
    let hilbert = |n: usize| -> Vec<f64> {
        let element = |at| 1.0 / ((at / n + at % n + 1) as f64);
        (0..n * n).map(element).collect()
    };
    let found = checked(5, &hilbert(5));
    assert!(
        (found[0] - 1.567_050_691_098_231).abs() < 1e-14,
        "{found:?}"
    );
    assert!(
        (found[4] - 3.287_928_772_171_864e-6).abs() < 1e-15,
        "{found:?}"
    );
    let found = checked(12, &hilbert(12));
    assert!(found.iter().all(|v| *v > -1e-15), "{found:?}");
}

#[test]
fn what_is_no_symmetric_matrix_is_an_error_that_names_the_element() {
    let refused = |n, matrix: &[f64], part: &str| {
        let error = symmetric_eigen(n, matrix).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    };
    refused(2, &[1.0; 3], "expected 2 × 2 elements, found 3 elements");
    refused(usize::MAX, &[1.0], "found 1 elements");
    refused(2, &[1.0, f64::NAN, 0.0, 1.0], "matrix[0][1] = NaN");
    refused(2, &[1.0, 0.0, 0.0, f64::INFINITY], "matrix[1][1] = inf");
    refused(2, &[1.0, 2.0, 3.0, 1.0], "matrix[1][0] = 3.0: expected 2.0");
    refused(2, &[0.0, f64::MAX, f64::MIN, 0.0], "symmetric");
    let error = symmetric_eigen(1, &[]).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }));
    // Rounding leaves no asymmetry.
    assert!(symmetric_eigen(2, &[1.0, 0.3, 0.1 + 0.2, 1.0]).is_ok());
}
