//! A backbone's weights by the names that torchvision's ResNet-18 gives them.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::models::{Backbone, Comodulated};
use crate::shape::Shape;
use crate::tensor::{NamedTensor, Tensor};

impl<B: Backend> Backbone<B> {
    /// Takes every weight and running statistic from `tensors`, by torchvision's names: `conv1.weight`,
    /// `bn1.running_mean`, `layer1.0.conv1.weight`, `layer2.0.downsample.1.bias`, … Convolutions are
    /// `[outputs][inputs][size][size]` there. What else is among them, as `fc.weight`, is left alone.
    ///
    /// # Errors
    /// [`Error::Shape`] for a tensor that is missing or has another shape; the weights are then of no use.
    pub fn load(&mut self, backend: &B, tensors: &[NamedTensor]) -> Result<()> {
        for parameter in self.parameters() {
            let name = torchvision(&parameter.name);
            let shape = parameter.value.shape();
            let Shape::Dense([outputs, height, width, inputs]) = shape else {
                return Err(Error::shape("weights", "parameters", shape));
            };
            // By its name: a kernel of one pixel and one input has a normalisation's shape.
            let convolution = ![".gamma", ".beta"]
                .iter()
                .any(|end| parameter.name.ends_with(end));
            let numbers = match convolution {
                false => find(tensors, &name, &[outputs])?.to_vec(),
                true => {
                    let dimensions = [outputs, inputs, height, width];
                    channels_last(find(tensors, &name, &dimensions)?, dimensions)
                }
            };
            parameter.value = Tensor::from_rows(backend, shape, &numbers)?;
        }
        for (name, running) in self.statistics() {
            let norm = name.strip_suffix(".running").unwrap_or(&name);
            let norm = torchvision(&format!("{norm}.gamma"));
            let norm = norm.strip_suffix(".weight").unwrap_or(&norm);
            let channels = [running.shape().columns()];
            let mut numbers = find(tensors, &format!("{norm}.running_mean"), &channels)?.to_vec();
            numbers.extend(find(tensors, &format!("{norm}.running_var"), &channels)?);
            *running = Tensor::from_rows(backend, running.shape(), &numbers)?;
        }
        Ok(())
    }
}

impl<B: Backend> Comodulated<B> {
    /// [`Backbone::load`] of its backbone.
    ///
    /// # Errors
    /// Those of [`Backbone::load`].
    pub fn load_backbone(&mut self, backend: &B, tensors: &[NamedTensor]) -> Result<()> {
        self.backbone_mut().load(backend, tensors)
    }
}

/// torchvision's name of one of our parameters.
fn torchvision(name: &str) -> String {
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
    let (layer, kind) = layer.split_once('.').unwrap_or((layer, "weight"));
    let layer = match layer {
        "stem" | "first" => "conv1",
        "stem_norm" | "first_norm" => "bn1",
        "second" => "conv2",
        "second_norm" => "bn2",
        "shortcut" => "downsample.0",
        _ => "downsample.1",
    };
    let kind = if kind == "beta" { "bias" } else { "weight" };
    format!("{place}{layer}.{kind}")
}

fn find<'a>(tensors: &'a [NamedTensor], name: &str, shape: &[usize]) -> Result<&'a [f32]> {
    let expected = || format!("{name} of shape {shape:?}");
    let found = tensors.iter().find(|tensor| tensor.name == name);
    let found = found.ok_or_else(|| Error::shape("weights", expected(), "none of that name"))?;
    match found.shape == shape {
        true => Ok(&found.numbers),
        false => {
            let found = format!("shape {:?}", found.shape);
            Err(Error::shape("weights", expected(), found))
        }
    }
}

/// `[outputs][inputs][height][width]` as `[outputs][height][width][inputs]`.
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
