//! Loads a backbone's weights under torchvision's names for ResNet-18.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::models::{Backbone, Comodulated};
use crate::shape::Shape;
use crate::state::Role;
use crate::tensor::{NamedTensor, Tensor};

impl<B: Backend> Backbone<B> {
    /// Loads every weight and running statistic from `tensors`, under torchvision's names: `conv1.weight`,
    /// `bn1.running_mean`, `layer1.0.conv1.weight`, `layer2.0.downsample.1.bias`, … Convolutions are
    /// `[outputs][inputs][size][size]` there. Other tensors, such as `fc.weight`, are ignored.
    ///
    /// # Errors
    /// [`Error::Shape`] if a tensor is missing or has another shape; the weights are then partly loaded.
    pub fn load(&mut self, backend: &B, tensors: &[NamedTensor]) -> Result<()> {
        for parameter in self.parameters() {
            let layer = torchvision_layer(&parameter.name);
            let shape = parameter.value.shape();
            let Shape::Dense([outputs, height, width, inputs]) = shape else {
                return Err(Error::shape("weights", "parameters", shape));
            };
            let name = match parameter.role {
                Role::Shift => format!("{layer}.bias"),
                _ => format!("{layer}.weight"),
            };
            let numbers = match parameter.role {
                Role::Weight => {
                    let dimensions = [outputs, inputs, height, width];
                    channels_last(find(tensors, &name, &dimensions)?, dimensions)
                }
                _ => find(tensors, &name, &[outputs])?.to_vec(),
            };
            parameter.value = Tensor::from_rows(backend, shape, &numbers)?;
        }
        for (layer, running) in self.statistics() {
            let norm = torchvision_layer(layer);
            let channels = [running.shape().columns()];
            let mut numbers = find(tensors, &format!("{norm}.running_mean"), &channels)?.to_vec();
            numbers.extend(find(tensors, &format!("{norm}.running_var"), &channels)?);
            *running = Tensor::from_rows(backend, running.shape(), &numbers)?;
        }
        Ok(())
    }
}

impl<B: Backend> Comodulated<B> {
    /// [`Backbone::load`] for the network's backbone.
    ///
    /// # Errors
    /// Those of [`Backbone::load`].
    pub fn load_backbone(&mut self, backend: &B, tensors: &[NamedTensor]) -> Result<()> {
        self.backbone_mut().load(backend, tensors)
    }
}

/// torchvision's name of a layer, or of a parameter of it, given ours.
fn torchvision_layer(name: &str) -> String {
    let (place, layer) = match name.strip_prefix("stage") {
        None => (String::new(), name),
        Some(rest) => {
            let mut parts = rest.splitn(3, '.');
            let stage = parts.next().unwrap_or_default();
            let block = parts.next().and_then(|block| block.strip_prefix("block"));
            let block: usize = block.and_then(|block| block.parse().ok()).unwrap_or(1);
            let layer = parts.next().unwrap_or_default();
            (format!("layer{stage}.{}.", block - 1), layer)
        }
    };
    let layer = match layer.split('.').next().unwrap_or(layer) {
        "stem" | "first" => "conv1",
        "stem_norm" | "first_norm" => "bn1",
        "second" => "conv2",
        "second_norm" => "bn2",
        "shortcut" => "downsample.0",
        _ => "downsample.1",
    };
    format!("{place}{layer}")
}

fn find<'a>(tensors: &'a [NamedTensor], name: &str, shape: &[usize]) -> Result<&'a [f32]> {
    let expected = || format!("{name} of shape {shape:?}");
    let found = tensors.iter().find(|tensor| tensor.name == name);
    let found =
        found.ok_or_else(|| Error::shape("weights", expected(), "no tensor of that name"))?;
    match found.shape == shape {
        true => Ok(&found.numbers),
        false => {
            let found = format!("shape {:?}", found.shape);
            Err(Error::shape("weights", expected(), found))
        }
    }
}

/// Converts `[outputs][inputs][height][width]` to `[outputs][height][width][inputs]`.
fn channels_last(numbers: &[f32], [outputs, inputs, height, width]: [usize; 4]) -> Vec<f32> {
    let pixels = height * width;
    let mut turned = vec![0.0; numbers.len()];
    for output in 0..outputs {
        for input in 0..inputs {
            for pixel in 0..pixels {
                turned[(output * pixels + pixel) * inputs + input] =
                    numbers[(output * inputs + input) * pixels + pixel];
            }
        }
    }
    turned
}
