//! The comodulated network and its learning, from the definitions, in any arithmetic.

use neurogain::gain::{GainStatistic, Modulation, Rectification};
use neurogain::models::ModulatedLayers;

use super::backbone::{Backbone, Run, Statistics};
use super::layers::{Images, Number, Taps, average, average_backward, relu, relu_backward};
use super::resnet::linear;

/// The network. Its parameters are the backbone's, both convolutions of the encoder, the decoder and, with
/// residual connections, the matrix around it.
#[derive(Debug, Clone)]
pub struct Comodulated {
    pub backbone: Backbone,
    pub encoder: usize,
    pub decoder: usize,
    pub modulated: ModulatedLayers,
    pub residual: bool,
    pub parameters: Vec<Vec<f64>>,
    pub running: Statistics<f64>,
}

/// The part of a pass before the modulation.
pub struct Seen<T> {
    pub run: Run<T>,
    /// The run's margin in the backbone alone.
    pub margin: f64,
    maps: Images<T>,
    first: Images<T>,
}

/// A response under some scales.
pub struct Response<T> {
    scales: [Vec<T>; 2],
    h1: Images<T>,
    second: Images<T>,
    h2: Images<T>,
    pooled: Images<T>,
    before: Images<T>,
    /// The decoder's activity, one pixel an image.
    pub activity: Images<T>,
}

impl<T> Seen<T> {
    /// Rows and columns of the backbone's maps.
    pub fn side(&self) -> usize {
        self.maps.side
    }
}

fn scaled<T: Number>(x: &Images<T>, scale: &[T]) -> Images<T> {
    Images::each(x.shape(), |at| scale[at[3]] * x.at(at))
}

fn times<T: Number>(x: &Images<T>, y: &Images<T>) -> Images<T> {
    Images::each(x.shape(), |at| x.at(at) * y.at(at))
}

/// Σ dy·x of each channel.
fn to_scale<T: Number>(x: &Images<T>, dy: &Images<T>) -> Vec<T> {
    let of = |c: usize| {
        let channel = |images: &Images<T>| -> Vec<T> {
            let numbers = images.numbers.iter().skip(c).step_by(images.channels);
            numbers.copied().collect()
        };
        T::dot(channel(dy).into_iter().zip(channel(x)))
    };
    (0..x.channels).map(of).collect()
}

impl Comodulated {
    fn second(&self) -> Taps {
        Taps {
            outputs: self.encoder,
            inputs: self.encoder,
            size: 3,
            stride: 1,
        }
    }

    fn first(&self, inputs: usize) -> Taps {
        Taps {
            inputs,
            ..self.second()
        }
    }

    /// The index of the encoder's first parameter; then follow its second, the decoder's, the skip connection's.
    pub fn place(&self) -> usize {
        self.backbone.parameters()
    }

    /// The backbone, with the batch's statistics if `learnt`, and the first convolution.
    pub fn encode<T: Number>(&self, images: &Images<f64>, learnt: bool) -> Seen<T> {
        let mut run = Run::new(&self.parameters, &vec![None; self.parameters.len()]);
        let maps = match learnt {
            true => self.backbone.forward(&mut run, images),
            false => self.backbone.infer(&run, &self.running, images),
        };
        let first = self
            .first(maps.channels)
            .forward(&run.effective[self.place()], &maps);
        let margin = run.margin;
        run.kinks(&first);
        Seen {
            run,
            margin,
            maps,
            first,
        }
    }

    /// The decoder's activity with `scales`, those of the modulated layers in order.
    pub fn decode<T: Number>(&self, seen: &mut Seen<T>, scales: &[T]) -> Response<T> {
        let ones = || vec![T::of(1.0); self.encoder];
        let (head, tail) = scales.split_at(self.encoder);
        let scales = match self.modulated {
            ModulatedLayers::First => [head.to_vec(), ones()],
            ModulatedLayers::Second => [ones(), head.to_vec()],
            ModulatedLayers::Both => [head.to_vec(), tail.to_vec()],
        };
        let place = self.place();
        let w = &seen.run.effective;
        let h1 = scaled(&relu(&seen.first), &scales[0]);
        let mut second = self.second().forward(&w[place + 1], &h1);
        if self.residual {
            second = second.plus(&h1);
        }
        let h2 = scaled(&relu(&second), &scales[1]);
        let pooled = average(&h2);
        let before = linear(self.decoder, self.encoder).forward(&w[place + 2], &pooled);
        let activity = relu(&before);
        seen.run.kinks(&second);
        seen.run.kinks(&before);
        Response {
            scales,
            h1,
            second,
            h2,
            pooled,
            before,
            activity,
        }
    }

