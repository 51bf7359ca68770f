//! The draws of each batch.

use std::collections::BTreeSet;

use neurogain::Cpu;
use neurogain::learn::{ComodulationLearnerConfig, GainGranularity, GainSource, Modulator};

use super::learner::{MODULATOR, SETTINGS, batch, learner};

/// Test images get draws that no training step uses: with gains per image, the loss of an evaluated
/// batch differs from the training loss at every step, including the same one. With gains that need no draws the two
/// losses agree, so only the draws make the difference.
#[test]
fn test_images_have_draws_of_their_own() {
    let backend = Cpu::new().unwrap();
    let batch = batch(&backend, 0, 7);
    let losses = |gains| {
        let modulator = Modulator {
            granularity: GainGranularity::Image,
            ..MODULATOR
        };
        let settings = ComodulationLearnerConfig {
            gains,
            modulator,
            ..SETTINGS
        };
        // The loss is the one before the step, so all learners are compared in the same state.
        let learner = learner(&backend, &settings);
        let learnt = |step: u64| {
            let loss = learner.clone().learn(&backend, 0, &batch, step).unwrap();
            loss.cross_entropy.to_bits()
        };
        let answered = |step: u64| {
            let prediction = learner.clone().predict(&backend, 0, &batch, step).unwrap();
            prediction.loss.cross_entropy.to_bits()
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
