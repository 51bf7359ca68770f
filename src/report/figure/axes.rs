//! Axes: from values to shares of a panel, and where ticks go.

/// A vertical axis.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
}

/// The smallest loss that a logarithmic axis shows.
const LEAST: f64 = 1e-6;

impl Axis {
    /// From `low` to `high`, widened to whole ticks but not beyond `limit`.
    pub(super) fn linear(low: f64, high: f64, limit: Option<f64>) -> Self {
        let (low, high) = widened(low, high);
        let step = step(high - low, 5);
        let up = (high / step).ceil() * step;
        Axis {
            low: (low / step).floor() * step,
            high: limit.map_or(up, |limit| up.min(limit.max(high))),
            logarithmic: false,
        }
    }

    /// From `low` to `high` on a logarithmic scale.
    pub(super) fn logarithmic(low: f64, high: f64) -> Self {
        let low = if low.is_finite() {
            low.max(LEAST)
        } else {
            LEAST
        };
        let high = if high.is_finite() {
            high.max(2.0 * low)
        } else {
            1.0
        };
        Axis {
            low: low / 1.1,
            high: high * 1.1,
            logarithmic: true,
        }
    }

    /// Where `value` is, as a share of the axis; beyond its ends at its ends.
    pub(super) fn share(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(LEAST) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        share.clamp(0.0, 1.0)
    }

    /// Values that get a line, with their labels.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let label = |value: f64, decimals: usize| (value, format!("{value:.decimals$}"));
        if !self.logarithmic {
            let ticks = linear_ticks(self.low, self.high, 5);
            let decimals = decimals(&ticks);
            return ticks.into_iter().map(|v| label(v, decimals)).collect();
        }
        let decades = (self.high / self.low).log10();
        // Powers of ten, and between them as many as keep five or so labels.
        let within: &[f64] = match decades {
            d if d < 1.2 => &[1.0, 2.0, 3.0, 5.0, 7.0],
            d if d < 2.5 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let first = self.low.log10().floor() as i32;
        let last = self.high.log10().ceil() as i32;
        let mut ticks = Vec::new();
        for power in first..=last {
            for factor in within {
                let value = factor * 10f64.powi(power);
                if (self.low..=self.high).contains(&value) {
                    ticks.push(label(value, usize::try_from(-power).unwrap_or(0)));
                }
            }
        }
        ticks
    }
}

/// `low` and `high` as finite numbers some way apart.
fn widened(low: f64, high: f64) -> (f64, f64) {
    if !(low.is_finite() && high.is_finite()) {
        return (0.0, 1.0);
    }
    if high - low > 1e-9 * high.abs().max(low.abs()) && high - low > 1e-12 {
        return (low, high);
    }
    (low - 0.5, high + 0.5)
}

/// A round distance that divides `span` into about `count` pieces.
fn step(span: f64, count: usize) -> f64 {
    let rough = span / count as f64;
    let power = 10f64.powf(rough.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    factors
        .into_iter()
        .find(|step| *step >= 0.85 * rough)
        .unwrap_or(rough)
}

/// About `count` round values from `low` to `high`, both included where they are round.
pub(super) fn linear_ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let (low, high) = widened(low, high);
    let step = step(high - low, count);
    let first = (low / step - 1e-6).ceil() as i64;
    let last = (high / step + 1e-6).floor() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}

/// Decimals that tell neighbouring ticks apart.
pub(super) fn decimals(ticks: &[f64]) -> usize {
    let distance = match ticks {
        [first, second, ..] => second - first,
        _ => 1.0,
    };
    (-(distance + 1e-12).log10().floor()).clamp(0.0, 9.0) as usize
}
