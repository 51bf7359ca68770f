//! The backbone with any number of stages, with the small stem and torchvision's, follows its definition:
//! maps and the gradient of every parameter agree with an f64 reference, with the batch's statistics and with the
//! running ones. `reference::nearness` defines the permitted error.
//!
//! The maps are observed through an encoder and a decoder that pass them on: both convolutions are the
//! identity on channels, and the decoder sums each channel.

use crate::reference::comodulated::Comodulated;
use crate::reference::comodulated_library::{Case, Pair};
use crate::reference::layers::{Images, Number};
use crate::reference::nearness::{near, values};
use crate::reference::resnet_library::{narrow, wide};
use neurogain::models::{CouplingGranularity, DecoderGains, ModulatedLayers, Stem, Trainable};
use neurogain::{Cpu, Memory, Tensor};

/// Image sizes that are even and odd in the stages, numbers of samples that fill blocks of 16 and that do not.
fn cases() -> impl Iterator<Item = Case> {
    let sizes = [
        (Stem::Small, 1, 4, 16),
        (Stem::Small, 2, 7, 5),
        (Stem::Small, 3, 9, 18),
        (Stem::Small, 4, 9, 5),
        (Stem::Large, 1, 9, 18),
        (Stem::Large, 1, 12, 16),
        (Stem::Large, 2, 18, 5),
        (Stem::Large, 3, 17, 18),
        (Stem::Large, 4, 35, 5),
    ];
    let with = |(i, (stem, stages, side, samples))| Case {
        samples,
        side,
        channels: 3,
        width: 2,
        stages,
        stem,
        cell: None,
        encoder: [2 << (stages - 1); 2],
        couplings: CouplingGranularity::Channel,
        places: false,
        decoder: 2 << (stages - 1),
        modulated: ModulatedLayers::First,
        residual: false,
        seed: 40 + i as u64,
    };
    sizes.into_iter().enumerate().map(with)
}

/// Both convolutions and the decoder pass on their input: maps after a ReLU are not negative.
fn transparent(backend: &Cpu, case: &Case) -> Pair {
    let mut pair = case.pair(backend);
    let place = pair.reference.place();
    for (number, parameter) in pair.library.parameters().enumerate().skip(place) {
        let (rows, columns) = (
            parameter.value.shape().rows(),
            parameter.value.shape().columns(),
        );
        let taps = columns / rows;
        let mut numbers = vec![0.0; rows * columns];
        for row in 0..rows {
            // The centre tap.
            numbers[row * columns + taps / 2 * rows + row] = 1.0;
        }
        pair.reference.parameters[number] = numbers.clone();
        let floats = parameter.value.floats_mut();
        backend.upload(&narrow(&numbers), floats).unwrap();
    }
    pair
}

fn of_reference<T: Number>(
    network: &Comodulated,
    images: &Images<f64>,
    dy: &Images<f64>,
    learnt: bool,
) -> (Vec<Vec<f64>>, f64) {
    let ones = vec![T::of(1.0); network.encoder[0]];
    let mut seen = network.encode::<T>(images, learnt);
    let response = network.decode(&mut seen, &ones);
    let mut all = vec![values(&response.activity.numbers)];
    // After the backbone, zeros are exact, and so are their gradients.
    let margin = seen.margin;
    if learnt {
        let gains = Images::each(dy.shape(), |_| T::of(1.0));
        network.backward(images, &mut seen, &response, &gains, &dy.to(), true);
        let place = network.place();
        all.extend(seen.run.gradients[..place].iter().map(|g| values(g)));
    }
    (all, margin)
}

