//! Gain dynamics driven by uncertainty and their reparameterisation; stochastic gains under a shared modulator.

mod decoder_gains;
mod dynamics;
mod recommendation;
pub mod reparameterisation;
mod sampling;

pub use decoder_gains::{
    DecoderGain, GainStatistic, MAX_TAU, ModulatorCovariance, Rectification, mean_over_images,
    unit_mean,
};
pub use dynamics::GainDynamics;
pub use recommendation::{RATE_AT_ONE_NAT, recommended_eta};
pub use sampling::{Modulation, SamplingScheme, gain, gain_slope, modulator};
