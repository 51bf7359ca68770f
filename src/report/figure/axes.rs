//! Axes: mapping of values to shares of a panel, and placement of ticks.

/// A vertical or horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    scale: Scale,
    /// The smallest and the largest value shown; for [`Scale::Error`], of the errors.
    low: f64,
    high: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    Logarithmic,
    /// For an accuracy in per cent: logarithmic in the error 100 − accuracy, which decreases upwards.
    Error,
}

/// Ticks of a linear axis from here on have an exponent: longer ones would overlap the axis's title.
const LONG: f64 = 1e6;

/// The smallest loss that a logarithmic axis shows.
const LEAST_LOSS: f64 = 1e-6;

/// Values of a setting whose largest-to-smallest ratio is at least this have a logarithmic axis.
const WIDE: f64 = 10.0;

/// The margin beside the outermost values of a setting, as a share of their distance.
const MARGIN: f64 = 0.04;

/// The smallest error in per cent that an axis shows: one in a thousand.
const LEAST_ERROR: f64 = 0.1;

impl Axis {
    /// A linear axis from `low` to `high`, widened to whole ticks but not beyond `limit`.
    pub(crate) fn linear(low: f64, high: f64, limit: Option<f64>) -> Self {
        let largest = high;
        let (low, high) = match low == 0.0 && high == 0.0 {
            true => (0.0, 1.0),
            false => widened(low, high),
        };
        let step = step(high - low, 5);
        let up = (high / step).ceil() * step;
        Axis {
            low: (low / step).floor() * step,
            high: limit.map_or(up, |limit| up.min(limit.max(largest))),
            scale: Scale::Linear,
        }
    }

    /// A linear axis with exactly these ends.
    pub(crate) fn span(low: f64, high: f64) -> Self {
        let (low, high) = widened(low, high);
        let scale = Scale::Linear;
        Axis { scale, low, high }
    }

    /// The horizontal axis of a setting with these values: logarithmic from a factor of ten on, with a margin.
    pub(crate) fn of_values(values: &[f64]) -> Self {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if low > 0.0 && high / low >= WIDE {
            let margin = libm::pow(high / low, MARGIN);
            return Axis {
                scale: Scale::Logarithmic,
                low: low / margin,
                high: high * margin,
            };
        }
        let (low, high) = widened(low, high);
        let margin = MARGIN * (high - low);
        Self::span(low - margin, high + margin)
    }

    /// Whether it is logarithmic.
    pub(crate) fn is_logarithmic(&self) -> bool {
        self.scale == Scale::Logarithmic
    }

    /// About `count` round values with their labels; whole ones if `whole`.
    pub(crate) fn round_ticks(&self, count: usize, whole: bool) -> Vec<(f64, String)> {
        let mut ticks = linear_ticks(self.low, self.high, count);
        if whole && decimals(&ticks) > 0 {
            ticks = linear_ticks(self.low, self.high, (self.high - self.low).ceil() as usize);
            ticks.retain(|tick| tick.fract() == 0.0);
        }
        labelled(ticks)
    }

    /// A logarithmic axis from `low` to `high`.
    pub(crate) fn logarithmic(low: f64, high: f64) -> Self {
        let (low, high) = logarithmic_ends(low, high, LEAST_LOSS);
        let scale = Scale::Logarithmic;
        Axis { scale, low, high }
    }

    /// An axis for accuracies in per cent from `low` to `high`, logarithmic in 100 − accuracy: a fall from 99 to 97 is
    /// as visible as one from 60 to 0.
    pub(crate) fn error(low: f64, high: f64) -> Self {
        let (low, high) = logarithmic_ends(100.0 - high, 100.0 - low, LEAST_ERROR);
        let scale = Scale::Error;
        Axis { scale, low, high }
    }

