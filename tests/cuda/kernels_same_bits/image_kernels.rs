//! The kernels on images: convolution, pooling, normalisation, gathering.

use neurogain::backend::{
    BatchNormConfig, Conv2dDims, CropFlip, NormDims, Normalize, NormalizeBackward, PixelMaps, Pool,
    Pool2dDims, ReluMask, Update, Window,
};

use super::*;
use crate::images::Awkward;

/// A convolution or a pooling, with the seed of its numbers.
#[derive(Debug, Clone, Copy)]
struct Images {
    dimensions: Conv2dDims,
    samples: usize,
    gain: bool,
    seed: u64,
}

fn image_cases() -> impl Strategy<Value = Images> {
    let channels = || prop_oneof![4 => 1usize..=9, 2 => 16usize..=40, 1 => 64usize..=70];
    let sizes = (1usize..=80, 1usize..=8, 1usize..=8, channels(), channels());
    // Windows of more than 64 taps have their own path.
    let size = prop_oneof![9 => 1usize..=4, 1 => 9usize..=10];
    let window = (size, 1usize..=3, 0usize..=4);
    (sizes, window, any::<bool>(), any::<u64>())
        .prop_map(
            |((samples, height, width, inputs, outputs), window, gain, seed)| {
                let (size, stride, padding) = window;
                let blocks = samples.div_ceil(16);
                let window = Window {
                    size,
                    stride,
                    padding,
                };
                let dimensions = Conv2dDims {
                    blocks,
                    height,
                    width,
                    inputs,
                    outputs,
                    window,
                };
                Images {
                    dimensions,
                    samples,
                    gain,
                    seed,
                }
            },
        )
        .prop_filter("a window that fits, and little work", |case| {
            let d = case.dimensions;
            let work = d.blocks * d.height * d.width * d.inputs * d.outputs * d.window.size.pow(2);
            d.output().is_ok() && work < 1 << 18
        })
}