    /// y with `gains`, one per neuron and image.
    pub fn readout<T: Number>(
        &self,
        seen: &Seen<T>,
        response: &Response<T>,
        gains: &Images<T>,
    ) -> Images<T> {
        let y = times(gains, &response.activity);
        match self.residual {
            true => {
                let w = &seen.run.effective[self.place() + 3];
                y.plus(&linear(self.decoder, self.encoder).forward(w, &response.pooled))
            }
            false => y,
        }
    }

    /// Adds the gradient of every parameter to the run, if `learnt`; returns that of the scales, from dy.
    pub fn backward<T: Number>(
        &self,
        seen: &mut Seen<T>,
        response: &Response<T>,
        gains: &Images<T>,
        dy: &Images<T>,
        learnt: bool,
    ) -> Vec<T> {
        let (place, decoder) = (self.place(), linear(self.decoder, self.encoder));
        let (run, x) = (&mut seen.run, &response.pooled);
        let dh = relu_backward(&response.before, &times(gains, dy));
        run.gradients[place + 2] = decoder.to_weights(x, &dh);
        let mut dp = decoder.to_input(&run.effective[place + 2], x.shape(), &dh);
        if self.residual {
            run.gradients[place + 3] = decoder.to_weights(x, dy);
            dp = dp.plus(&decoder.to_input(&run.effective[place + 3], x.shape(), dy));
        }
        let dh2 = average_backward(response.h2.shape(), &dp);
        let ds2 = to_scale(&relu(&response.second), &dh2);
        let dsecond = relu_backward(&response.second, &scaled(&dh2, &response.scales[1]));
        let h1 = &response.h1;
        run.gradients[place + 1] = self.second().to_weights(h1, &dsecond);
        let w = &run.effective[place + 1];
        let mut dh1 = self.second().to_input(w, h1.shape(), &dsecond);
        if self.residual {
            dh1 = dh1.plus(&dsecond);
        }
        let ds1 = to_scale(&relu(&seen.first), &dh1);
        if learnt {
            let dfirst = relu_backward(&seen.first, &scaled(&dh1, &response.scales[0]));
            let first = self.first(seen.maps.channels);
            run.gradients[place] = first.to_weights(&seen.maps, &dfirst);
            let dmaps = first.to_input(&run.effective[place], seen.maps.shape(), &dfirst);
            self.backbone.backward(run, dmaps);
        }
        match self.modulated {
            ModulatedLayers::First => ds1,
            ModulatedLayers::Second => ds2,
            ModulatedLayers::Both => [ds1, ds2].concat(),
        }
    }
}

/// A neuron's gain for a draw, and its derivative with respect to c.
pub fn gain<T: Number>(modulation: Modulation, m: T, c: T, deviation: T) -> [T; 2] {
    let square = deviation * deviation;
    let half = T::of(0.5);
    match modulation {
        Modulation::LogNormal => {
            let gain = (m * c - half * square * c * c).exp();
            [gain, gain * (m - square * c)]
        }
        Modulation::Uncorrected => [(m * c).exp(), (m * c).exp() * m],
        Modulation::Linear => [T::of(1.0) + m * c, m],
    }
}

/// a of each image and neuron from the activities for the draws, in f64, in two passes.
pub fn comovement<T: Number>(
    draws: &[f32],
    activities: &[Images<T>],
    measure: GainStatistic,
    sign: Rectification,
) -> Vec<f64> {
    let n = draws.len() as f64;
    let centred = |values: Vec<f64>| -> Vec<f64> {
        let mean = values.iter().sum::<f64>() / n;
        values.iter().map(|value| value - mean).collect()
    };
    let product =
        |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() };
    let m = centred(draws.iter().map(|m| f64::from(*m)).collect());
    let cells = activities[0].numbers.len();
    let of = |cell: usize| {
        let h = centred(activities.iter().map(|h| h.numbers[cell].value()).collect());
        let value = match measure {
            GainStatistic::Covariance => product(&m, &h) / (n - 1.0),
            GainStatistic::Correlation if product(&h, &h) > 0.0 => {
                product(&m, &h) / (product(&m, &m) * product(&h, &h)).sqrt()
            }
            GainStatistic::Correlation => 0.0,
        };
        match sign {
            Rectification::Rectified => value.max(0.0),
            Rectification::Absolute => value.abs(),
        }
    };
    (0..cells).map(of).collect()
}

/// Scaled to mean 1; ones if there is nothing to scale.
pub fn unit_mean(a: &[f64]) -> Vec<f64> {
    let mean = a.iter().sum::<f64>() / a.len() as f64;
    let scaled = |a: &f64| if mean > 0.0 { a / mean } else { 1.0 };
    a.iter().map(scaled).collect()
}