    /// The position of `value` as a share of the axis, clamped to its ends.
    pub(crate) fn share(&self, value: f64) -> f64 {
        // `libm` instead of the platform's functions, so that a figure has the same bytes everywhere.
        let logarithmic =
            |v: f64| libm::log(v.max(self.low) / self.low) / libm::log(self.high / self.low);
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => logarithmic(value),
            Scale::Error => 1.0 - logarithmic(100.0 - value),
        };
        share.clamp(0.0, 1.0)
    }

    /// The values of the grid lines, with their labels.
    pub(crate) fn ticks(&self) -> Vec<(f64, String)> {
        let text = |value: f64, decimals: usize| format!("{value:.decimals$}").replace('-', "−");
        let label = |value: f64, decimals: usize| (value, text(value, decimals));
        if self.scale == Scale::Linear {
            return labelled(linear_ticks(self.low, self.high, 5));
        }
        let mut ticks = Vec::new();
        for (value, power) in logarithmic_ticks(self.low, self.high) {
            let decimals = usize::try_from(-power).unwrap_or(0);
            ticks.push(match self.scale {
                Scale::Error => label(100.0 - value, decimals),
                // 0.00001 and 10000 would overlap the axis's title.
                Scale::Logarithmic if !(-3..=3).contains(&power) => {
                    (value, format!("{value:.0e}").replace('-', "−"))
                }
                Scale::Linear | Scale::Logarithmic => label(value, decimals),
            });
        }
        ticks
    }
}

/// The ends of a logarithmic axis: positive, finite and distinct, with a margin.
fn logarithmic_ends(low: f64, high: f64, least: f64) -> (f64, f64) {
    let low = if low.is_finite() {
        low.max(least)
    } else {
        least
    };
    let high = if high.is_finite() { high } else { 1.0 };
    (low / 1.1, high.max(2.0 * low) * 1.1)
}

/// Powers of ten from `low` to `high`, and as many values between them as their labels leave room for; each with its
/// power.
fn logarithmic_ticks(low: f64, high: f64) -> Vec<(f64, i32)> {
    let within: &[f64] = match libm::log10(high / low) {
        decades if decades < 1.2 => &[1.0, 2.0, 3.0, 5.0, 7.0],
        decades if decades < 3.5 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let mut ticks = Vec::new();
    for power in libm::floor(libm::log10(low)) as i32..=libm::ceil(libm::log10(high)) as i32 {
        let values = within
            .iter()
            .map(|factor| factor * libm::exp10(f64::from(power)));
        let shown = values.filter(|value| (low..=high).contains(value));
        ticks.extend(shown.map(|value| (value, power)));
    }
    ticks
}

/// `low` and `high` as finite, distinct numbers.
fn widened(low: f64, high: f64) -> (f64, f64) {
    if !(low.is_finite() && high.is_finite()) {
        return (0.0, 1.0);
    }
    if high - low > 1e-9 * high.abs().max(low.abs()) && high - low > 1e-12 {
        return (low, high);
    }
    (low - 0.5, high + 0.5)
}

/// A round step that divides `span` into about `count` intervals.
fn step(span: f64, count: usize) -> f64 {
    let rough = span / count as f64;
    let power = libm::exp10(libm::floor(libm::log10(rough)));
    let factors = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    factors
        .into_iter()
        .find(|step| *step >= 0.85 * rough)
        .unwrap_or(rough)
}

/// About `count` round values from `low` to `high`, including both ends if they are round.
fn linear_ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let (low, high) = widened(low, high);
    let step = step(high - low, count);
    let first = (low / step - 1e-6).ceil() as i64;
    let last = (high / step + 1e-6).floor() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}

/// Ticks with their labels: with an exponent if decimals would make them long.
fn labelled(ticks: Vec<f64>) -> Vec<(f64, String)> {
    let decimals = decimals(&ticks);
    let largest = ticks
        .iter()
        .fold(0.0, |size: f64, tick| size.max(tick.abs()));
    // The digits in which neighbours differ.
    let digits = match ticks[..] {
        [first, second, ..] => libm::ceil(libm::log10(largest / (second - first))) as usize,
        _ => 1,
    };
    let text = |tick: f64| match largest >= LONG {
        true if tick == 0.0 => String::from("0"),
        true => format!("{tick:.digits$e}"),
        false => format!("{tick:.decimals$}"),
    };
    let label = |tick: f64| (tick, text(tick).replace('-', "−"));
    ticks.into_iter().map(label).collect()
}

