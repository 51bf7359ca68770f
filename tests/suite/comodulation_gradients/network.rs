//! The network alone: activity, decision, and the gradients of every weight and of the modulation.

use neurogain::models::{DecoderGains, Trainable};
use neurogain::{Cpu, Tensor};

use super::{LEARNT, cases, is_slope, spread};
use crate::reference::comodulated::Comodulated;
use crate::reference::comodulated_library::{Case, Pair};
use crate::reference::layers::{Images, Number};
use crate::reference::nearness::{near, values};
use crate::reference::resnet_library::{narrow, wide};

/// The results of a pass of the network: activity and y, and the gradients.
struct Found<T> {
    forward: [Vec<T>; 2],
    scales: Vec<T>,
    weights: Vec<Vec<T>>,
    margin: f64,
}

impl<T: Number> Found<T> {
    /// Everything that the library computes too: frozen weights have no gradient.
    fn all(self) -> Vec<Vec<f64>> {
        let found = self.forward.into_iter().chain([self.scales]);
        let found = found.chain(self.weights).map(|numbers| values(&numbers));
        found.collect()
    }
}

/// L = Σ dy·y.
struct Weighed {
    images: Images<f64>,
    scales: Vec<f64>,
    gains: Images<f64>,
    dy: Images<f64>,
    learnt: bool,
}

impl Weighed {
    fn pass<T: Number>(&self, network: &Comodulated) -> Found<T> {
        let scales: Vec<T> = self.scales.iter().map(|&s| T::of(s)).collect();
        let mut seen = network.encode::<T>(&self.images, self.learnt);
        let response = network.decode(&mut seen, &scales);
        let (gains, dy) = (self.gains.to(), self.dy.to());
        let y = network.readout(&seen, &response, &gains);
        let scales = network.backward(&self.images, &mut seen, &response, &gains, &dy, self.learnt);
        Found {
            forward: [response.activity.numbers, y.numbers],
            scales,
            weights: match self.learnt {
                true => seen.run.gradients,
                false => Vec::new(),
            },
            margin: seen.run.margin,
        }
    }

    fn loss(&self, network: &Comodulated) -> f64 {
        let mut seen = network.encode::<f64>(&self.images, self.learnt);
        let response = network.decode(&mut seen, &self.scales);
        let y = network.readout(&seen, &response, &self.gains);
        let pairs = y.numbers.iter().zip(&self.dy.numbers);
        pairs.map(|(y, dy)| y * dy).sum()
    }
}

fn weighed(pair: &mut Pair, case: &Case, images: bool, learnt: Trainable) -> (Weighed, Vec<f64>) {
    let neurons = case.neurons();
    let each = if images { case.samples } else { 1 };
    let scales = pair.draw(case.couplings(), 0.5, 1.5);
    let gains = pair.draw(each * neurons, 0.0, 3.0);
    let dy = pair.draw(case.samples * neurons, -1.0, 1.0);
    let size = [case.samples, neurons];
    let weighed = Weighed {
        images: pair.images.clone(),
        scales,
        gains: spread(&gains, size),
        dy: spread(&dy, size),
        learnt: learnt == Trainable::Weights,
    };
    (weighed, gains)
}

#[test]
fn activity_decision_and_every_gradient() {
    let backend = Cpu::new().unwrap();
    for case in cases() {
        for (learnt, images) in LEARNT.into_iter().flat_map(|l| [(l, false), (l, true)]) {
            let what = format!("{case:?}, {learnt:?}, gains of images {images}");
            let mut pair = case.pair(&backend);
            let (weighed, gains) = weighed(&mut pair, &case, images, learnt);
            let exact = weighed.pass::<f64>(&pair.reference);
            let single = weighed.pass::<f32>(&pair.reference);
            // No ReLU input is so close to its kink that rounding may fall on the other side than f64.
            assert!(exact.margin > 1e-6, "{what}: {}", exact.margin);

            let (network, x) = (&mut pair.library, &pair.inputs);
            network
                .encode(&backend, x, learnt == Trainable::Weights)
                .unwrap();
            let scales = narrow(&weighed.scales);
            let activity = network.decode(&backend, &scales).unwrap();
            let activity = wide(&backend, activity);
            let gains = narrow(&gains);
            let gains = match images {
                true => DecoderGains::Images(&gains),
                false => DecoderGains::Neurons(&gains),
            };
            let y = network.readout(&backend, gains).unwrap();
            let (y, shape) = (wide(&backend, y), y.shape());
            let dy = Tensor::from_rows(&backend, shape, &narrow(&weighed.dy.numbers)).unwrap();
            let scales = network.backward(&backend, x, &dy, learnt).unwrap();
            let scales = scales.into_iter().map(f64::from).collect();
            let mut names = vec!["activity", "decision", "scales"];
            let mut all = vec![activity, y, scales];
            if learnt == Trainable::Weights {
                names.extend(pair.names.iter().map(String::as_str));
                let parameters = network.parameters();
                all.extend(parameters.map(|p| wide(&backend, &p.gradient)));
            }
            let [single, exact] = [single.all(), exact.all()];
            assert_eq!(all.len(), exact.len(), "{what}");
            let tensors = names.into_iter().zip(all).zip(single).zip(exact);
            near(
                &what,
                tensors.map(|(((name, found), one), all)| (name, found, one, all)),
            );
        }
    }
}
#[test]
fn reference_gradients_are_slopes() {
    let backend = Cpu::new().unwrap();
    for case in cases() {
        for learnt in LEARNT {
            let mut pair = case.pair(&backend);
            let (mut weighed, _) = weighed(&mut pair, &case, true, learnt);
            let exact = weighed.pass::<f64>(&pair.reference);
            for (i, &gradient) in exact.scales.iter().enumerate() {
                let scale = weighed.scales[i];
                let network = &pair.reference;
                let mut values = Vec::new();
                for by in [1e-6, -1e-6] {
                    weighed.scales[i] = scale + by;
                    values.push(weighed.loss(network));
                }
                weighed.scales[i] = scale;
                let of = |by: f64| if by > 0.0 { values[0] } else { values[1] };
                is_slope(&format!("{case:?}, scale {i}"), gradient, of);
            }
            if learnt == Trainable::Modulation {
                continue;
            }
            for (parameter, name) in pair.names.iter().enumerate() {
                let length = pair.reference.parameters[parameter].len();
                let at = pair.numbers.next(0.0, length as f32) as usize;
                let of = |by: f64| {
                    let mut moved = pair.reference.clone();
                    moved.parameters[parameter][at] += by;
                    weighed.loss(&moved)
                };
                let gradient = exact.weights[parameter][at];
                is_slope(&format!("{case:?}, {name}[{at}]"), gradient, of);
            }
        }
    }
}
