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

/// Numbers from here on have an exponent.
const HUGE: f64 = 1e6;

/// The text for a missing value.
pub(crate) const NONE: &str = "–";

/// A line for each method, seed and what became of the run; one for all adjacent seeds of which the same is said.
pub(crate) fn by_seeds(runs: impl IntoIterator<Item = (String, u64, String)>) -> Vec<String> {
    let mut groups: Vec<(String, [u64; 2], String)> = Vec::new();
    for (method, seed, said) in runs {
        match groups.last_mut() {
            Some((of, [_, last], same))
                if *of == method && *same == said && last.checked_add(1) == Some(seed) =>
            {
                *last = seed;
            }
            _ => groups.push((method, [seed; 2], said)),
        }
    }
    let line = |(method, [first, last], said): (String, [u64; 2], String)| match first == last {
        true => format!("{method}, seed {first}: {said}"),
        false => format!("{method}, seeds {first} to {last}: {said}"),
    };
    groups.into_iter().map(line).collect()
}

impl Unit {
    /// `value` without its unit.
    pub(crate) fn value(self, value: f64) -> String {
        if !value.is_finite() {
            return String::from(NONE);
        }
        let text = match self {
            Unit::Percent => format!("{:.2}", 100.0 * value),
            Unit::Share => format!("{value:.4}"),
            Unit::Gain | Unit::Number if value.abs() >= HUGE => format!("{value:.3e}"),
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

#[cfg(test)]
mod tests {
    use super::{Unit, by_seeds};

    #[test]
    fn huge_numbers_have_an_exponent() {
        let texts = [999_999.0, -1e6, 1.7728e21].map(|value| Unit::Number.value(value));
        assert_eq!(texts, ["999999.000", "−1.000e6", "1.773e21"]);
    }

    #[test]
    fn adjacent_seeds_share_a_line() {
        let run = |method: &str, seed, said: &str| (method.into(), seed, said.into());
        let lines = by_seeds([
            run("SGD", 1, "not begun"),
            run("SGD", 2, "not begun"),
            run("SGD", 3, "not begun"),
            run("SGD", 5, "not begun"),
            run("SGD", 6, "diverged"),
            run("Adam", 7, "diverged"),
            run("Adam", u64::MAX, "diverged"),
            run("Adam", 0, "diverged"),
        ]);
        let expected = [
            "SGD, seeds 1 to 3: not begun",
            "SGD, seed 5: not begun",
            "SGD, seed 6: diverged",
            "Adam, seed 7: diverged",
            "Adam, seed 18446744073709551615: diverged",
            "Adam, seed 0: diverged",
        ];
        assert_eq!(lines, expected);
    }
}
