//! Loads a backbone's weights under torchvision's names for ResNet-18.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::models::comodulated::Layers;
use crate::models::{Backbone, Comodulated, STAGES};
use crate::shape::Shape;
use crate::state::Role;
use crate::tensor::{NamedTensor, Tensor};

impl<B: Backend> Backbone<B> {
    /// Loads every weight and running statistic from `tensors`, under torchvision's names: `conv1.weight`,
    /// `bn1.running_mean`, `layer1.0.conv1.weight`, `layer2.0.downsample.1.bias`, … Convolutions are
    /// `[outputs][inputs][size][size]` there. Layers of later stages than the backbone has are not used.
    ///
    /// # Errors
    /// [`Error::Shape`] if a tensor is missing, has another shape or has no place in the backbone, or if a variance is
    /// negative; the weights are then partly loaded.
    pub fn load(&mut self, backend: &B, tensors: &[NamedTensor]) -> Result<()> {
        let mut used = Vec::new();
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
            used.push(name);
            parameter.value = Tensor::from_rows(backend, shape, &numbers)?;
        }
        for (layer, running) in self.statistics() {
            let norm = torchvision_layer(layer);
            let channels = [running.shape().columns()];
            let [mean, variance] = ["mean", "var"].map(|what| format!("{norm}.running_{what}"));
            let mut numbers = find(tensors, &mean, &channels)?.to_vec();
            let variances = find(tensors, &variance, &channels)?;
            if let Some(negative) = variances.iter().find(|v| **v < 0.0) {
                let expected = format!("variances of 0 or above in {variance}");
                return Err(Error::shape("weights", expected, negative));
            }
            numbers.extend(variances);
            *running = Tensor::from_rows(backend, running.shape(), &numbers)?;
            used.extend([mean, variance]);
        }
        // Two blocks a stage.
        let stages = self.blocks() / 2;
        let later = |name: &str| {
            let mut later = stages + 1..=STAGES;
            later.any(|stage| name.starts_with(&format!("layer{stage}.")))
        };
        match tensors
            .iter()
            .find(|of| !used.contains(&of.name) && !later(&of.name))
        {
            None => Ok(()),
            Some(other) => {
                let expected = "only tensors of a ResNet-18 with this network's layers";
                Err(Error::shape("weights", expected, &other.name))
            }
        }
    }
}

impl<B: Backend> Comodulated<B> {
    /// [`Backbone::load`] for the network's backbone.
    ///
    /// # Errors
    /// Those of [`Backbone::load`]; [`Error::Setting`] if the backbone has no residual stages.
    pub fn load_backbone(&mut self, backend: &B, tensors: &[NamedTensor]) -> Result<()> {
        match self.backbone_mut() {
            Layers::Residual(backbone) => backbone.load(backend, tensors),
            Layers::Cells(_) => {
                let expected = "no file, because the network has no residual stages";
                Err(Error::setting("network.weights", "a file", expected))
            }
        }
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
    let found = found.ok_or_else(|| {
        let prefixes = ["module.", "backbone."].into_iter();
        let mut prefixes = prefixes.filter(|prefix| {
            let names = tensors
                .iter()
                .map(|tensor| tensor.name.strip_prefix(prefix));
            names.flatten().any(|rest| rest == name)
        });
        let problem = match prefixes.next() {
            Some(prefix) => {
                format!("no tensor of that name; remove the prefix {prefix} from all names")
            }
            None => String::from("no tensor of that name"),
        };
        Error::shape("weights", expected(), problem)
    })?;
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
