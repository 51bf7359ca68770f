//! Models: layers in order.

mod mlp;
mod network;

pub use mlp::{Mlp, MlpShape};
pub use network::Network;
