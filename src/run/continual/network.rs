//! The network of an experiment.

use super::{MethodSettings, NetworkSettings};
use crate::backend::Backend;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::models::{
    Activation, Feedforward, FeedforwardConfig, Mlp, MlpConfig, Network, SlimResNet,
    SlimResNetConfig,
};

/// The configuration of each run's network.
#[derive(Debug)]
pub(crate) enum NetworkConfig {
    Mlp(MlpConfig),
    Feedforward(FeedforwardConfig),
    SlimResNet(SlimResNetConfig),
}

impl NetworkConfig {
    /// The network with this number of outputs, for these samples.
    pub(super) fn new(
        settings: &NetworkSettings,
        samples: &Dataset,
        outputs: usize,
    ) -> Result<NetworkConfig> {
        let shape = samples.shape();
        Ok(match settings {
            NetworkSettings::Mlp {
                hidden,
                hidden_standard_deviation,
                output_standard_deviation,
            } => {
                let mut neurons = vec![samples.features()];
                neurons.extend(hidden);
                neurons.push(outputs);
                NetworkConfig::Mlp(MlpConfig {
                    neurons,
                    hidden_standard_deviation: *hidden_standard_deviation,
                    output_standard_deviation: *output_standard_deviation,
                })
            }
            NetworkSettings::Feedforward {
                convolutions,
                hidden,
            } => NetworkConfig::Feedforward(FeedforwardConfig {
                input: [shape.height, shape.width, shape.channels],
                convolutions: convolutions.clone(),
                hidden: hidden.clone(),
                classes: outputs,
                activation: Activation::Relu,
                layer_norm: false,
            }),
            NetworkSettings::SlimResnet18 {
                width,
                head_standard_deviation,
                modulated,
            } => {
                if shape.height != shape.width {
                    let expected = "mlp: slim-resnet18 needs square images";
                    return Err(Error::setting("network.kind", shape, expected));
                }
                NetworkConfig::SlimResNet(SlimResNetConfig {
                    side: shape.height,
                    channels: shape.channels,
                    classes: outputs,
                    width: *width,
                    head_standard_deviation: *head_standard_deviation,
                    modulated: modulated.clone(),
                })
            }
        })
    }

    /// The network of a method, with weights drawn from the seed.
    pub(crate) fn build<B: Backend>(
        &self,
        backend: &B,
        method: &MethodSettings,
        seed: u64,
    ) -> Result<Box<dyn Network<B>>> {
        Ok(match self {
            NetworkConfig::Mlp(config) => Box::new(Mlp::new(backend, config, seed)?),
            NetworkConfig::Feedforward(config) => {
                let activation = method.activation.unwrap_or(Activation::Relu);
                let mut config = config.with_equal_parameters(activation)?;
                config.layer_norm = method.layer_norm.unwrap_or(false);
                let network = Feedforward::new(backend, &config, seed)?;
                Box::new(match method.gain_modulated {
                    true => network.with_gains(backend)?,
                    false => network,
                })
            }
            NetworkConfig::SlimResNet(config) => Box::new(SlimResNet::new(backend, config, seed)?),
        })
    }
}
