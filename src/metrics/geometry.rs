//! The geometry of a layer's activity: the separability of classes, the dimensionality of the noise, and the
//! informativeness of single neurons.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::error::{Error, Result};

/// Lengths below this fraction of the longest sample's are rounding errors: f32 itself resolves 6·10⁻⁸.
const NEGLIGIBLE: f64 = 1e-10;

/// How activity scatters between and within classes.
///
/// Sample i has the activity x_i. Class c has n_c of the n samples and the mean μ_c; the mean over all samples is
/// μ = Σ n_c·μ_c/n. The task-relevant subspace is the span of the centred class means μ_c − μ. The rows of Q are an
/// orthonormal basis of it, and y = Q·x is the activity in it. Lengths below 10⁻¹⁰ of the longest sample's are
/// rounding errors and count as 0.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "report", derive(serde::Serialize, serde::Deserialize))]
pub struct ClassGeometry {
    /// K, the number of classes that have samples.
    pub classes: usize,
    /// Dimension of the task-relevant subspace: at most K − 1; 0 if all class means coincide.
    pub dimension: usize,
    /// The Fisher ratio in the subspace, tr(S_B)/tr(S_W), with S_B = (1/n)·Σ_c n_c·Q(μ_c − μ)(μ_c − μ)ᵀQᵀ and
    /// S_W = (1/n)·Σ_i Q(x_i − μ_c)(x_i − μ_c)ᵀQᵀ. 0 if the class means coincide, as with one class; `None` if they
    /// differ and tr(S_W) = 0, so that the ratio is infinite.
    pub separability: Option<f64>,
    /// The participation ratio (Σλ)²/Σλ² = tr(C)²/‖C‖_F² of the eigenvalues λ of the covariance pooled within classes,
    /// C = (1/n)·Σ_i (x_i − μ_c)(x_i − μ_c)ᵀ: 1 if the noise has one direction, the number of neurons if it is the
    /// same in all directions. `None` without noise, for example with one sample per class.
    pub participation_ratio: Option<f64>,
    /// The participation ratio of QCQᵀ: the dimensionality of the noise in the task-relevant subspace, at most
    /// [`dimension`](Self::dimension). `None` without noise there.
    pub subspace_participation_ratio: Option<f64>,
}

/// Measures the geometry of `activity`, `[samples][features]`, of samples with these labels; in f64. Translation,
/// rotation and scaling of all activity do not change the results.
///
/// Time: samples·features·min(samples, features) for the participation ratio.
///
/// # Errors
/// [`Error::Shape`] without samples or features and if the numbers do not match; [`Error::Setting`] for an activity
/// that is not finite.
///
/// ```
/// use neurogain::metrics::class_geometry;
/// // Two classes with means (±2, 0) and samples at distance 1 left, right, above and below.
/// let mut activity = vec![];
/// for x in [-2.0, 2.0] {
///     activity.extend([x - 1.0, 0.0, x + 1.0, 0.0, x, 1.0, x, -1.0]);
/// }
/// let found = class_geometry(2, &activity, &[0, 0, 0, 0, 1, 1, 1, 1])?;
/// assert_eq!(found.dimension, 1);
/// // Variance 2² between, ½ within classes; noise in two directions, one of them task-relevant.
/// assert!((found.separability.unwrap() - 8.0).abs() < 1e-12);
/// assert!((found.participation_ratio.unwrap() - 2.0).abs() < 1e-12);
/// assert!((found.subspace_participation_ratio.unwrap() - 1.0).abs() < 1e-12);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn class_geometry(features: usize, activity: &[f32], labels: &[u8]) -> Result<ClassGeometry> {
    check("class geometry", features, activity, labels.len())?;
    let n = labels.len() as f64;
    let (counts, means) = class_means(features, activity, labels);
    let mut overall = vec![0.0; features];
    for (count, mean) in counts.iter().zip(&means) {
        for (sum, value) in overall.iter_mut().zip(mean) {
            *sum += *count as f64 * value / n;
        }
    }
    let present = || (0..counts.len()).filter(|&class| counts[class] > 0);
    let centred = |class: usize| -> Vec<f64> {
        let both = means[class].iter().zip(&overall);
        both.map(|(mean, overall)| mean - overall).collect()
    };
    let directions: Vec<Vec<f64>> = present().map(centred).collect();
    let length = |row: &[f32]| libm::sqrt(row.iter().map(|&x| f64::from(x) * f64::from(x)).sum());
    let longest = activity.chunks(features).map(length).fold(0.0, f64::max);
    let negligible = NEGLIGIBLE * longest;
    let basis = orthonormal(directions.clone(), negligible);
    let between: f64 = present()
        .zip(&directions)
        .map(|(class, direction)| counts[class] as f64 / n * dot(direction, direction))
        .sum();

    // Each sample's deviation from its class mean, in the whole space and in the subspace.
    let mut noise = Vec::with_capacity(labels.len());
    for (row, &label) in activity.chunks(features).zip(labels) {
        let mean = &means[usize::from(label)];
        let away = row.iter().zip(mean).map(|(x, mean)| f64::from(*x) - mean);
        noise.push(away.collect::<Vec<f64>>());
    }
    let project = |row: &Vec<f64>| basis.iter().map(|q| dot(q, row)).collect::<Vec<f64>>();
    let projected: Vec<Vec<f64>> = noise.iter().map(project).collect();
    let within = projected.iter().map(|y| dot(y, y)).sum::<f64>() / n;
    Ok(ClassGeometry {
        classes: directions.len(),
        dimension: basis.len(),
        separability: match basis.is_empty() {
            true => Some(0.0),
            false => (within > negligible * negligible).then(|| between / within),
        },
        participation_ratio: participation_ratio(&noise, negligible),
        subspace_participation_ratio: participation_ratio(&projected, negligible),
    })
}

