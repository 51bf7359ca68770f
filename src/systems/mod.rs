//! The systems, a folder a paper.

pub mod comodulation;
mod shipped;
pub mod stability_gap;

pub(crate) use self::shipped::DOCUMENTS;
pub use self::shipped::shipped;
pub use comodulation::Comodulation;
pub use stability_gap::StabilityGap;