impl<B: Backend> On<'_, B> {
    fn convolutions(&self, case: &Images) -> neurogain::Result<Results> {
        let Images {
            dimensions: d,
            samples,
            ..
        } = *case;
        let random = &mut Awkward::new(case.seed);
        let [rows, columns] = d.output()?;
        let [w_length, x_length, y_length] = d.lengths()?;
        let gain = case.gain.then(|| self.upload(&random.numbers(d.outputs)));
        let gain = gain.as_ref();
        let w = self.upload(&random.numbers(w_length));
        let x = self.upload(&random.samples(samples, d.height * d.width * d.inputs));
        let dy = self.upload(&random.samples(samples, rows * columns * d.outputs));
        let mut y = self.unwritten(y_length);
        self.0.conv2d_forward(d, gain, &w, &x, &mut y)?;
        let mut dx = self.unwritten(x_length);
        self.0
            .conv2d_backward_data(d, gain, &w, &dy, Update::Overwrite, &mut dx)?;
        let mut added = x.clone();
        self.0
            .conv2d_backward_data(d, gain, &w, &dy, Update::Add, &mut added)?;
        let mut dw = self.unwritten(w_length);
        self.0.conv2d_backward_weights(d, gain, &dy, &x, &mut dw)?;
        // The copy that was added to is not x.
        Ok([y, dx, added, dw, x]
            .iter()
            .map(|floats| self.download(floats))
            .collect())
    }

    fn pools(&self, case: &Images) -> neurogain::Result<Results> {
        let Conv2dDims {
            blocks,
            height,
            width,
            inputs: channels,
            window,
            ..
        } = case.dimensions;
        let dimensions = Pool2dDims {
            blocks,
            height,
            width,
            channels,
            window,
        };
        let [x_length, y_length] = dimensions.lengths()?;
        let random = &mut Awkward::new(case.seed);
        let mut numbers = random.samples(case.samples, height * width * channels);
        // Ties, and some NaN.
        for (i, number) in numbers.iter_mut().enumerate() {
            *number = if i % 3 == 0 { number.trunc() } else { *number };
            *number = if i % 97 == 5 { f32::NAN } else { *number };
        }
        let x = self.upload(&numbers);
        let dy = self.upload(&random.numbers(y_length));
        let mut results = Vec::new();
        for pool in [Pool::Average, Pool::Max] {
            let (mut y, mut dx) = (self.unwritten(y_length), self.unwritten(x_length));
            self.0.pool(pool, dimensions, &x, &mut y)?;
            self.0.pool_backward(pool, dimensions, &x, &dy, &mut dx)?;
            results.extend([self.download(&y), self.download(&dx)]);
        }
        Ok(results)
    }

    fn normalisations(&self, case: &Images) -> neurogain::Result<Results> {
        let Images {
            dimensions: d,
            samples,
            gain: relu,
            seed,
        } = *case;
        let (pixels, channels) = (d.height * d.width, d.inputs);
        let dimensions = NormDims {
            samples,
            pixels,
            channels,
        };
        let random = &mut Awkward::new(seed);
        let length = dimensions.length()?;
        let x = self.upload(&random.samples(samples, pixels * channels));
        let residual = self.upload(&random.samples(samples, pixels * channels));
        let residual = (seed % 3 > 0).then_some(&residual);
        let [gamma, beta] = [0, 1].map(|_| self.upload(&random.numbers(channels)));
        let running: Vec<f32> = random
            .numbers(2 * channels)
            .iter()
            .map(|n| n.abs())
            .collect();
        let mut running = self.upload(&running);
        let mut statistics = self.unwritten(2 * channels);
        let settings = BatchNormConfig::default();
        self.0
            .batch_statistics(dimensions, settings, &x, &mut running, &mut statistics)?;
        let mut inferred = self.unwritten(2 * channels);
        self.0
            .running_statistics(settings.epsilon, &running, &mut inferred)?;
        let mut y = self.unwritten(length);
        let operands = Normalize {
            dimensions,
            relu,
            statistics: &statistics,
            gamma: &gamma,
            beta: &beta,
            x: &x,
            residual,
        };
        self.0.normalize(operands, &mut y)?;
        let mut dy = self.upload(&random.samples(samples, pixels * channels));
        let mut dresidual = self.unwritten(length);
        let (mut dgamma, mut dbeta) = (self.unwritten(channels), self.unwritten(channels));
        let operands = NormalizeBackward {
            dimensions,
            statistics: &statistics,
            gamma: &gamma,
            x: &x,
            relu: relu.then_some(match residual {
                None => ReluMask::Recomputed(&beta),
                Some(_) => ReluMask::Output(&y),
            }),
        };
        let to = residual.map(|_| &mut dresidual);
        self.0
            .normalize_backward(operands, &mut dy, to, &mut dgamma, &mut dbeta)?;
        let all = [
            running, statistics, inferred, y, dy, dresidual, dgamma, dbeta,
        ];
        Ok(all.iter().map(|floats| self.download(floats)).collect())
    }

    /// Gathers of images, shifted and flipped, with and without pixel maps, and the loss of their labels.
    fn gathered(&self, case: &Images) -> neurogain::Result<Results> {
        let Images {
            dimensions: d,
            samples,
            seed,
            ..
        } = *case;
        let shape = [d.height, d.width, d.inputs];
        let features = d.height * d.width * d.inputs;
        let random = &mut Awkward::new(seed);
        let mut below = |n: u64| (random.bits() >> 20) % n;
        let pixels: Vec<u8> = (0..9 * features).map(|_| below(256) as u8).collect();
        let labels: Vec<u8> = (0..9).map(|_| below(d.outputs as u64) as u8).collect();
        let indices: Vec<u32> = (0..samples).map(|_| below(9) as u32).collect();
        let mut offset = || below(9) as i16 - 4;
        let placements: Vec<CropFlip> = (0..samples)
            .map(|sample| CropFlip {
                down: offset(),
                right: offset(),
                mirrored: sample % 2 == 0,
            })
            .collect();
        let tables = if case.gain { 1 } else { d.inputs };
        let table = self.upload(&random.numbers(256 * tables));
        let pixels = self.0.bytes(&pixels)?;
        let [mut out, mut mapped] = [(); 2].map(|()| self.unwritten(d.blocks * features * 16));
        self.0.gather_images(
            &pixels,
            shape,
            &table,
            &indices,
            None,
            &placements,
            &mut out,
        )?;
        // Some pixels show positions outside the image.
        let size = d.height * d.width;
        let sources = (0..3 * size).flat_map(|i| ((i * 7 % (size + 1)) as u32).to_le_bytes());
        let sources = self.0.bytes(&sources.collect::<Vec<u8>>())?;
        let of: Vec<u32> = (0..samples).map(|sample| (sample % 3) as u32).collect();
        let maps = Some(PixelMaps {
            sources: &sources,
            pixels: size,
            of: &of,
        });
        self.0.gather_images(
            &pixels,
            shape,
            &table,
            &indices,
            maps,
            &placements,
            &mut mapped,
        )?;
        let drawn: Vec<u8> = indices
            .iter()
            .map(|&index| labels[index as usize])
            .collect();
        let drawn = self.0.bytes(&drawn)?;
        let logits = self.upload(&random.samples(samples, d.outputs));
        let mut totals = self.unwritten(3);
        self.0
            .softmax_cross_entropy(samples, d.outputs, &logits, &drawn, None, &mut totals)?;
        Ok(vec![
            self.download(&out),
            self.download(&mapped),
            self.download(&totals),
        ])
    }

    fn all(&self, case: &Images) -> Result<Results, TestCaseError> {
        let mut results = Vec::new();
        let fail = |error: neurogain::Error| TestCaseError::fail(error.to_string());
        results.extend(self.convolutions(case).map_err(fail)?);
        if case.dimensions.window.padding < case.dimensions.window.size {
            results.extend(self.pools(case).map_err(fail)?);
        }
        if case.samples * case.dimensions.height * case.dimensions.width > 1 {
            results.extend(self.normalisations(case).map_err(fail)?);
        }
        results.extend(self.gathered(case).map_err(fail)?);
        Ok(results)
    }
}

