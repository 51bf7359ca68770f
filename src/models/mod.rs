//! Models: layers in order.

mod basic_block;
mod mlp;
mod network;
mod resnet;

pub use mlp::{Mlp, MlpShape};
pub use network::Network;
pub use resnet::{SlimResNet, SlimResNetShape};