/// The number of decimals that distinguishes neighbouring ticks.
fn decimals(ticks: &[f64]) -> usize {
    let distance = match ticks {
        [first, second, ..] => second - first,
        _ => 1.0,
    };
    (-libm::floor(libm::log10(distance + 1e-12))).clamp(0.0, 9.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn linear_axes_end_at_round_values_and_at_their_limit() {
        let axis = Axis::linear(31.0, 99.4, Some(100.0));
        assert_eq!(labels(&axis), ["20", "40", "60", "80", "100"]);
        assert_eq!(axis.share(20.0), 0.0);
        assert_eq!(axis.share(60.0), 0.5);
        assert_eq!(
            labels(&Axis::linear(1.0, 2.6, None)),
            ["1.0", "1.5", "2.0", "2.5", "3.0"]
        );
        assert_eq!(Axis::linear(100.0, 100.0, Some(100.0)).share(100.0), 1.0);
        assert_eq!(Axis::linear(0.0, 0.0, Some(100.0)).share(0.0), 0.0);
        assert_eq!(
            labels(&Axis::linear(98.6, 99.9, Some(100.0)))
                .last()
                .unwrap(),
            "100.0"
        );
    }

    #[test]
    fn long_labels_have_an_exponent() {
        let axis = Axis::linear(0.0, 2.4e22, None);
        assert_eq!(
            labels(&axis),
            ["0", "5.0e21", "1.0e22", "1.5e22", "2.0e22", "2.5e22"]
        );
        let narrow = labels(&Axis::linear(1.2e6, 1.2003e6, None));
        let count = narrow.len();
        let mut distinct = narrow.clone();
        distinct.dedup();
        assert_eq!(distinct.len(), count, "{narrow:?}");
        assert_eq!(
            labels(&Axis::linear(0.0, 7e5, None)).last().unwrap(),
            "800000"
        );
    }

    #[test]
    fn logarithmic_axes_halve_at_the_geometric_mean() {
        let axis = Axis::logarithmic(0.02, 2.0);
        assert!((axis.share(0.2) - 0.5).abs() < 1e-12);
        assert_eq!(labels(&axis), ["0.03", "0.1", "0.3", "1"].map(String::from));
        assert_eq!(axis.share(0.0), 0.0, "nothing is below the axis");
    }

    #[test]
    fn error_axes_rise_with_accuracy_and_show_a_perfect_one_at_the_top() {
        let axis = Axis::error(0.0, 100.0);
        assert_eq!(labels(&axis), ["99.9", "99.7", "99", "97", "90", "70", "0"]);
        let shares = [0.0, 50.0, 90.0, 99.0, 99.9].map(|v| axis.share(v));
        assert!(
            shares.windows(2).all(|pair| pair[0] < pair[1]),
            "{shares:?}"
        );
        assert_eq!(axis.share(100.0), 1.0);
    }

    #[test]
    fn the_values_of_a_setting_are_on_an_axis_that_fits_them() {
        let axis = Axis::of_values(&[0.001, 0.01, 0.1]);
        assert!(axis.is_logarithmic() && (axis.share(0.01) - 0.5).abs() < 1e-12);
        assert!(axis.share(0.001) > 0.0 && axis.share(0.1) < 1.0);
        let axis = Axis::of_values(&[50.0, 100.0, 200.0]);
        assert!(!axis.is_logarithmic() && axis.share(50.0) > 0.0);
        assert!((axis.share(125.0) - 0.5).abs() < 1e-12);
        assert!(!Axis::of_values(&[0.0, 5.0, 200.0]).is_logarithmic());
    }

    #[test]
    fn whole_numbers_have_whole_ticks() {
        let ticks = |high: f64, whole| -> Vec<String> {
            let ticks = Axis::span(0.0, high).round_ticks(6, whole).into_iter();
            ticks.map(|(_, label)| label).collect()
        };
        assert_eq!(ticks(2.0, true), ["0", "1", "2"]);
        assert_eq!(ticks(2.0, false)[1], "0.5");
        assert_eq!(
            ticks(1000.0, true),
            ["0", "200", "400", "600", "800", "1000"]
        );
    }

    #[test]
    fn values_that_do_not_vary_or_do_not_exist_have_an_axis() {
        for axis in [
            Axis::linear(1.0, 1.0, None),
            Axis::linear(f64::INFINITY, f64::NEG_INFINITY, None),
            Axis::logarithmic(0.0, 0.0),
            Axis::logarithmic(f64::INFINITY, f64::NEG_INFINITY),
            Axis::error(100.0, 100.0),
        ] {
            assert!(axis.low < axis.high && axis.low.is_finite() && axis.high.is_finite());
            assert!(
                axis.share(1.0).is_finite() && axis.ticks().len() < 20,
                "{axis:?}"
            );
        }
    }
}
