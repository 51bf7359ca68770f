//! Pure functions from histories to numbers, in f64.

mod stability_gap;
mod statistics;

pub use stability_gap::{StabilityGap, stability_gap};
pub use statistics::{Summary, summarise};
