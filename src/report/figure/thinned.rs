//! Fewer points for long curves, without losing a dip.

use super::chart::{Point, Series};

/// The largest number of points at which the curves of a panel are drawn: more than the units across a panel at print
/// size.
const POINTS: usize = 2400;

/// The series as they are drawn: all points, or, of long curves, those at the smallest and the largest value of every
/// series in each of equal pieces. All curves keep the points of the same indices.
pub(super) fn thinned(series: &[Series]) -> Vec<Series> {
    let longest = series.iter().map(|of| of.points.len()).max().unwrap_or(0);
    if longest <= POINTS {
        return series.to_vec();
    }
    let pieces = POINTS / (2 * series.len().min(POINTS / 4));
    let length = longest.div_ceil(pieces);
    let mut kept = Vec::with_capacity(POINTS);
    for of in series {
        let by_value = |a: &usize, b: &usize| of.points[*a].y.total_cmp(&of.points[*b].y);
        for start in (0..of.points.len()).step_by(length) {
            let piece = start..(start + length).min(of.points.len());
            let ends = [piece.clone().min_by(by_value), piece.max_by(by_value)];
            kept.extend(ends.into_iter().flatten());
        }
    }
    kept.sort_unstable();
    kept.dedup();
    let thin = |of: &Series| {
        let points = kept.iter().filter_map(|at| of.points.get(*at).copied());
        Series {
            points: points.collect::<Vec<Point>>(),
            ..of.clone()
        }
    };
    series.iter().map(thin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(values: &[f64]) -> Series {
        let points = values.iter().enumerate();
        Series::line("a", 0, points.map(|(x, y)| (x as f64, *y)))
    }

    #[test]
    fn thinning_keeps_every_dip_and_short_curves_whole() {
        let short = [curve(&[0.0; 9])];
        assert_eq!(thinned(&short), short);
        let mut values = vec![1.0; 1_000_000];
        for dip in [17, 500_000, 999_999] {
            values[dip] = 0.0;
        }
        let all = thinned(&[curve(&values), curve(&[0.5; 1_000_000])]);
        for of in &all {
            let x: Vec<f64> = of.points.iter().map(|point| point.x).collect();
            assert!(x.len() <= POINTS && x.windows(2).all(|pair| pair[0] < pair[1]));
            for dip in [17.0, 500_000.0, 999_999.0] {
                assert!(x.contains(&dip), "{dip}");
            }
        }
        let many: Vec<Series> = (0..5000).map(|_| curve(&[0.0; 2401])).collect();
        assert!(thinned(&many)[0].points.len() <= 2401);
    }
}