/// How well each neuron discriminates two groups of samples: d′ = |μ₁ − μ₂|/√(½·(σ₁² + σ₂²)), with the mean and the
/// variance (divisor n) of its activity in each group. `activity` is `[samples][features]`; `second` says whether each
/// sample is in the second group. 0 if the means are equal; `None` if they differ and both variances are 0.
///
/// # Errors
/// [`Error::Shape`] without samples or features, if the numbers do not match, and if a group has no sample;
/// [`Error::Setting`] for an activity that is not finite.
///
/// ```
/// use neurogain::metrics::informativeness;
/// let activity = [1.0, 5.0, 3.0, 5.0, 4.0, 5.0, 6.0, 5.0];
/// let found = informativeness(2, &activity, &[false, false, true, true])?;
/// assert_eq!(found, [Some(3.0), Some(0.0)]);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn informativeness(
    features: usize,
    activity: &[f32],
    second: &[bool],
) -> Result<Vec<Option<f64>>> {
    check("informativeness", features, activity, second.len())?;
    let groups: Vec<u8> = second.iter().map(|&second| u8::from(second)).collect();
    let (counts, means) = class_means(features, activity, &groups);
    if counts[..2].contains(&0) {
        return Err(Error::shape(
            "informativeness",
            "a sample of each of two groups",
            format!("{} and {}", counts[0], counts[1]),
        ));
    }
    let mut variances = vec![vec![0.0; features]; 2];
    for (row, &group) in activity.chunks(features).zip(&groups) {
        let group = usize::from(group);
        for (feature, x) in row.iter().enumerate() {
            let away = f64::from(*x) - means[group][feature];
            variances[group][feature] += away * away / counts[group] as f64;
        }
    }
    let one = |feature: usize| {
        let distance = (means[0][feature] - means[1][feature]).abs();
        let spread = libm::sqrt(0.5 * (variances[0][feature] + variances[1][feature]));
        match distance == 0.0 {
            true => Some(0.0),
            false => (spread > 0.0).then(|| distance / spread),
        }
    };
    Ok((0..features).map(one).collect())
}

