//! All eigenvalues and eigenvectors of a small symmetric matrix, by Jacobi rotations.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::error::{Error, Result};

/// Maximum number of sweeps over all pairs; six to ten are usual, as the convergence is quadratic.
const SWEEPS: usize = 60;

/// The largest difference of a_{pq} and a_{qp}, as a fraction of the largest element: the rounding error of a product
/// that is symmetric in exact arithmetic.
const ASYMMETRY: f64 = 1e-12;

/// The eigenvalues, largest first, of the symmetric `n` × `n` matrix `[row][column]`, and the eigenvectors of length
/// 1: `[n][n]`, row i is the eigenvector of eigenvalue i, up to its sign.
///
/// Cyclic Jacobi (Jacobi 1846; Golub & Van Loan, *Matrix Computations*, section 8.5): each rotation in the plane
/// (p, q) makes a_{pq} zero; a sweep visits the pairs row by row. The sweeps end when every a_{pq} is negligible
/// against its two diagonal elements. Eigenvalues are accurate to a small multiple of ε·‖A‖, and eigenvectors are
/// orthogonal to a small multiple of ε, even if eigenvalues coincide. A sweep takes O(n³) time, which suits matrices
/// of a few hundred rows. The computation is in f64, in a fixed order, without platform functions: it gives the same
/// bits everywhere.
///
/// The elements a_{pq} and a_{qp} are replaced by their mean. For `n` = 0 the result is empty. An eigenvalue beyond
/// the range of f64 is infinite.
///
/// # Errors
/// [`Error::Shape`] if `matrix` does not have n² elements; [`Error::Setting`] for an element that is not finite, and
/// if a_{pq} and a_{qp} differ by more than 10⁻¹² of the largest element.
///
/// ```
/// use neurogain::analysis::symmetric_eigen;
/// let (values, vectors) = symmetric_eigen(2, &[2.0, 1.0, 1.0, 2.0])?;
/// assert!((values[0] - 3.0).abs() < 1e-15 && (values[1] - 1.0).abs() < 1e-15);
/// assert!((vectors[0] - vectors[1]).abs() < 1e-15);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn symmetric_eigen(n: usize, matrix: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
    if n.checked_mul(n) != Some(matrix.len()) {
        return Err(Error::shape(
            "symmetric eigenvalues",
            format!("{n} × {n} elements"),
            format!("{} elements", matrix.len()),
        ));
    }
    if n == 0 {
        return Ok((Vec::new(), Vec::new()));
    }
    let (mut a, scale) = scaled(n, matrix)?;
    let mut vectors = vec![0.0; n * n];
    for i in 0..n {
        vectors[i * n + i] = 1.0;
    }
    for _ in 0..SWEEPS {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                let (app, aqq, apq) = (a[p * n + p], a[q * n + q], a[p * n + q]);
                if app.abs() + apq.abs() == app.abs() && aqq.abs() + apq.abs() == aqq.abs() {
                    continue;
                }
                rotated = true;
                rotate(&mut a, &mut vectors, n, p, q);
            }
        }
        if !rotated {
            break;
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    let value = |i: usize| a[i * n + i];
    order.sort_by(|&i, &j| value(j).total_cmp(&value(i)));
    let values = order.iter().map(|&i| value(i) * scale).collect();
    let row = |&i: &usize| vectors[i * n..(i + 1) * n].iter().copied();
    Ok((values, order.iter().flat_map(row).collect()))
}

/// The matrix divided by a power of two, and that power. No element is then above 1, so that squares stay in the range
/// of f64.
fn scaled(n: usize, matrix: &[f64]) -> Result<(Vec<f64>, f64)> {
    if let Some(at) = matrix.iter().position(|value| !value.is_finite()) {
        let name = format!("matrix[{}][{}]", at / n, at % n);
        return Err(Error::setting(name, matrix[at], "a finite number"));
    }
    let largest = matrix
        .iter()
        .fold(0.0, |largest: f64, v| largest.max(v.abs()));
    for p in 0..n {
        for q in p + 1..n {
            let (upper, lower) = (matrix[p * n + q], matrix[q * n + p]);
            // Halves, because a difference of very large numbers may overflow.
            if (0.5 * upper - 0.5 * lower).abs() > 0.5 * ASYMMETRY * largest {
                let name = format!("matrix[{q}][{p}]");
                let expected = format!("{upper:?}, as the matrix must be symmetric");
                return Err(Error::setting(name, format!("{lower:?}"), expected));
            }
        }
    }
    let (_, exponent) = libm::frexp(largest);
    // The power and its inverse must be in the range of f64.
    let exponent = exponent.clamp(-1000, 1000);
    let (down, up) = (libm::ldexp(1.0, -exponent), libm::ldexp(1.0, exponent));
    let mut a = vec![0.0; n * n];
    for p in 0..n {
        for q in 0..n {
            a[p * n + q] = 0.5 * (matrix[p * n + q] * down) + 0.5 * (matrix[q * n + p] * down);
        }
    }
    Ok((a, up))
}

/// A ← JᵀAJ, where J is the rotation in the plane (p, q) by the smaller of the two angles that make a_{pq} zero. Rows
/// p and q of `vectors` are rotated too. Both triangles are stored, so that every access is along a row.
fn rotate(a: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) {
    let (app, aqq, apq) = (a[p * n + p], a[q * n + q], a[p * n + q]);
    let theta = 0.5 * (aqq - app) / apq;
    // tan of the angle: the smaller root of t² + 2θt − 1 = 0; where θ² overflows, 1/(2θ) or 0.
    let t = libm::copysign(1.0, theta) / (theta.abs() + libm::hypot(theta, 1.0));
    let cosine = 1.0 / libm::sqrt(t * t + 1.0);
    let sine = t * cosine;
    turn(a, n, p, q, cosine, sine);
    turn(vectors, n, p, q, cosine, sine);
    // The columns, by symmetry, except where they cross the rows.
    for r in 0..n {
        if r != p && r != q {
            a[r * n + p] = a[p * n + r];
            a[r * n + q] = a[q * n + r];
        }
    }
    a[p * n + p] = app - t * apq;
    a[q * n + q] = aqq + t * apq;
    a[p * n + q] = 0.0;
    a[q * n + p] = 0.0;
}

/// Rows p and q become cos·p − sin·q and sin·p + cos·q.
fn turn(matrix: &mut [f64], n: usize, p: usize, q: usize, cosine: f64, sine: f64) {
    let (above, below) = matrix.split_at_mut(q * n);
    for (x, y) in above[p * n..(p + 1) * n].iter_mut().zip(&mut below[..n]) {
        (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
    }
}
