//! Mean and spread over seeds.

/// Mean and spread of a set of values.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "report", derive(serde::Serialize))]
pub struct Summary {
    /// Number of values n.
    pub count: usize,
    /// Arithmetic mean; NaN without values.
    pub mean: f64,
    /// Sample standard deviation (divisor n − 1); 0 for one value, NaN for none.
    pub standard_deviation: f64,
    /// Standard deviation / √n.
    pub standard_error: f64,
}

/// Mean and spread of `values`.
pub fn summarize(values: &[f64]) -> Summary {
    let count = values.len();
    let n = count as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let standard_deviation = match count {
        0 => f64::NAN,
        1 => 0.0,
        _ => libm::sqrt(squares / (n - 1.0)),
    };
    Summary {
        count,
        mean,
        standard_deviation,
        standard_error: standard_deviation / libm::sqrt(n),
    }
}
