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
    /// Instead of the backbone: one layer that cells share, of these sizes.
    pub cells: Option<Taps>,
    pub encoder: [usize; 2],
    pub decoder: usize,
    pub modulated: ModulatedLayers,
    /// Whether each neuron has a scale, or each channel.
    pub each_neuron: bool,
    /// Whether the decoder has neurons at each pixel.
    pub places: bool,
    pub residual: bool,
    pub parameters: Vec<Vec<f64>>,
    pub running: Statistics<f64>,
}

/// The part of a pass before the modulation.
pub struct Seen<T> {
    pub run: Run<T>,
    /// The run's margin in the backbone alone.
    pub margin: f64,
    /// The cells' layer before its ReLU.
    cells: Option<Images<T>>,
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

/// With a scale for each channel, or for each neuron of an image.
fn scaled<T: Number>(x: &Images<T>, scale: &[T]) -> Images<T> {
    let each = x.side * x.side * x.channels;
    let neuron = |[_, row, column, c]: [usize; 4]| (row * x.side + column) * x.channels + c;
    Images::each(x.shape(), |at| match scale.len() == each {
        true => scale[neuron(at)] * x.at(at),
        false => scale[at[3]] * x.at(at),
    })
}

fn times<T: Number>(x: &Images<T>, y: &Images<T>) -> Images<T> {
    Images::each(x.shape(), |at| x.at(at) * y.at(at))
}

/// Σ dy·x of each channel, or of each neuron.
fn to_scale<T: Number>(x: &Images<T>, dy: &Images<T>, each_neuron: bool) -> Vec<T> {
    if each_neuron && x.side > 1 {
        let flat = [x.samples, 1, x.side * x.side * x.channels];
        return to_scale(&x.shaped(flat), &dy.shaped(flat), true);
    }
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
            outputs: self.encoder[1],
            inputs: self.encoder[0],
            size: if self.cells.is_some() { 2 } else { 3 },
            stride: 1,
        }
    }

    fn first(&self, inputs: usize) -> Taps {
        Taps {
            outputs: self.encoder[0],
            inputs,
            size: if self.cells.is_some() { 1 } else { 3 },
            stride: 1,
        }
    }

    /// The index of the encoder's first parameter; then follow its second, the decoder's, the skip connection's.
    pub fn place(&self) -> usize {
        match self.cells {
            Some(_) => 1,
            None => self.backbone.parameters(),
        }
    }

    /// The number of the decoder's neurons, for maps of this side.
    pub fn neurons(&self, maps: usize) -> usize {
        match self.places {
            true => self.second().side(maps) * self.second().side(maps) * self.decoder,
            false => self.decoder,
        }
    }

    /// The backbone, with the batch's statistics if `learnt`, and the first convolution.
    pub fn encode<T: Number>(&self, images: &Images<f64>, learnt: bool) -> Seen<T> {
        let mut run = Run::new(&self.parameters, &vec![None; self.parameters.len()]);
        let cells = self
            .cells
            .map(|taps| taps.forward(&run.effective[0], &images.to()));
        let maps = match (&cells, learnt) {
            (Some(before), _) => relu(before),
            (None, true) => self.backbone.forward(&mut run, images),
            (None, false) => self.backbone.infer(&run, &self.running, images),
        };
        if let Some(before) = &cells {
            run.kinks(before);
        }
        let first = self
            .first(maps.channels)
            .forward(&run.effective[self.place()], &maps);
        let margin = run.margin;
        run.kinks_of_active(&first);
        Seen {
            run,
            margin,
            cells,
            maps,
            first,
        }
    }

    /// The decoder's activity with `scales`, those of the modulated layers in order.
    pub fn decode<T: Number>(&self, seen: &mut Seen<T>, scales: &[T]) -> Response<T> {
        let sides = [seen.maps.side, self.second().side(seen.maps.side)];
        let pixels = |layer: usize| {
            if self.each_neuron {
                sides[layer] * sides[layer]
            } else {
                1
            }
        };
        let counts = [0, 1].map(|layer| self.encoder[layer] * pixels(layer));
        let ones = |layer: usize| vec![T::of(1.0); counts[layer]];
        let scales = match self.modulated {
            ModulatedLayers::First => [scales.to_vec(), ones(1)],
            ModulatedLayers::Second => [ones(0), scales.to_vec()],
            ModulatedLayers::Both => {
                let (head, tail) = scales.split_at(counts[0]);
                [head.to_vec(), tail.to_vec()]
            }
        };
        let place = self.place();
        let w = &seen.run.effective;
        let h1 = scaled(&relu(&seen.first), &scales[0]);
        let mut second = self.second().forward(&w[place + 1], &h1);
        if self.residual {
            second = second.plus(&h1);
        }
        let h2 = scaled(&relu(&second), &scales[1]);
        let pooled = match self.places {
            true => h2.clone(),
            false => average(&h2),
        };
        let before = linear(self.decoder, self.encoder[1]).forward(&w[place + 2], &pooled);
        let flat = [before.samples, 1, self.neurons(seen.maps.side)];
        let activity = relu(&before).shaped(flat);
        seen.run.kinks_of_active(&second);
        seen.run.kinks_of_active(&before);
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
                let around = linear(self.decoder, self.encoder[1]).forward(w, &response.pooled);
                y.plus(&around.shaped(y.shape()))
            }
            false => y,
        }
    }

    /// Adds the gradient of every parameter to the run, if `learnt`; returns that of the scales, from dy.
    pub fn backward<T: Number>(
        &self,
        images: &Images<f64>,
        seen: &mut Seen<T>,
        response: &Response<T>,
        gains: &Images<T>,
        dy: &Images<T>,
        learnt: bool,
    ) -> Vec<T> {
        let (place, decoder) = (self.place(), linear(self.decoder, self.encoder[1]));
        let (run, x) = (&mut seen.run, &response.pooled);
        let shape = response.before.shape();
        let dh = relu_backward(&response.before, &times(gains, dy).shaped(shape));
        let dy = &dy.shaped(shape);
        run.gradients[place + 2] = decoder.to_weights(x, &dh);
        let mut dp = decoder.to_input(&run.effective[place + 2], x.shape(), &dh);
        if self.residual {
            run.gradients[place + 3] = decoder.to_weights(x, dy);
            dp = dp.plus(&decoder.to_input(&run.effective[place + 3], x.shape(), dy));
        }
        let dh2 = match self.places {
            true => dp,
            false => average_backward(response.h2.shape(), &dp),
        };
        let ds2 = to_scale(&relu(&response.second), &dh2, self.each_neuron);
        let dsecond = relu_backward(&response.second, &scaled(&dh2, &response.scales[1]));
        let h1 = &response.h1;
        run.gradients[place + 1] = self.second().to_weights(h1, &dsecond);
        let w = &run.effective[place + 1];
        let mut dh1 = self.second().to_input(w, h1.shape(), &dsecond);
        if self.residual {
            dh1 = dh1.plus(&dsecond);
        }
        let ds1 = to_scale(&relu(&seen.first), &dh1, self.each_neuron);
        if learnt {
            let dfirst = relu_backward(&seen.first, &scaled(&dh1, &response.scales[0]));
            let first = self.first(seen.maps.channels);
            run.gradients[place] = first.to_weights(&seen.maps, &dfirst);
            let dmaps = first.to_input(&run.effective[place], seen.maps.shape(), &dfirst);
            match (&seen.cells, self.cells) {
                (Some(before), Some(taps)) => {
                    let before = relu_backward(before, &dmaps);
                    run.gradients[0] = taps.to_weights(&images.to(), &before);
                }
                _ => self.backbone.backward(run, dmaps),
            }
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
