//! The running average over batches: τ grows from 1 to 100.

use neurogain::gain::{DecoderGain, MAX_TAU};

/// Batches whose a already has mean 1.
fn a(batch: u32) -> [f64; 2] {
    let part = f64::from(batch * 7 % 11) / 10.0;
    [part, 2.0 - part]
}

/// With τ equal to the number of the batch, the average is that of the initial ones and every a so far.
#[test]
fn up_to_100_batches_count_alike() {
    let mut gain = DecoderGain::new(2);
    assert_eq!(gain.values(), [1.0; 2]);
    let mut total = [1.0; 2];
    for batch in 1..=MAX_TAU {
        gain.update(&a(batch));
        for (total, a) in total.iter_mut().zip(a(batch)) {
            *total += a;
        }
        for (g, total) in gain.values().iter().zip(total) {
            let expected = total / f64::from(batch + 1);
            assert!(
                (g - expected).abs() < 1e-12,
                "batch {batch}: {g} {expected}"
            );
        }
    }
    assert_eq!(MAX_TAU, 100);
}

/// From then on a batch has the weight 1/101, and its scale does not matter.
#[test]
fn later_batches_have_a_fixed_share() {
    let mut gain = DecoderGain::new(2);
    for batch in 1..=150 {
        let before = gain.values().to_vec();
        gain.update(&a(batch).map(|a| 1e-3 * a));
        if batch >= MAX_TAU {
            for ((g, before), a) in gain.values().iter().zip(before).zip(a(batch)) {
                let expected = (100.0 * before + a) / 101.0;
                assert!(
                    (g - expected).abs() < 1e-12,
                    "batch {batch}: {g} {expected}"
                );
            }
        }
    }
}
