//! NeuMoSync written plainly in f64: for each sample, one neuron after the other.

use std::collections::BTreeMap;

use neurogain::models::SignalMode;
use neurogain::models::{
    Ablation, ActivitySignals, FeedforwardConfig, NeuMoSyncConfig, SignalBound,
};

pub struct Reference {
    pub network: FeedforwardConfig,
    pub config: NeuMoSyncConfig,
    /// Every parameter, slow weight and statistic, by name.
    pub values: BTreeMap<String, Vec<f64>>,
}

/// A layer: its name, its neurons, and the window of a convolution.
type Layer = (String, usize, Option<usize>);

impl Reference {
    fn layers(&self) -> Vec<Layer> {
        let FeedforwardConfig {
            convolutions,
            hidden,
            classes,
            ..
        } = &self.network;
        let mut layers: Vec<Layer> = Vec::new();
        for (i, c) in convolutions.iter().enumerate() {
            layers.push((format!("convolution{}", i + 1), c.channels, Some(c.window)));
        }
        for (i, &neurons) in hidden.iter().enumerate() {
            layers.push((format!("hidden{}", i + 1), neurons, None));
        }
        layers.push(("output".into(), *classes, None));
        layers
    }

    fn of(&self, name: &str) -> &[f64] {
        &self.values[name]
    }

    fn without(&self, part: Ablation) -> bool {
        self.config.without.contains(&part)
    }

    /// The mean cross-entropy.
    pub fn loss(&self, images: &[Vec<f64>], labels: &[u8]) -> f64 {
        let pooled: Vec<Vec<f64>> = images.iter().map(|image| self.pooled(image)).collect();
        let mean: Vec<f64> = (0..pooled[0].len())
            .map(|p| pooled.iter().map(|image| image[p]).sum::<f64>() / images.len() as f64)
            .collect();
        let mut total = 0.0;
        for ((image, pooled), &label) in images.iter().zip(&pooled).zip(labels) {
            let input = match self.config.mode {
                SignalMode::Batch => &mean,
                SignalMode::Sample => pooled,
            };
            let logits = self.logits(image, &self.signals(input));
            let sum: f64 = logits.iter().map(|z| z.exp()).sum();
            total += sum.ln() - logits[usize::from(label)];
        }
        total / images.len() as f64
    }

    /// The image averaged over windows: at most 7×7 of one channel, 4×4 of several.
    fn pooled(&self, image: &[f64]) -> Vec<f64> {
        let [height, width, channels] = self.network.input;
        let most = if channels == 1 { 7 } else { 4 };
        let side = height.max(width);
        let size = side.div_ceil(most);
        let padding = (side.div_ceil(size) * size - side).div_ceil(2);
        let windows = |pixels: usize| (pixels + 2 * padding - size) / size + 1;
        let inside = |window: usize, pixels: usize| {
            let first = window * size;
            (first..first + size)
                .filter(move |p| (padding..padding + pixels).contains(p))
                .map(move |p| p - padding)
        };
        let mut pooled = Vec::new();
        for row in 0..windows(height) {
            for column in 0..windows(width) {
                for channel in 0..channels {
                    let (mut sum, mut count) = (0.0, 0.0);
                    for y in inside(row, height) {
                        for x in inside(column, width) {
                            sum += image[(y * width + x) * channels + channel];
                            count += 1.0;
                        }
                    }
                    pooled.push(sum / count);
                }
            }
        }
        pooled
    }

    /// The four signals of each neuron.
    fn signals(&self, pooled: &[f64]) -> Vec<[f64; 4]> {
        let raw: Vec<Vec<f64>> = match self.config.static_signals {
            true => self.of("signals").chunks(4).map(<[f64]>::to_vec).collect(),
            false => self.transformer(pooled),
        };
        let used = |signal: usize| match signal {
            0 => !self.without(Ablation::Weights),
            1 => !self.without(Ablation::Consolidation),
            _ => self.config.activity != ActivitySignals::None,
        };
        let signals = raw.iter().map(|raw| {
            [0, 1, 2, 3].map(|s| match (used(s), self.config.bound) {
                (false, _) => 0.0,
                (true, SignalBound::Tanh) => 2.0 * (raw[s] / 2.0).tanh(),
                (true, SignalBound::Linear) => raw[s],
            })
        });
        signals.collect()
    }

