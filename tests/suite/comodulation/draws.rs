//! Which draws a batch gets.

use std::collections::BTreeSet;

use neurogain::Cpu;
use neurogain::learn::{AdapterSettings, GainSource, GainsFor, Modulator};

use super::learner::{MODULATOR, SETTINGS, batch, learner};

/// Test images get draws that nothing is learnt under: where each image has gains of its own, the loss of a
/// batch that is answered is none that learning has at any step, the same one included. Gains that need no draws
/// show that nothing else tells the two apart.
#[test]
fn test_images_have_draws_of_their_own() {
    let backend = Cpu::new().unwrap();
    let batch = batch(&backend, 0, 7);
    let losses = |gains| {
        let modulator = Modulator {
            gains_for: GainsFor::Image,
            ..MODULATOR
        };
        let settings = AdapterSettings {
            gains,
            modulator,
            ..SETTINGS
        };
        // The loss is that before the step, so that every learner is asked the same.
        let learner = learner(&backend, &settings);
        let learnt = |step: u64| {
            let loss = learner.clone().learn(&backend, 0, &batch, step).unwrap();
            loss.cross_entropy.to_bits()
        };
        let answered = |step: u64| {
            let answer = learner.clone().answer(&backend, 0, &batch, step).unwrap();
            answer.loss.cross_entropy.to_bits()
        };
        let learnt: BTreeSet<u64> = (0..8).map(learnt).collect();
        let answered: BTreeSet<u64> = (0..8).map(answered).collect();
        (learnt, answered)
    };
    for gains in [GainSource::Comodulation, GainSource::Shuffled] {
        let (learnt, answered) = losses(gains);
        assert_eq!((learnt.len(), answered.len()), (8, 8), "{gains:?}");
        assert!(learnt.is_disjoint(&answered), "{gains:?}");
    }
    let (learnt, answered) = losses(GainSource::MeanActivity);
    assert_eq!(learnt.len(), 1);
    assert_eq!(learnt, answered);
}