#[test]
fn convolutions_pools_normalisations_and_gathering() {
    let devices = devices("images");
    let cases = if devices.is_empty() { 0 } else { 64 };
    let run = runner(cases).run(&image_cases(), |case| {
        let expected = On(&cpu()).all(&case)?;
        for device in &devices {
            agree(&expected, &On(device).all(&case)?)?;
        }
        Ok(())
    });
    run.unwrap_or_else(|problem| panic!("{problem}"));
}

/// Images that Winograd's algorithm serves, of odd and even sides, with fewer and more channels than a thread block takes.
fn winograd_cases() -> impl Strategy<Value = Images> {
    let side = || prop::sample::select(vec![4usize, 6, 7, 8, 9, 12]);
    let channels = || prop::sample::select(vec![8usize, 9, 16, 20, 21, 40]);
    let sizes = (1usize..=40, side(), side(), channels(), channels());
    (sizes, any::<bool>(), any::<u64>())
        .prop_map(
            |((samples, height, width, inputs, outputs), gain, seed)| Images {
                dimensions: Conv2dDims {
                    blocks: samples.div_ceil(16),
                    height,
                    width,
                    inputs,
                    outputs,
                    window: Window {
                        size: 3,
                        stride: 1,
                        padding: 1,
                    },
                },
                samples,
                gain,
                seed,
            },
        )
        .prop_filter("Winograd's algorithm, and little work", |case| {
            let d = case.dimensions;
            let work = d.blocks * d.height * d.width * d.inputs * d.outputs;
            neurogain::backend::winograd::serves(&d) && work < 1 << 17
        })
}

#[test]
fn convolutions_by_winograds_algorithm() {
    let devices = devices("images");
    let cases = if devices.is_empty() { 0 } else { 24 };
    let run = runner(cases).run(&winograd_cases(), |case| {
        let fail = |error: neurogain::Error| TestCaseError::fail(error.to_string());
        let expected = On(&cpu()).convolutions(&case).map_err(fail)?;
        for device in &devices {
            agree(&expected, &On(device).convolutions(&case).map_err(fail)?)?;
        }
        Ok(())
    });
    run.unwrap_or_else(|problem| panic!("{problem}"));
}
