//! Gain dynamics driven by uncertainty and their reparameterisation; stochastic gains under a shared modulator.

mod decoder_gains;
mod dynamics;
mod recommendation;
pub mod reparameterisation;
mod sampling;

pub use decoder_gains::{
    Comovement, DecoderGain, LONGEST, Measure, Sign, mean_over_images, normalised,
};
pub use dynamics::GainDynamics;
pub use recommendation::{RATE_AT_ONE_NAT, recommended_eta};
pub use sampling::{Draws, Modulation, gain, gain_slope, modulator};