    fn linear(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let weight = self.of(&format!("neurosync.{name}"));
        let bias = self.values.get(&format!("neurosync.{name}.bias"));
        let rows = weight.chunks(x.len()).enumerate();
        rows.map(|(o, row)| {
            let product: f64 = row.iter().zip(x).map(|(w, x)| w * x).sum();
            product + bias.map_or(0.0, |bias| bias[o])
        })
        .collect()
    }

    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let gamma = self.of(&format!("neurosync.{name}.gamma"));
        let beta = self.of(&format!("neurosync.{name}.beta"));
        let standardised = standardised(x).into_iter();
        standardised
            .enumerate()
            .map(|(c, x)| gamma[c] * x + beta[c])
            .collect()
    }

    /// The raw signals.
    fn transformer(&self, pooled: &[f64]) -> Vec<Vec<f64>> {
        let tokens = self.tokens();
        let normed: Vec<_> = tokens.iter().map(|t| self.norm("norm1", t)).collect();
        let each =
            |name: &str| -> Vec<Vec<f64>> { normed.iter().map(|n| self.linear(name, n)).collect() };
        let (queries, mut keys, mut values) = (each("query"), each("key"), each("value"));
        if !self.without(Ablation::Input) {
            // The input is one more token that asks nothing.
            let input = self.norm("norm1", &self.linear("input", pooled));
            keys.push(self.linear("key", &input));
            values.push(self.linear("value", &input));
        }
        let width = self.config.token_width / self.config.heads;
        let mut raw = Vec::new();
        for (token, query) in tokens.iter().zip(&queries) {
            let mut mixed = Vec::new();
            for head in 0..self.config.heads {
                let part = head * width..(head + 1) * width;
                let scores: Vec<f64> = keys
                    .iter()
                    .map(|key| dot(&query[part.clone()], &key[part.clone()]))
                    .map(|product| product / (width as f64).sqrt())
                    .collect();
                let sum: f64 = scores.iter().map(|s| s.exp()).sum();
                for c in part {
                    let terms = scores
                        .iter()
                        .zip(&values)
                        .map(|(s, v)| s.exp() / sum * v[c]);
                    mixed.push(terms.sum());
                }
            }
            let x1 = sum(token, &self.linear("attention", &mixed));
            let hidden = self.linear("hidden", &self.norm("norm2", &x1));
            let hidden: Vec<f64> = hidden.into_iter().map(|h| h.max(0.0)).collect();
            let x2 = sum(&x1, &self.linear("feed_forward", &hidden));
            raw.push(self.linear("head", &self.norm("norm3", &x2)));
        }
        raw
    }

    fn tokens(&self) -> Vec<Vec<f64>> {
        let layers = self.layers();
        let mut tokens = Vec::new();
        for (l, (name, neurons, _)) in layers.iter().enumerate() {
            let averages = self.of(&format!("{name}.activity"));
            let statistics: Vec<Vec<f64>> = averages.chunks(*neurons).map(standardised).collect();
            for i in 0..*neurons {
                let place = i as f64 / *neurons as f64;
                let angle = 2.0 * std::f64::consts::PI * place;
                let layer = (l + 1) as f64 / layers.len() as f64;
                let position = [layer, place, angle.sin(), angle.cos()];
                let statistics: Vec<f64> = statistics.iter().map(|s| s[i]).collect();
                let mut token = sum(
                    &self.linear("position", &position),
                    &self.linear("statistics", &statistics),
                );
                if self.config.learnable_features > 0 {
                    let count = self.config.learnable_features;
                    let features = &self.of("neurosync.features")[tokens.len() * count..][..count];
                    token = sum(&token, &self.linear("embedding", features));
                }
                tokens.push(token);
            }
        }
        tokens
    }

    fn logits(&self, image: &[f64], signals: &[[f64; 4]]) -> Vec<f64> {
        let [mut height, mut width, mut channels] = self.network.input;
        let mut x = image.to_vec();
        let mut first = 0;
        for (name, neurons, window) in self.layers() {
            let signals = &signals[first..][..neurons];
            first += neurons;
            let (size, pixels) = match window {
                Some(size) => (size, [height - size + 1, width - size + 1]),
                None => (1, [1, 1]),
            };
            if window.is_none() {
                (width, channels) = (1, x.len());
            }
            let [rows, columns] = pixels;
            let mut h = vec![0.0; rows * columns * neurons];
            for (place, h) in h.iter_mut().enumerate() {
                let (pixel, o) = (place / neurons, place % neurons);
                let (row, column) = (pixel / columns, pixel % columns);
                let map = |suffix: &str| {
                    let weight = self.of(&format!("{name}{suffix}"));
                    let mut value = self.of(&format!("{name}.bias{suffix}"))[o];
                    for ty in 0..size {
                        for tx in 0..size {
                            for c in 0..channels {
                                let w = weight[((o * size + ty) * size + tx) * channels + c];
                                value += w * x[((row + ty) * width + column + tx) * channels + c];
                            }
                        }
                    }
                    value
                };
                let [sm, wc, a3, a4] = signals[o];
                let z = (1.0 + sm) * map("") + wc * map(".slow");
                let r = z.max(0.0);
                *h = match (name.as_str(), self.config.activity) {
                    ("output", _) => z,
                    (_, ActivitySignals::Linearity) => (1.0 + a3) * r + a4 * z,
                    (_, ActivitySignals::Offset) => (1.0 + a3) * r + a4,
                    (_, ActivitySignals::LinearityOffset) => r + a3 * z + a4,
                    (_, ActivitySignals::None) => r,
                };
            }
            (x, height, width, channels) = (h, rows, columns, neurons);
            if window.is_some() {
                let (rows, columns) = (height / 2, width / 2);
                let mut pooled = Vec::new();
                for place in 0..rows * columns * channels {
                    let (pixel, c) = (place / channels, place % channels);
                    let (row, column) = (2 * (pixel / columns), 2 * (pixel % columns));
                    let at = |y, z| x[((row + y) * width + column + z) * channels + c];
                    pooled.push(at(0, 0).max(at(0, 1)).max(at(1, 0)).max(at(1, 1)));
                }
                (x, height, width) = (pooled, rows, columns);
            }
        }
        x
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn standardised(x: &[f64]) -> Vec<f64> {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    x.iter()
        .map(|x| (x - mean) / (variance + 1e-5).sqrt())
        .collect()
}
