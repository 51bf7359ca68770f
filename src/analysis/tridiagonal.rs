//! Eigenpairs of a symmetric tridiagonal matrix, by the QL method with implicit shifts.

use alloc::vec;
use alloc::vec::Vec;

/// Maximum number of sweeps per eigenvalue; two or three are usual.
const SWEEPS: usize = 60;

/// The eigenvalues with their eigenvectors of length 1, largest first, of the matrix with this `diagonal` and the
/// off-diagonal `off`, which has one number fewer.
///
/// Each sweep is T ← QᵀTQ with T − σ = Q·L, where L is lower triangular and σ is the eigenvalue of the leading 2×2
/// block nearer to its corner (Wilkinson's shift). Plane rotations move the one element outside the three diagonals
/// along them (Bowdler, Martin, Reinsch, Wilkinson 1968).
pub(super) fn eigenpairs(diagonal: &[f64], off: &[f64]) -> Vec<(f64, Vec<f64>)> {
    let size = diagonal.len();
    let mut d = diagonal.to_vec();
    let mut e = off.to_vec();
    e.resize(size, 0.0);
    // Column i, the eigenvector of d[i], is vectors[i].
    let mut vectors: Vec<Vec<f64>> = (0..size)
        .map(|i| {
            let mut unit = vec![0.0; size];
            unit[i] = 1.0;
            unit
        })
        .collect();
    for first in 0..size {
        for _ in 0..SWEEPS {
            let small =
                |at: &usize| e[*at].abs() <= f64::EPSILON * (d[*at].abs() + d[*at + 1].abs());
            let last = (first..size - 1).find(small).unwrap_or(size - 1);
            if last == first {
                break;
            }
            sweep(&mut d, &mut e, &mut vectors, first, last);
        }
    }
    let mut pairs: Vec<(f64, Vec<f64>)> = d.into_iter().zip(vectors).collect();
    pairs.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    pairs
}

/// One sweep over the unreduced block from `first` to `last`.
fn sweep(d: &mut [f64], e: &mut [f64], vectors: &mut [Vec<f64>], first: usize, last: usize) {
    let half = (d[first + 1] - d[first]) / (2.0 * e[first]);
    let root = libm::hypot(half, 1.0);
    let mut g = d[last] - d[first] + e[first] / (half + libm::copysign(root, half));
    let (mut sine, mut cosine, mut shift) = (1.0, 1.0, 0.0);
    for at in (first..last).rev() {
        let (f, b) = (sine * e[at], cosine * e[at]);
        let length = libm::hypot(f, g);
        e[at + 1] = length;
        if length == 0.0 {
            // The block splits here; the next sweep handles it.
            d[at + 1] -= shift;
            e[last] = 0.0;
            return;
        }
        (sine, cosine) = (f / length, g / length);
        g = d[at + 1] - shift;
        let r = (d[at] - g) * sine + 2.0 * cosine * b;
        shift = sine * r;
        d[at + 1] = g + shift;
        g = cosine * r - b;
        let (lower, upper) = vectors.split_at_mut(at + 1);
        for (low, high) in lower[at].iter_mut().zip(&mut upper[0]) {
            let old = *high;
            *high = sine * *low + cosine * old;
            *low = cosine * *low - sine * old;
        }
    }
    d[first] -= shift;
    e[first] = g;
    e[last] = 0.0;
}
