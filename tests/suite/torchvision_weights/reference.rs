//! A ResNet-18 in PyTorch's layout, in f64, and files of its weights.

use std::collections::BTreeMap;

use neurogain::models::Stem;
use safetensors::tensor::{Dtype, TensorView, serialize};

/// Tensors with torchvision's names, and their shapes.
pub type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// SplitMix64, as numbers of [−1, 1).
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.number()).collect()
    }
}

/// A ResNet-18's tensors of this width and number of stages, with the names of torchvision's `state_dict`.
pub fn drawn(channels: usize, width: usize, stages: usize, stem: usize) -> Weights {
    let mut random = Random(5);
    let mut all = Weights::new();
    let mut convolution = |all: &mut Weights, name: &str, shape: [usize; 4]| {
        let inputs = shape[1] * shape[2] * shape[3];
        let mut numbers = random.numbers(shape.iter().product());
        numbers
            .iter_mut()
            .for_each(|n| *n *= 2.0 / (inputs as f32).sqrt());
        all.insert(format!("{name}.weight"), (shape.to_vec(), numbers));
    };
    let mut random = Random(6);
    let mut norm = |all: &mut Weights, name: &str, channels: usize| {
        for (part, least) in [
            ("weight", 1.5),
            ("bias", 0.0),
            ("running_mean", 0.0),
            ("running_var", 1.25),
        ] {
            let mut numbers = random.numbers(channels);
            numbers.iter_mut().for_each(|n| *n = least + 0.5 * *n);
            all.insert(format!("{name}.{part}"), (vec![channels], numbers));
        }
    };
    convolution(&mut all, "conv1", [width, channels, stem, stem]);
    norm(&mut all, "bn1", width);
    let mut inputs = width;
    for stage in 0..stages {
        let outputs = width << stage;
        for block in 0..2 {
            let place = format!("layer{}.{block}", stage + 1);
            convolution(&mut all, &format!("{place}.conv1"), [outputs, inputs, 3, 3]);
            norm(&mut all, &format!("{place}.bn1"), outputs);
            convolution(
                &mut all,
                &format!("{place}.conv2"),
                [outputs, outputs, 3, 3],
            );
            norm(&mut all, &format!("{place}.bn2"), outputs);
            if stage > 0 && block == 0 {
                convolution(
                    &mut all,
                    &format!("{place}.downsample.0"),
                    [outputs, inputs, 1, 1],
                );
                norm(&mut all, &format!("{place}.downsample.1"), outputs);
            }
            inputs = outputs;
        }
    }
    all
}

/// The bytes of a safetensors file with these, and with the other tensors in torchvision's files.
pub fn file(weights: &Weights, more: &[(&str, Dtype, Vec<usize>)]) -> Vec<u8> {
    let mut parts: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, (shape, numbers)) in weights {
        let bytes = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        parts.push((name.clone(), Dtype::F32, shape.clone(), bytes));
    }
    for (name, kind, shape) in more {
        let bytes = vec![0; shape.iter().product::<usize>() * kind.bitsize() / 8];
        parts.push((name.to_string(), *kind, shape.clone(), bytes));
    }
    let views = parts.iter().map(|(name, kind, shape, bytes)| {
        let view = TensorView::new(*kind, shape.clone(), bytes).expect("a tensor");
        (name, view)
    });
    serialize(views.collect::<Vec<_>>(), None).expect("a file")
}

/// Maps `[channels][side][side]`, in PyTorch's layout for one image.
#[derive(Clone)]
pub struct Maps {
    pub channels: usize,
    pub side: usize,
    pub values: Vec<f64>,
}

impl Maps {
    /// 0 outside the image.
    pub fn at(&self, channel: usize, row: isize, column: isize) -> Option<f64> {
        let (row, column) = (usize::try_from(row).ok()?, usize::try_from(column).ok()?);
        let inside = row < self.side && column < self.side;
        inside.then(|| self.values[(channel * self.side + row) * self.side + column])
    }

    pub fn new(channels: usize, side: usize, of: impl Fn(usize, isize, isize) -> f64) -> Self {
        let mut values = Vec::new();
        for channel in 0..channels {
            for row in 0..side as isize {
                values.extend((0..side as isize).map(|column| of(channel, row, column)));
            }
        }
        Maps {
            channels,
            side,
            values,
        }
    }

