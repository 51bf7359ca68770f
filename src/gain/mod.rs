//! Gains that follow uncertainty, and what follows from them.

mod dynamics;
mod recommendation;
pub mod reparameterisation;

pub use dynamics::GainDynamics;
pub use recommendation::{RATE_AT_ONE_NAT, recommended_eta};
