//! Pure functions from histories to numbers, in f64.

mod continual;
mod paired;
mod stability_gap;
mod statistics;

pub use continual::{Continual, continual};
pub use paired::{LEAST_PAIRS, PairedDifference, RESAMPLES, paired_difference};
pub use stability_gap::{RECOVERED_SHARE, StabilityGap, stability_gap, stability_gap_of_mean};
pub use statistics::{Summary, summarise};
