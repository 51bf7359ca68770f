//! The comodulated network follows its definition: activity, decision, the gradient of every weight and of the
//! modulation, and through them those of couplings, controller and readout, against an f64 reference.
//! `reference::nearness` defines the permitted error.

mod learning;
mod network;

use crate::reference::comodulated_library::{CASE, Case};
use crate::reference::layers::Images;
use neurogain::models::{CouplingGranularity, ModulatedLayers, Stem, Trainable};

const MODULATED: [ModulatedLayers; 3] = [
    ModulatedLayers::First,
    ModulatedLayers::Second,
    ModulatedLayers::Both,
];
const LEARNT: [Trainable; 2] = [Trainable::Modulation, Trainable::Weights];

/// Every choice of modulated layers, with and without residual connections, on several backbones; then with a coupling
/// for each neuron, decoders that keep places, and cells.
fn cases() -> impl Iterator<Item = Case> {
    let of_neurons = MODULATED
        .into_iter()
        .enumerate()
        .map(|(i, modulated)| Case {
            samples: [18, 5, 16][i],
            side: [5, 8, 6][i],
            cell: [None, Some(2), Some(2)][i],
            stages: [1, 0, 0][i],
            encoder: [[4, 4], [3, 5], [4, 3]][i],
            decoder: 3,
            modulated,
            couplings: [
                CouplingGranularity::Neuron,
                CouplingGranularity::Neuron,
                CouplingGranularity::Channel,
            ][i],
            places: i != 2,
            residual: i == 0,
            seed: 30 + i as u64,
            ..CASE
        });
    of_channels().chain(of_neurons)
}

fn of_channels() -> impl Iterator<Item = Case> {
    let kinds = [false, true]
        .into_iter()
        .flat_map(|residual| MODULATED.map(|modulated| (residual, modulated)));
    kinds.enumerate().map(|(i, (residual, modulated))| {
        let case = Case {
            modulated,
            residual,
            seed: 10 + i as u64,
            ..CASE
        };
        match i % 3 {
            0 => case,
            1 => Case {
                samples: 16,
                side: 6,
                stages: 2,
                width: 2,
                ..case
            },
            _ => Case {
                samples: 5,
                side: 11,
                stem: Stem::Large,
                ..case
            },
        }
    })
}

/// The gains of neurons and images in the reference's form.
fn spread(gains: &[f64], [samples, neurons]: [usize; 2]) -> Images<f64> {
    Images::each([samples, 1, neurons], |[s, _, _, n]| {
        match gains.len() == neurons {
            true => gains[n],
            false => gains[s * neurons + n],
        }
    })
}
/// Central differences in f64: their error is h²/6 times a third derivative (below 10⁵ here) plus u₆₄/h.
#[track_caller]
fn is_slope(what: &str, gradient: f64, f: impl Fn(f64) -> f64) {
    let step = 1e-6;
    let slope = (f(step) - f(-step)) / (2.0 * step);
    let error = (slope - gradient).abs();
    assert!(
        error <= 1e-6 * (1.0 + gradient.abs()),
        "{what}: slope {slope}, gradient {gradient}"
    );
}