    /// `torch.nn.Conv2d` without bias, padding half the kernel's size: weights `[out][in][row][column]`.
    pub fn convolution(&self, weights: &Weights, name: &str, stride: usize) -> Maps {
        let (shape, kernel) = &weights[&format!("{name}.weight")];
        let [outputs, inputs, size, _] = shape[..] else {
            panic!("{name}: {shape:?}");
        };
        assert_eq!(inputs, self.channels, "{name}");
        let padding = (size / 2) as isize;
        Maps::new(
            outputs,
            self.side.div_ceil(stride),
            |output, row, column| {
                let mut sum = 0.0;
                for input in 0..inputs {
                    for y in 0..size {
                        for x in 0..size {
                            let weight = kernel[((output * inputs + input) * size + y) * size + x];
                            let row = row * stride as isize + y as isize - padding;
                            let column = column * stride as isize + x as isize - padding;
                            sum += f64::from(weight) * self.at(input, row, column).unwrap_or(0.0);
                        }
                    }
                }
                sum
            },
        )
    }

    /// `torch.nn.BatchNorm2d` in `eval()`.
    pub fn norm(&self, weights: &Weights, name: &str) -> Maps {
        let part =
            |part: &str, channel: usize| f64::from(weights[&format!("{name}.{part}")].1[channel]);
        Maps::new(self.channels, self.side, |channel, row, column| {
            let value = self.at(channel, row, column).unwrap_or(0.0);
            let deviation = (part("running_var", channel) + 1e-5).sqrt();
            (value - part("running_mean", channel)) / deviation * part("weight", channel)
                + part("bias", channel)
        })
    }

    pub fn relu(mut self) -> Maps {
        self.values
            .iter_mut()
            .for_each(|value| *value = value.max(0.0));
        self
    }

    pub fn plus(mut self, other: &Maps) -> Maps {
        assert_eq!((self.channels, self.side), (other.channels, other.side));
        self.values
            .iter_mut()
            .zip(&other.values)
            .for_each(|(a, b)| *a += b);
        self
    }

    /// `torch.nn.MaxPool2d(kernel_size=3, stride=2, padding=1)`.
    pub fn pool(&self) -> Maps {
        Maps::new(
            self.channels,
            self.side.div_ceil(2),
            |channel, row, column| {
                let around = (-1..2).flat_map(|y| (-1..2).map(move |x| (y, x)));
                let seen =
                    around.filter_map(|(y, x)| self.at(channel, 2 * row + y, 2 * column + x));
                seen.fold(f64::NEG_INFINITY, f64::max)
            },
        )
    }

    pub fn means(&self) -> Vec<f64> {
        let pixels = self.side * self.side;
        let maps = self.values.chunks_exact(pixels);
        maps.map(|map| map.iter().sum::<f64>() / pixels as f64)
            .collect()
    }
}

/// torchvision's ResNet up to its average pooling.
pub fn reference(weights: &Weights, image: &Maps, stages: usize, stem: Stem) -> Vec<f64> {
    let stride = if stem == Stem::Large { 2 } else { 1 };
    let mut x = image
        .convolution(weights, "conv1", stride)
        .norm(weights, "bn1")
        .relu();
    if stem == Stem::Large {
        x = x.pool();
    }
    for stage in 1..=stages {
        for block in 0..2 {
            let name = |layer: &str| format!("layer{stage}.{block}.{layer}");
            let stride = if stage > 1 && block == 0 { 2 } else { 1 };
            let first = x.convolution(weights, &name("conv1"), stride);
            let first = first.norm(weights, &name("bn1")).relu();
            let second = first.convolution(weights, &name("conv2"), 1);
            let second = second.norm(weights, &name("bn2"));
            let around = match weights.contains_key(&name("downsample.0.weight")) {
                true => {
                    let scaled = x.convolution(weights, &name("downsample.0"), stride);
                    scaled.norm(weights, &name("downsample.1"))
                }
                false => x,
            };
            x = second.plus(&around).relu();
        }
    }
    x.means()
}
