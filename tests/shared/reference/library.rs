//! The library's network and the reference's, made from the same numbers.

use neurogain::learn::Batch;
use neurogain::models::{Mlp, MlpConfig};
use neurogain::{Cpu, Memory, Shape, Tensor};
use proptest::prelude::*;

use crate::reference::{DeviceDataset, Network};

/// A network and samples; every number is an f32.
#[derive(Debug, Clone)]
pub struct Case {
    pub network: Network,
    pub samples: DeviceDataset,
}

/// Random sizes (1 to 5 layers, up to 20 neurons each), weights, gains in [½, 3] and 1 to 40
/// samples.
pub fn cases() -> impl Strategy<Value = Case> {
    let sizes = (
        1..=20usize,
        prop::collection::vec(1..=20usize, 0..=3),
        1..=12usize,
    );
    (sizes, 1..=40usize).prop_flat_map(|((inputs, hidden, outputs), m)| {
        let mut neurons = vec![inputs];
        neurons.extend(hidden);
        neurons.push(outputs);
        let pairs: Vec<_> = neurons.windows(2).map(|w| (w[1], w[0])).collect();
        let matrix = |(rows, columns): (usize, usize)| {
            let width = 1.5 / (columns as f32).sqrt();
            prop::collection::vec(prop::collection::vec(number(-width, width), columns), rows)
        };
        let weights: Vec<_> = pairs.iter().map(|&pair| matrix(pair)).collect();
        let gains: Vec<_> = pairs
            .iter()
            .map(|&(rows, _)| prop::collection::vec(number(0.5, 3.0), rows))
            .collect();
        let images = prop::collection::vec(prop::collection::vec(number(-2.0, 2.0), inputs), m);
        let labels = prop::collection::vec(0..outputs as u8, m);
        (weights, gains, images, labels).prop_map(|(weights, gains, inputs, labels)| Case {
            network: Network { weights, gains },
            samples: DeviceDataset { inputs, labels },
        })
    })
}

fn number(low: f32, high: f32) -> impl Strategy<Value = f64> {
    (low..=high).prop_map(f64::from)
}

fn flat(rows: &[Vec<f64>]) -> Vec<f32> {
    rows.iter().flatten().map(|&x| x as f32).collect()
}

impl Case {
    /// The library's network with this one's weights and gains.
    pub fn mlp(&self, backend: &Cpu) -> Mlp {
        let mut neurons = vec![self.network.weights[0][0].len()];
        neurons.extend(self.network.weights.iter().map(Vec::len));
        let shape = MlpConfig {
            neurons,
            hidden_standard_deviation: 1.0,
            output_standard_deviation: 1.0,
        };
        let mut mlp = Mlp::new(backend, &shape, 0).unwrap();
        let layers = self.network.weights.iter().zip(&self.network.gains);
        for (parameter, (weights, gains)) in mlp.parameters().zip(layers) {
            let weights = flat(weights);
            backend
                .upload(&weights, parameter.value.floats_mut())
                .unwrap();
            let gains: Vec<f32> = gains.iter().map(|&g| g as f32).collect();
            let gain = parameter.gain.as_mut().unwrap();
            backend.upload(&gains, gain.floats_mut()).unwrap();
        }
        mlp
    }

    /// The library's batch of the samples.
    pub fn batch(&self, backend: &Cpu) -> Batch {
        let shape = Shape::features(self.samples.inputs.len(), self.samples.inputs[0].len());
        Batch {
            inputs: Tensor::from_rows(backend, shape, &flat(&self.samples.inputs)).unwrap(),
            labels: backend.bytes(&self.samples.labels).unwrap(),
        }
    }
}
