//! The library's slim ResNet-18 and the reference's, made from the same numbers.

use neurogain::learn::Batch;
use neurogain::models::{SlimResNet as Library, SlimResNetConfig};
use neurogain::{Cpu, Memory, Shape, Tensor};

use super::layers::Images;
use super::resnet::SlimResNet;

/// Reproducible f32 numbers.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Uniform in [low, high).
    pub fn next(&mut self, low: f32, high: f32) -> f64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40;
        let share = bits as f32 / (1 << 24) as f32;
        f64::from(low + (high - low) * share)
    }

    pub fn images(&mut self, shape: [usize; 3]) -> Images<f64> {
        Images::each(shape, |_| self.next(-1.5, 1.5))
    }
}

#[derive(Debug, Clone)]
pub struct Case {
    pub samples: usize,
    pub side: usize,
    pub channels: usize,
    pub classes: usize,
    pub width: usize,
    pub modulated: &'static [&'static str],
    pub seed: u64,
}

pub struct Pair {
    pub library: Library,
    pub reference: SlimResNet,
    pub images: Images<f64>,
    pub batch: Batch,
    pub labels: Vec<u8>,
    pub names: Vec<String>,
}

pub fn narrow(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&x| x as f32).collect()
}

pub fn wide(backend: &Cpu, tensor: &Tensor) -> Vec<f64> {
    let rows = tensor.to_rows(backend).unwrap();
    rows.into_iter().map(f64::from).collect()
}

impl Case {
    /// Both networks with the library's initial weights, γ in [½, 1½), β in [−½, ½), head weights
    /// large enough to matter and, if `drawn`, gains in [½, 2).
    pub fn pair(&self, backend: &Cpu, drawn: bool) -> Pair {
        let shape = SlimResNetConfig {
            side: self.side,
            channels: self.channels,
            classes: self.classes,
            width: self.width,
            head_standard_deviation: 0.5,
            modulated: self.modulated.iter().map(|name| (*name).into()).collect(),
        };
        let mut library = Library::new(backend, &shape, self.seed).unwrap();
        let mut reference = SlimResNet::new(self.channels, self.classes, self.width);
        let mut numbers = Numbers::new(self.seed);
        let mut names = Vec::new();
        for parameter in library.parameters() {
            let value = &mut parameter.value;
            let range = match parameter.name.rsplit('.').next() {
                Some("gamma") => Some((0.5, 1.5)),
                Some("beta") => Some((-0.5, 0.5)),
                _ => None,
            };
            if let Some((low, high)) = range {
                let fresh: Vec<f32> = (0..value.shape().rows())
                    .map(|_| numbers.next(low, high) as f32)
                    .collect();
                backend.upload(&fresh, value.floats_mut()).unwrap();
            }
            if let (Some(gain), true) = (&mut parameter.gain, drawn) {
                let fresh: Vec<f32> = (0..gain.shape().rows())
                    .map(|_| numbers.next(0.5, 2.0) as f32)
                    .collect();
                backend.upload(&fresh, gain.floats_mut()).unwrap();
            }
            names.push(parameter.name.clone());
            reference.parameters.push(wide(backend, &parameter.value));
            let gain = parameter.gain.as_ref();
            reference.gains.push(gain.map(|gain| wide(backend, gain)));
        }
        let images = numbers.images([self.samples, self.side, self.channels]);
        let labels: Vec<u8> = (0..self.samples)
            .map(|_| numbers.next(0.0, self.classes as f32) as u8)
            .collect();
        let shape = Shape::images(self.samples, self.side, self.side, self.channels);
        let batch = Batch {
            inputs: Tensor::from_rows(backend, shape, &narrow(&images.numbers)).unwrap(),
            labels: backend.bytes(&labels).unwrap(),
        };
        Pair {
            library,
            reference,
            images,
            batch,
            labels,
            names,
        }
    }
}