/// For each of `thresholds`, the fraction of `gains` with |g| ≤ threshold. NaN without gains; a gain that is NaN never
/// counts.
///
/// ```
/// use neurogain::metrics::shares_near_zero;
/// assert_eq!(shares_near_zero(&[0.0, 0.05, 2.0, 1.95], &[0.0, 0.1, 1.0]), [0.25, 0.5, 0.5]);
/// ```
pub fn shares_near_zero(gains: &[f32], thresholds: &[f32]) -> Vec<f64> {
    let share = |threshold: &f32| {
        let near = gains.iter().filter(|gain| gain.abs() <= *threshold);
        near.count() as f64 / gains.len() as f64
    };
    thresholds.iter().map(share).collect()
}

/// tr(C)²/‖C‖_F² of C = Σ r·rᵀ over the rows; `None` if all are `negligible`.
///
/// The Gram matrix of the rows and that of the columns have the same ‖·‖_F; the smaller one is used.
fn participation_ratio(rows: &[Vec<f64>], negligible: f64) -> Option<f64> {
    let largest = rows.iter().flatten().fold(0.0, |m: f64, v| m.max(v.abs()));
    if largest <= negligible {
        return None;
    }
    let features = rows.first().map_or(0, Vec::len);
    // Divided by the largest, so that fourth powers do not underflow.
    let mut vectors: Vec<Vec<f64>> = match rows.len() <= features {
        true => rows.to_vec(),
        false => (0..features)
            .map(|feature| rows.iter().map(|row| row[feature]).collect())
            .collect(),
    };
    vectors.iter_mut().flatten().for_each(|v| *v /= largest);
    let (mut trace, mut squares) = (0.0, 0.0);
    for (at, vector) in vectors.iter().enumerate() {
        let own = dot(vector, vector);
        trace += own;
        squares += own * own;
        for other in &vectors[..at] {
            let product = dot(vector, other);
            squares += 2.0 * product * product;
        }
    }
    Some(trace * trace / squares)
}

/// An orthonormal basis of the span of `directions`: Gram–Schmidt. The longest remaining direction comes first, so
/// that the order of the classes does not matter; each is made orthogonal to the basis twice, to remove rounding
/// errors.
fn orthonormal(mut directions: Vec<Vec<f64>>, negligible: f64) -> Vec<Vec<f64>> {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    loop {
        let lengths = directions.iter().map(|d| libm::sqrt(dot(d, d)));
        let best = lengths.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((at, length)) = best else {
            return basis;
        };
        if length <= negligible {
            return basis;
        }
        let mut q = directions.swap_remove(at);
        q.iter_mut().for_each(|v| *v /= length);
        for other in &basis {
            remove(&mut q, other);
        }
        let length = libm::sqrt(dot(&q, &q));
        q.iter_mut().for_each(|v| *v /= length);
        for direction in &mut directions {
            remove(direction, &q);
        }
        basis.push(q);
    }
}

/// vector ← vector − ⟨vector, q⟩·q.
fn remove(vector: &mut [f64], q: &[f64]) {
    let along = dot(vector, q);
    for (v, q) in vector.iter_mut().zip(q) {
        *v -= along * q;
    }
}

/// The number of samples of each of 256 classes, and their mean.
fn class_means(features: usize, activity: &[f32], labels: &[u8]) -> (Vec<usize>, Vec<Vec<f64>>) {
    let mut counts = vec![0; 256];
    let mut means = vec![Vec::new(); 256];
    for (row, &label) in activity.chunks(features).zip(labels) {
        let class = usize::from(label);
        counts[class] += 1;
        means[class].resize(features, 0.0);
        for (sum, x) in means[class].iter_mut().zip(row) {
            *sum += f64::from(*x);
        }
    }
    for (count, mean) in counts.iter().zip(&mut means) {
        mean.iter_mut().for_each(|sum| *sum /= *count as f64);
    }
    (counts, means)
}

fn check(operation: &'static str, features: usize, activity: &[f32], samples: usize) -> Result<()> {
    if features == 0 || samples == 0 || samples.checked_mul(features) != Some(activity.len()) {
        return Err(Error::shape(
            operation,
            format!("{samples} × {features} activities, neither 0"),
            format!("{} activities", activity.len()),
        ));
    }
    match activity.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => Err(Error::setting(
            format!(
                "activity of neuron {} in sample {}",
                at % features,
                at / features
            ),
            activity[at],
            "a finite number",
        )),
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
