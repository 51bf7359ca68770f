//! The systems, a folder a paper.

mod comodulation;
mod stability_gap;

pub use comodulation::Comodulation;
pub use stability_gap::{StabilityGap, compare};
