//! Number formats of the terminal and the page.

use crate::metrics::Summary;

/// The unit of a value, which determines its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share in [0, 1], printed in per cent with two decimals.
    Percent,
    /// A share, four decimals.
    Share,
    /// A gain, three decimals.
    Gain,
    /// A number of iterations, one decimal.
    Iterations,
    /// A number without a unit, three decimals.
    Number,
}

/// The text for a missing value.
pub(crate) const NONE: &str = "–";

impl Unit {
    /// `value` without its unit.
    pub(crate) fn value(self, value: f64) -> String {
        if !value.is_finite() {
            return String::from(NONE);
        }
        let text = match self {
            Unit::Percent => format!("{:.2}", 100.0 * value),
            Unit::Share => format!("{value:.4}"),
            Unit::Gain | Unit::Number => format!("{value:.3}"),
            Unit::Iterations => format!("{value:.1}"),
        };
        text.replace('-', "−")
    }

    /// The factor by which a value is multiplied in figures.
    pub(crate) fn scale(self) -> f64 {
        match self {
            Unit::Percent => 100.0,
            _ => 1.0,
        }
    }

    /// A difference, with its sign.
    pub(crate) fn difference(self, value: f64) -> String {
        if !value.is_finite() {
            return String::from(NONE);
        }
        let size = self.value(value.abs());
        match value < 0.0 {
            true => format!("−{size}"),
            false => format!("+{size}"),
        }
    }

    /// Mean ± standard deviation; the mean alone if there is no standard deviation.
    pub(crate) fn mean_and_spread(self, summary: &Summary) -> String {
        let mean = self.value(summary.mean);
        if summary.count < 2 || !summary.standard_deviation.is_finite() {
            return mean;
        }
        format!("{mean} ± {}", self.value(summary.standard_deviation))
    }

    /// The unit after a quantity's name.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Unit::Percent => " (%)",
            Unit::Share | Unit::Gain | Unit::Number => "",
            Unit::Iterations => " (iterations)",
        }
    }
}
