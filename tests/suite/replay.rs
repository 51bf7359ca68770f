//! Replay from a bounded buffer in place of joint training.

use std::collections::BTreeSet;

use neurogain::stream::{Context, ReplayKind, replay};
use proptest::prelude::*;

/// Five contexts of joint training, 40 new samples each, two classes per context.
fn joint() -> (Vec<Context>, Vec<u8>) {
    let labels = (0..200).map(|sample| (sample / 20) as u8).collect();
    let context = |number: u32| Context::new((0..40 * number).collect(), 3);
    ((1..=5).map(context).collect(), labels)
}

/// The distinct old samples of a context, and how often the rarest and the most frequent occur in it.
fn memory(context: &Context, number: usize) -> (BTreeSet<u32>, usize, usize) {
    let new = 40 * number as u32..40 * (number as u32 + 1);
    let samples = context.samples().map(|(sample, _)| sample);
    let old: Vec<u32> = samples.filter(|s| !new.contains(s)).collect();
    let distinct: BTreeSet<u32> = old.iter().copied().collect();
    let times = distinct
        .iter()
        .map(|s| old.iter().filter(|o| *o == s).count());
    let times: Vec<usize> = times.collect();
    let (least, most) = (times.iter().min(), times.iter().max());
    (
        distinct,
        least.copied().unwrap_or(0),
        most.copied().unwrap_or(0),
    )
}

proptest! {
    /// Old and new samples have joint training's proportion. The replay buffer has at most its size, repeats its
    /// samples evenly, and never regains a dropped sample.
    #[test]
    fn a_memory_is_bounded_and_forgets_for_good(size in 1usize..100, seed: u64, reservoir: bool) {
        let (joint, labels) = joint();
        let kind = if reservoir { ReplayKind::Reservoir } else { ReplayKind::Balanced };
        let contexts: Vec<_> = replay(&joint, &labels, kind, size, seed).unwrap().collect();
        let mut before = BTreeSet::new();
        for (number, (context, joint)) in contexts.iter().zip(&joint).enumerate() {
            prop_assert_eq!(context.count(), joint.count());
            prop_assert_eq!(context.iterations, 3);
            let (old, least, most) = memory(context, number);
            prop_assert_eq!(old.len(), size.min(40 * number));
            prop_assert!(most - least <= 1);
            let added = 40 * (number as u32).saturating_sub(1)..40 * number as u32;
            let back: Vec<_> = old.iter().filter(|s| !before.contains(*s) && !added.contains(s)).collect();
            prop_assert!(back.is_empty(), "context {}: {:?}", number + 1, back);
            before = old;
        }
    }

    /// Class counts differ by at most one sample, as long as the classes have that many.
    #[test]
    fn a_balanced_memory_has_each_class_alike(size in 1usize..100, seed: u64) {
        let (joint, labels) = joint();
        let contexts = replay(&joint, &labels, ReplayKind::Balanced, size, seed).unwrap();
        let contexts: Vec<_> = contexts.collect();
        for (number, context) in contexts.iter().enumerate().skip(1) {
            let (old, ..) = memory(context, number);
            let count = |class| old.iter().filter(|s| labels[**s as usize] == class).count();
            let counts: Vec<usize> = (0..2 * number as u8).map(count).collect();
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{:?}", counts);
        }
    }
}

/// Over 2,000 seeds, each of the first 160 samples is equally often in a reservoir of 16: the counts'
/// χ² over 159 degrees of freedom stays below 240, which chance exceeds once in 10⁴.
#[test]
fn a_reservoir_holds_every_sample_alike() {
    let (joint, labels) = joint();
    let mut counts = [0u32; 160];
    for seed in 0..2_000 {
        let mut contexts = replay(&joint, &labels, ReplayKind::Reservoir, 16, seed).unwrap();
        for sample in memory(&contexts.nth(4).unwrap(), 4).0 {
            counts[sample as usize] += 1;
        }
    }
    let expected = 2_000.0 * 16.0 / 160.0;
    let chi_square: f64 = counts
        .iter()
        .map(|&n| (f64::from(n) - expected).powi(2) / expected)
        .sum();
    assert!(chi_square < 240.0, "{chi_square}");
}

#[test]
fn seeds_choose_different_memories_and_the_same_seed_the_same() {
    let (joint, labels) = joint();
    for kind in [ReplayKind::Reservoir, ReplayKind::Balanced] {
        let of = |seed| -> Vec<_> { replay(&joint, &labels, kind, 10, seed).unwrap().collect() };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}

#[test]
fn a_memory_of_nothing_and_samples_that_are_none_are_refused() {
    let (joint, labels) = joint();
    assert!(replay(&joint, &labels, ReplayKind::Balanced, 0, 1).is_err());
    assert!(replay(&joint, &labels[..100], ReplayKind::Balanced, 5, 1).is_err());
}
