//! Gains that follow uncertainty, and what follows from them.

mod dynamics;
pub mod reparameterisation;

pub use dynamics::GainDynamics;
