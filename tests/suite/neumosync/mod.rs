//! NeuMoSync computes what its description says: gradients against an independent f64 network, the plain network's
//! bits at the start, one set of signals for equal inputs, the same bytes after a resume, and it learns.

mod bits;
mod gradients;
mod learning;
mod reference;

use neurogain::learn::Batch;
use neurogain::models::{ConvolutionConfig, FeedforwardConfig};
use neurogain::{Cpu, Memory, Shape, Tensor};

/// 8×8 images of one channel, 7, 5 and 3 neurons.
fn mlp() -> FeedforwardConfig {
    FeedforwardConfig {
        input: [8, 8, 1],
        ..FeedforwardConfig::mlp(64, &[7, 5], 3)
    }
}

/// 10×9 images of two channels, convolutions of 4 and 3 channels, 6 and 3 neurons.
fn cnn() -> FeedforwardConfig {
    let convolution = |channels, window| ConvolutionConfig { channels, window };
    FeedforwardConfig {
        input: [10, 9, 2],
        convolutions: vec![convolution(4, 3), convolution(3, 2)],
        hidden: vec![6],
        ..FeedforwardConfig::mlp(180, &[], 3)
    }
}

/// A number in [−1, 1), different for each `place`.
fn noise(place: usize) -> f32 {
    let mixed = (place as u32)
        .wrapping_add(1)
        .wrapping_mul(0x9E37_79B9)
        .rotate_left(13)
        .wrapping_mul(0x85EB_CA6B);
    ((mixed ^ (mixed >> 15)) >> 8) as f32 / 8_388_608.0 - 1.0
}

/// Images in [0, 1) and labels below 3.
fn batch(backend: &Cpu, config: &FeedforwardConfig, samples: usize) -> Batch {
    let [height, width, channels] = config.input;
    let shape = Shape::images(samples, height, width, channels);
    let numbers = 0..samples * height * width * channels;
    let rows: Vec<f32> = numbers.map(|i| noise(i + 77).abs()).collect();
    let labels: Vec<u8> = (0..samples).map(|s| ((s * 5 + 1) % 3) as u8).collect();
    Batch {
        inputs: Tensor::from_rows(backend, shape, &rows).unwrap(),
        labels: backend.bytes(&labels).unwrap(),
    }
}
