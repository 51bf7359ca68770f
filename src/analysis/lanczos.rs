//! The largest eigenvalues of a symmetric matrix, from its products with vectors alone.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use rand_distr::{Distribution, StandardNormal};

use crate::analysis::tridiagonal;
use crate::error::{Error, Result};
use crate::rng::{Purpose, RandomStream};

/// An eigenvalue and its eigenvector of length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Eigenpair {
    /// θ.
    pub value: f64,
    /// v, ‖v‖ = 1.
    pub vector: Vec<f64>,
    /// ‖A·v − θ·v‖, measured with one more product: A has an eigenvalue within this distance of θ.
    pub residual: f64,
}

/// The `count` largest eigenvalues of the symmetric `size`×`size` matrix A whose product with a vector is
/// `multiply`, in descending order, by the Lanczos method.
///
/// The method projects A onto the Krylov space of a random vector q₁ (drawn from (0, [`Purpose::Direction`], 0)):
/// A·q_j = β_{j−1}·q_{j−1} + α_j·q_j + β_j·q_{j+1}, whose coefficients make a tridiagonal matrix T = QᵀAQ; eigenpairs
/// (θ, s) of T give (θ, Q·s) of A, with ‖A·Qs − θ·Qs‖ = β_m·|s_m| (Paige 1971; Parlett, The Symmetric Eigenvalue
/// Problem, ch. 13). With rounding, plain Lanczos finds eigenvalues more than once; every new vector is therefore made
/// orthogonal to all previous ones, twice.
///
/// The iteration ends as soon as all `count` estimates β_m·|s_m| are at most `tolerance`·max|θ|, or after `steps`
/// products; each pair's [`residual`](Eigenpair::residual) bounds its error. If the Krylov space ends early (a matrix
/// of low rank), the iteration continues with a new random direction. A multiple eigenvalue may be found only once.
/// Fewer pairs are returned if `size` or `steps` is smaller than `count`.
///
/// # Errors
/// [`Error::Diverged`] if a product is not finite, and errors of `multiply`.
pub fn largest_eigenpairs(
    size: usize,
    count: usize,
    tolerance: f64,
    steps: usize,
    mut multiply: impl FnMut(&[f64]) -> Result<Vec<f64>>,
) -> Result<Vec<Eigenpair>> {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let (mut diagonal, mut off): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut next = random_direction(size, 0, &basis);
    let most = steps.min(size).max(1);
    let mut scale: f64 = 0.0;
    let mut ritz = Ritz::default();
    while let Some(direction) = next.take() {
        basis.push(direction);
        let step = basis.len();
        let current = &basis[step - 1];
        let mut image = multiply(current)?;
        finite(step, &image)?;
        diagonal.push(dot(current, &image));
        orthogonalise(&mut image, &basis);
        let beta = norm(&image);
        scale = scale.max(beta).max(diagonal[step - 1].abs());
        // The rest of a direction that is already in the space is a rounding error.
        let ended = beta <= 1e-12 * scale;
        off.push(if ended { 0.0 } else { beta });
        if step >= count || step == most {
            ritz = Ritz::of(&diagonal, &off);
            let found = !ended && ritz.largest_are_within(count, tolerance);
            if step == most || found {
                break;
            }
        }
        next = match ended {
            true => random_direction(size, step as u64, &basis),
            false => Some(scaled(image, 1.0 / beta)),
        };
    }
    let mut pairs = Vec::new();
    for (value, coefficients) in ritz.pairs.into_iter().take(count) {
        let mut vector = vec![0.0; size];
        for (coefficient, direction) in coefficients.iter().zip(&basis) {
            add(&mut vector, *coefficient, direction);
        }
        let length = norm(&vector);
        let vector = scaled(vector, 1.0 / length);
        let mut image = multiply(&vector)?;
        finite(basis.len() + 1, &image)?;
        add(&mut image, -value, &vector);
        pairs.push(Eigenpair {
            value,
            residual: norm(&image),
            vector,
        });
    }
    Ok(pairs)
}

/// The eigenpairs of T, largest first, with β_m.
#[derive(Default)]
struct Ritz {
    pairs: Vec<(f64, Vec<f64>)>,
    beta: f64,
}

impl Ritz {
    fn of(diagonal: &[f64], off: &[f64]) -> Self {
        Ritz {
            pairs: tridiagonal::eigenpairs(diagonal, &off[..off.len() - 1]),
            beta: off[off.len() - 1],
        }
    }

    fn largest_are_within(&self, count: usize, tolerance: f64) -> bool {
        let largest = self.pairs.iter().map(|(value, _)| value.abs());
        let bound = tolerance * largest.fold(0.0, f64::max);
        let estimate = |s: &[f64]| self.beta * s.last().map_or(0.0, |last| last.abs());
        self.pairs
            .iter()
            .take(count)
            .all(|(_, s)| estimate(s) <= bound)
    }
}

/// A random direction orthogonal to `basis`; `None` if `basis` spans the whole space.
fn random_direction(size: usize, step: u64, basis: &[Vec<f64>]) -> Option<Vec<f64>> {
    if basis.len() >= size {
        return None;
    }
    let mut stream = RandomStream::new(0, Purpose::Direction, step);
    let mut drawn: Vec<f64> = (0..size)
        .map(|_| StandardNormal.sample(&mut stream))
        .collect();
    orthogonalise(&mut drawn, basis);
    let length = norm(&drawn);
    (length > 0.0).then(|| scaled(drawn, 1.0 / length))
}

/// Removes from `vector` its component along each direction of `basis`, twice: the second time removes rounding
/// errors.
fn orthogonalise(vector: &mut [f64], basis: &[Vec<f64>]) {
    for _ in 0..2 {
        for direction in basis {
            let along = dot(direction, vector);
            add(vector, -along, direction);
        }
    }
}

fn finite(step: usize, product: &[f64]) -> Result<()> {
    match product.iter().find(|number| !number.is_finite()) {
        None => Ok(()),
        Some(number) => Err(Error::Diverged {
            iteration: step,
            quantity: "a product of the eigenvalue iteration".into(),
            value: number.to_string(),
        }),
    }
}

fn scaled(mut vector: Vec<f64>, factor: f64) -> Vec<f64> {
    vector.iter_mut().for_each(|number| *number *= factor);
    vector
}

/// The length of a vector.
pub(super) fn norm(vector: &[f64]) -> f64 {
    libm::sqrt(dot(vector, vector))
}

/// Σ a·b over eight lanes (index mod 8), which are added in ascending order at the end: a fixed order of summation
/// that suits vector registers of any width.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a, b) = (a.chunks(8), b.chunks(8));
    for (a, b) in a.zip(b) {
        match (<&[f64; 8]>::try_from(a), <&[f64; 8]>::try_from(b)) {
            (Ok(a), Ok(b)) => {
                for lane in 0..8 {
                    lanes[lane] += a[lane] * b[lane];
                }
            }
            _ => {
                for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
                    *lane += a * b;
                }
            }
        }
    }
    lanes.iter().sum()
}

/// to ← to + factor·from.
pub(super) fn add(to: &mut [f64], factor: f64, from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}