#[test]
fn maps_and_every_gradient() {
    let backend = Cpu::new().unwrap();
    for case in cases() {
        for learnt in [true, false] {
            let what = format!("{case:?}, learnt {learnt}");
            let mut pair = transparent(&backend, &case);
            let dy = pair.draw(case.samples * case.decoder, -1.0, 1.0);
            let shape = [case.samples, 1, case.decoder];
            let dy = Images::each(shape, |[s, _, _, n]| dy[s * case.decoder + n]);
            let (reference, images) = (&pair.reference, &pair.images);
            let (exact, margin) = of_reference::<f64>(reference, images, &dy, learnt);
            let (single, _) = of_reference::<f32>(reference, images, &dy, learnt);
            let network = &mut pair.library;
            network.encode(&backend, &pair.inputs, learnt).unwrap();
            let ones = vec![1.0; case.encoder[0]];
            let activity = network.decode(&backend, &ones).unwrap();
            let mut all = vec![wide(&backend, activity)];
            if learnt {
                let y = network
                    .readout(&backend, DecoderGains::Neurons(&ones))
                    .unwrap();
                let shape = y.shape();
                let dy = Tensor::from_rows(&backend, shape, &narrow(&dy.numbers)).unwrap();
                let x = &pair.inputs;
                network
                    .backward(&backend, x, &dy, Trainable::Weights)
                    .unwrap();
                let parameters = network.parameters().take(reference.place());
                all.extend(parameters.map(|p| wide(&backend, &p.gradient)));
                // No ReLU input, and no maximum, is so close to its kink that rounding may fall on the other side
                // than f64.
                assert!(margin > 1e-7, "{what}: {margin}");
            }
            assert_eq!(all.len(), exact.len(), "{what}");
            let names = ["maps"]
                .into_iter()
                .chain(pair.names.iter().map(String::as_str));
            let tensors = names.zip(all).zip(single).zip(exact);
            near(
                &what,
                tensors.map(|(((name, found), single), exact)| (name, found, single, exact)),
            );
        }
    }
}

/// The sizes computed from the settings are the actual ones.
#[test]
fn the_shape_says_what_comes_out() {
    let backend = Cpu::new().unwrap();
    for case in cases() {
        let shape = case.shape().backbone;
        let pair = case.pair(&backend);
        assert_eq!(shape.output_channels(), case.encoder[0]);
        let run = pair.reference.encode::<f64>(&pair.images, false);
        assert_eq!(shape.output_side(), run.side(), "{case:?}");
    }
}

/// The reference's gradients are slopes, by central differences in f64: their error is h²/6 times a third
/// derivative (below 10⁵ here) plus u₆₄/h.
#[test]
fn reference_gradients_are_slopes() {
    let backend = Cpu::new().unwrap();
    for case in cases().filter(|case| case.samples == 5 || case.stages == 1) {
        let mut pair = transparent(&backend, &case);
        let dy = pair.draw(case.samples * case.decoder, -1.0, 1.0);
        let shape = [case.samples, 1, case.decoder];
        let dy = Images::each(shape, |[s, _, _, n]| dy[s * case.decoder + n]);
        let (all, _) = of_reference::<f64>(&pair.reference, &pair.images, &dy, true);
        for (parameter, gradient) in all[1..].iter().enumerate() {
            let length = gradient.len();
            let at = pair.numbers.next(0.0, length as f32) as usize;
            let loss = |by: f64| {
                let mut moved = pair.reference.clone();
                moved.parameters[parameter][at] += by;
                let mut seen = moved.encode::<f64>(&pair.images, true);
                let response = moved.decode(&mut seen, &vec![1.0; case.encoder[0]]);
                let pairs = response.activity.numbers.iter().zip(&dy.numbers);
                pairs.map(|(y, dy)| y * dy).sum::<f64>()
            };
            let step = 1e-7;
            let slope = (loss(step) - loss(-step)) / (2.0 * step);
            let error = (slope - gradient[at]).abs();
            let name = &pair.names[parameter];
            assert!(
                error <= 1e-6 * (1.0 + slope.abs()),
                "{case:?}, {name}[{at}]: slope {slope}, gradient {}",
                gradient[at]
            );
        }
    }
}
