//! The random streams give the published generator's words, and the distributions drawn from them
//! give the values pinned here, so that a run's randomness never changes unnoticed.

use neurogain::rng::{Purpose, RandomStream, philox};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

/// The known answers published with the generator (Random123, `kat_vectors`).
#[test]
fn philox_gives_its_known_answers() {
    let known = [
        (
            [0; 4],
            [0; 2],
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
        ),
        (
            [u32::MAX; 4],
            [u32::MAX; 2],
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
        ),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ];
    for (counter, key, words) in known {
        assert_eq!(
            philox(counter, key),
            words,
            "counter {counter:x?}, key {key:x?}"
        );
    }
}

#[test]
fn a_stream_is_the_generator_on_a_counter() {
    let mut stream = RandomStream::new(0x0123_4567_89ab_cdef, Purpose::Batch, 7);
    for block in 0..3 {
        let words = philox([block, 7, 0, 2], [0x89ab_cdef, 0x0123_4567]);
        for word in words {
            assert_eq!(stream.next_u32(), word, "block {block}");
        }
    }
}

#[test]
fn seed_purpose_and_step_each_name_another_stream() {
    let first = |seed, purpose, step| RandomStream::new(seed, purpose, step).next_u64();
    let words = [
        first(1, Purpose::Weights, 1),
        first(2, Purpose::Weights, 1),
        first(1, Purpose::Batch, 1),
        first(1, Purpose::Weights, 2),
        first(1 << 32, Purpose::Weights, 1),
        first(1, Purpose::Weights, 1 << 32),
    ];
    for (i, a) in words.iter().enumerate() {
        for b in &words[i + 1..] {
            assert_ne!(a, b);
        }
    }
}

#[test]
fn an_index_is_the_high_half_of_a_step() {
    let mut indexed = RandomStream::indexed(9, Purpose::RandomLabels, 3, 5);
    let mut long = RandomStream::new(9, Purpose::RandomLabels, (3 << 32) + 5);
    assert_eq!(indexed.next_u64(), long.next_u64());
}

#[test]
fn bytes_are_the_words_little_endian() {
    let mut bytes = [0; 10];
    RandomStream::new(3, Purpose::User, 0).fill_bytes(&mut bytes);
    let mut stream = RandomStream::new(3, Purpose::User, 0);
    let words: Vec<u8> = (0..3)
        .flat_map(|_| stream.next_u32().to_le_bytes())
        .collect();
    assert_eq!(bytes, words[..10]);
}

#[test]
fn the_distributions_keep_their_values() {
    let mut stream = RandomStream::new(42, Purpose::Weights, 0);
    let normals: Vec<u64> = (0..4)
        .map(|_| {
            let normal: f64 = StandardNormal.sample(&mut stream);
            normal.to_bits()
        })
        .collect();
    assert_eq!(normals, NORMALS, "{normals:#x?}");
    let mut stream = RandomStream::new(42, Purpose::Batch, 1);
    let indices: Vec<u32> = (0..8).map(|_| stream.random_range(0..12_665)).collect();
    assert_eq!(indices, INDICES);
}

const NORMALS: [u64; 4] = [
    0x3fe3_5f4b_cc05_3ac2,
    0x3ff2_9085_355b_50b7,
    0xbfe6_2378_7950_4f48,
    0x3fda_5334_dff7_e74a,
];
const INDICES: [u32; 8] = [489, 12422, 11108, 3181, 355, 6079, 2802, 4233];

/// Mean, variance and the fraction beyond two standard deviations of many draws are within five standard errors of
/// the normal distribution's; the streams are fixed, so the outcome is fixed too.
#[test]
fn the_normal_draws_are_normal() {
    let n = 100_000;
    let mut stream = RandomStream::new(1, Purpose::User, 0);
    let draws: Vec<f64> = (0..n).map(|_| StandardNormal.sample(&mut stream)).collect();
    let mean = draws.iter().sum::<f64>() / n as f64;
    let variance = draws.iter().map(|x| x * x).sum::<f64>() / n as f64;
    let beyond = draws.iter().filter(|x| x.abs() > 2.0).count() as f64 / n as f64;
    let root = (n as f64).sqrt();
    assert!(mean.abs() < 5.0 / root, "mean {mean}");
    assert!(
        (variance - 1.0).abs() < 5.0 * 2f64.sqrt() / root,
        "variance {variance}"
    );
    let share = 0.045_500_26;
    assert!(
        (beyond - share).abs() < 5.0 * (share * (1.0 - share)).sqrt() / root,
        "{beyond}"
    );
}
