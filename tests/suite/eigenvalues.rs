//! The Lanczos method finds the largest eigenvalues, with correct residuals.

use crate::reference::jacobi;
use neurogain::Error;
use neurogain::analysis::largest_eigenpairs;
use proptest::prelude::*;

type Matrix = Vec<Vec<f64>>;

fn times(matrix: &Matrix, v: &[f64]) -> Vec<f64> {
    let row = |row: &Vec<f64>| row.iter().zip(v).map(|(a, b)| a * b).sum();
    matrix.iter().map(row).collect()
}

fn symmetric() -> impl Strategy<Value = Matrix> {
    (1..=24usize).prop_flat_map(|size| {
        let any = prop::collection::vec(prop::collection::vec(-1.0..1.0f64, size), size);
        any.prop_map(move |a| {
            let row = |i: usize| (0..size).map(|j| a[i.max(j)][i.min(j)]).collect();
            (0..size).map(row).collect()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// All eigenvalues of a small matrix agree with Jacobi's method; the vectors have length 1 and are
    /// orthogonal, and the residuals are correct.
    #[test]
    fn whole_spectra_are_those_of_jacobi(matrix in symmetric()) {
        let size = matrix.len();
        let found = largest_eigenpairs(size, size, 0.0, size, |v| Ok(times(&matrix, v))).unwrap();
        let expected = jacobi::eigenvalues(matrix.clone());
        prop_assert_eq!(found.len(), size);
        for (pair, expected) in found.iter().zip(&expected) {
            prop_assert!((pair.value - expected).abs() <= 1e-12 * size as f64, "{} for {}", pair.value, expected);
            let image = times(&matrix, &pair.vector);
            let residual: f64 = image.iter().zip(&pair.vector).map(|(a, v)| (a - pair.value * v).powi(2)).sum();
            prop_assert!((residual.sqrt() - pair.residual).abs() <= 1e-13);
            prop_assert!(pair.residual <= 1e-11, "{}", pair.residual);
        }
        for (i, a) in found.iter().enumerate() {
            for (j, b) in found.iter().enumerate() {
                let product: f64 = a.vector.iter().zip(&b.vector).map(|(a, b)| a * b).sum();
                prop_assert!((product - f64::from(u8::from(i == j))).abs() <= 1e-11, "{} at {}, {}", product, i, j);
            }
        }
    }

    /// When stopped early, an eigenvalue lies within the residual of the result: the theorem that makes the
    /// residual a bound.
    #[test]
    fn an_eigenvalue_lies_within_the_residual(matrix in symmetric(), steps in 1..6usize) {
        let size = matrix.len();
        let found = largest_eigenpairs(size, 2, 0.0, steps, |v| Ok(times(&matrix, v))).unwrap();
        prop_assert!(!found.is_empty());
        let exact = jacobi::eigenvalues(matrix.clone());
        for pair in &found {
            let nearest = exact.iter().map(|e| (e - pair.value).abs()).fold(f64::INFINITY, f64::min);
            prop_assert!(nearest <= pair.residual + 1e-12, "{} beyond {}", nearest, pair.residual);
        }
    }
}

/// A quadratic ½·vᵀDv has the Hessian D: of a thousand eigenvalues 1/1, 1/4, 1/9, … the first four.
#[test]
fn the_top_of_a_large_diagonal_matrix_takes_few_products() {
    let diagonal: Vec<f64> = (1..=1000).map(|i| 1.0 / (i as f64 * i as f64)).collect();
    let mut products = 0;
    let found = largest_eigenpairs(1000, 4, 1e-10, 200, |v| {
        products += 1;
        Ok(v.iter().zip(&diagonal).map(|(v, d)| v * d).collect())
    })
    .unwrap();
    for (rank, pair) in found.iter().enumerate() {
        assert!(
            (pair.value - diagonal[rank]).abs() <= 1e-10,
            "{rank}: {}",
            pair.value
        );
        assert!(pair.residual <= 1.1e-10, "{rank}: {}", pair.residual);
        assert!(pair.vector[rank].abs() > 1.0 - 1e-9);
    }
    assert!(products < 60, "{products} products");
}

/// The Krylov space of a rank-2 matrix has three dimensions; the method continues beyond it.
#[test]
fn low_rank_is_no_obstacle() {
    let multiply = |v: &[f64]| {
        let mut image = vec![0.0; 50];
        (image[3], image[7]) = (5.0 * v[3], -2.0 * v[7]);
        Ok(image)
    };
    let values: Vec<f64> = largest_eigenpairs(50, 50, 1e-12, 50, multiply)
        .unwrap()
        .iter()
        .map(|p| p.value)
        .collect();
    assert!(
        (values[0] - 5.0).abs() < 1e-12 && (values[49] + 2.0).abs() < 1e-12,
        "{values:?}"
    );
    assert!(values[1..49].iter().all(|v| v.abs() < 1e-12), "{values:?}");
}

#[test]
fn a_product_that_is_not_finite_is_an_error() {
    let error = largest_eigenpairs(5, 1, 1e-6, 5, |v| Ok(v.iter().map(|_| f64::NAN).collect()));
    assert!(
        matches!(error, Err(Error::Diverged { iteration: 1, .. })),
        "{error:?}"
    );
}

#[test]
fn nothing_comes_of_nothing() {
    assert!(
        largest_eigenpairs(0, 3, 1e-6, 5, |v| Ok(v.to_vec()))
            .unwrap()
            .is_empty()
    );
    assert!(
        largest_eigenpairs(5, 0, 1e-6, 5, |v| Ok(v.to_vec()))
            .unwrap()
            .is_empty()
    );
}
