//! Curves: a mean and its standard error at every iteration.

/// One method's curve.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    /// Its name in the legend.
    pub(crate) label: String,
    /// Its index in the palette.
    pub(crate) colour: usize,
    /// Mean over seeds at each iteration.
    pub(crate) mean: Vec<f64>,
    /// Standard error over seeds at each iteration.
    pub(crate) error: Vec<f64>,
    /// First and last iteration (counted from 1) of each context from the second on, and the smallest mean within it;
    /// empty for quantities without meaningful minima.
    pub(crate) minima: Vec<(usize, usize, f64)>,
}

impl Curve {
    /// Mean − standard error. It is not negative for non-negative values: the standard error of n non-negative values
    /// is at most their mean.
    pub(crate) fn low(&self) -> impl Iterator<Item = f64> {
        self.mean
            .iter()
            .zip(&self.error)
            .map(|(mean, error)| mean - error)
    }

    /// Mean + standard error.
    pub(crate) fn high(&self) -> impl Iterator<Item = f64> {
        self.mean
            .iter()
            .zip(&self.error)
            .map(|(mean, error)| mean + error)
    }
}

/// The largest number of points of a drawn curve: more than the units across a panel at print size.
const POINTS: usize = 2400;

/// The indices in `range` to draw: all, or the smallest and largest value of each of [`POINTS`]/2 equal pieces, so that
/// no dip is lost.
pub(crate) fn thinned(values: &[f64], range: core::ops::Range<usize>) -> Vec<usize> {
    if range.len() <= POINTS {
        return range.collect();
    }
    let length = range.len().div_ceil(POINTS / 2);
    let mut kept = Vec::with_capacity(POINTS);
    for start in range.clone().step_by(length) {
        let piece = start..(start + length).min(range.end);
        let by_value = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]);
        let ends = [piece.clone().min_by(by_value), piece.max_by(by_value)];
        kept.extend(ends.into_iter().flatten());
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_every_dip_and_short_curves_whole() {
        assert_eq!(thinned(&[0.0; 9], 2..7), [2, 3, 4, 5, 6]);
        let mut values = vec![1.0; 1_000_000];
        for dip in [17, 500_000, 999_999] {
            values[dip] = 0.0;
        }
        let kept = thinned(&values, 0..values.len());
        assert!(kept.len() <= POINTS && kept.windows(2).all(|pair| pair[0] < pair[1]));
        for dip in [17, 500_000, 999_999] {
            assert!(kept.contains(&dip), "{dip}");
        }
    }
}
