//! Properties of the gains computed from activities for the draws.

use neurogain::Error;
use neurogain::gain::{
    DecoderGain, GainStatistic, ModulatorCovariance, Rectification, mean_over_images, unit_mean,
};
use proptest::prelude::*;

use crate::reference::U;
use crate::reference::comodulated::comovement;
use crate::reference::layers::Images;

pub const MEASURES: [GainStatistic; 2] = [GainStatistic::Covariance, GainStatistic::Correlation];
pub const SIGNS: [Rectification; 2] = [Rectification::Rectified, Rectification::Absolute];

/// Draws, and the activities for them, `[draws][images][neurons]`.
#[derive(Debug, Clone)]
struct Seen {
    draws: Vec<f32>,
    images: usize,
    neurons: usize,
    activities: Vec<Vec<f32>>,
}

/// Activities like those after ReLU: with zeros, sometimes all zero or all equal; of any size.
fn seen() -> impl Strategy<Value = Seen> {
    let sizes = (2usize..=12, 1usize..=4, 1usize..=6);
    sizes.prop_flat_map(|(draws, images, neurons)| {
        let activity = prop_oneof![
            2 => Just(0.0f32),
            4 => 0f32..2.0,
            1 => 0f32..1e-30,
            1 => 0f32..1e30,
        ];
        let one = prop::collection::vec(activity, images * neurons);
        let free = prop::collection::vec(one.clone(), draws).boxed();
        let zeros = Just(vec![vec![0.0; images * neurons]; draws]).boxed();
        let constant = one.prop_map(move |h| vec![h; draws]).boxed();
        let m = prop_oneof![9 => -2f32..2.0, 1 => Just(0.0f32)];
        let activities = prop_oneof![6 => free, 1 => zeros, 1 => constant];
        (prop::collection::vec(m, draws), activities).prop_map(move |(draws, activities)| Seen {
            draws,
            images,
            neurons,
            activities,
        })
    })
}

impl Seen {
    fn comovement(&self, scale: f32) -> ModulatorCovariance {
        let draws: Vec<f32> = self.draws.iter().map(|m| m * scale).collect();
        let mut comovement = ModulatorCovariance::new(&draws, self.images, self.neurons).unwrap();
        for (draw, activity) in self.activities.iter().enumerate() {
            comovement.add(draw, activity).unwrap();
        }
        comovement
    }
}

/// Of mean 1 up to the roundings of f64: n values rounded twice each, a sum of n, a division.
fn of_mean_1(gains: &[f64]) -> Result<(), TestCaseError> {
    let n = gains.len() as f64;
    let mean = gains.iter().sum::<f64>() / n;
    prop_assert!(
        (mean - 1.0).abs() <= (2.0 * n + 6.0) * f64::EPSILON,
        "mean {} of {:?}",
        mean,
        gains
    );
    prop_assert!(gains.iter().all(|g| *g >= 0.0), "{:?}", gains);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn gains_are_0_or_more_and_of_mean_1(batches in prop::collection::vec(seen(), 1..4)) {
        for (measure, sign) in MEASURES.into_iter().flat_map(|m| SIGNS.map(|s| (m, s))) {
            for seen in &batches {
                let comovement = seen.comovement(1.0);
                for image in comovement.gains(measure, sign).chunks(seen.neurons) {
                    of_mean_1(&unit_mean(image))?;
                }
                let mut gain = DecoderGain::new(seen.neurons);
                for _ in 0..3 {
                    gain.update(&comovement.mean_gains(measure, sign));
                    of_mean_1(gain.values())?;
                }
                // As the decoder reads them: each rounded once.
                let mean = gain.to_f32().iter().map(|g| f64::from(*g)).sum::<f64>();
                prop_assert!((mean / seen.neurons as f64 - 1.0).abs() <= 1.001 * U);
            }
        }
    }

    /// Any non-negative number, however small or large.
    #[test]
    fn normalised_has_mean_1(
        a in prop::collection::vec(prop_oneof![Just(0.0), 0f64..1.0, 0f64..1e-320, 0f64..1e308], 1..9),
    ) {
        let gains = unit_mean(&a);
        of_mean_1(&gains)?;
        for ((a, g), (b, h)) in a.iter().zip(&gains).flat_map(|x| a.iter().zip(&gains).map(move |y| (x, y))) {
            prop_assert!((a > b) <= (g >= h), "{:?} became {:?}", a, gains);
        }
        let positive = a.iter().any(|a| *a > 0.0);
        prop_assert_eq!(positive || gains.iter().all(|g| *g == 1.0), true);
        let kept = |(a, g): (&f64, &f64)| *a > 0.0 || *g == 0.0;
        prop_assert!(!positive || a.iter().zip(&gains).all(kept), "{:?} became {:?}", a, gains);
    }

    /// The sums agree with the definition, in two passes in f64. For n draws the reference and the library each
    /// lose less than (4n + 8)·u₆₄ of Σ(|m| + |m̄|)·2·max|h|: the mean that the reference subtracts has the
    /// rounding of its largest term.
    #[test]
    fn the_measures_are_their_definitions(seen in seen()) {
        let comovement_ = seen.comovement(1.0);
        let shape = [seen.images, 1, seen.neurons];
        let activities: Vec<Images<f64>> = seen.activities.iter().map(|h| {
            Images::each(shape, |[s, _, _, n]| f64::from(h[s * seen.neurons + n]))
        }).collect();
        let n = seen.draws.len() as f64;
        let mean = seen.draws.iter().map(|m| f64::from(*m)).sum::<f64>() / n;
        for sign in SIGNS {
            let found = comovement_.gains(GainStatistic::Covariance, sign);
            let expected = comovement(&seen.draws, &activities, GainStatistic::Covariance, sign);
            for (cell, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let largest = activities.iter().map(|h| h.numbers[cell].abs()).fold(0.0, f64::max);
                let size = seen.draws.iter().map(|m| {
                    (f64::from(m.abs()) + mean.abs()) * 2.0 * largest
                }).sum::<f64>() / (n - 1.0);
                let bound = (8.0 * n + 16.0) * f64::EPSILON * size;
                prop_assert!((found - expected).abs() <= bound, "{}: {} {}", cell, found, expected);
            }
        }
    }

    /// A correlation is at most 1, and exactly 1 for the modulator itself, whatever its scale.
    #[test]
    fn a_correlation_has_no_scale(seen in seen(), scale in 1e-3f32..1e3) {
        let found = seen.comovement(1.0).gains(GainStatistic::Correlation, Rectification::Absolute);
        prop_assert!(found.iter().all(|r| *r <= 1.0 + 1e-9), "{:?}", found);
        let lowest = seen.draws.iter().fold(0f32, |low, m| low.min(*m));
        let rising: Vec<Vec<f32>> = seen.draws.iter()
            .map(|m| vec![(m - lowest) * scale; seen.images * seen.neurons])
            .collect();
        let spread = seen.draws.iter().fold(0f32, |most, m| most.max((m - seen.draws[0]).abs()));
        prop_assume!(spread > 1e-2);
        let itself = Seen { activities: rising, ..seen }.comovement(1.0);
        for r in itself.gains(GainStatistic::Correlation, Rectification::Rectified) {
            prop_assert!((r - 1.0).abs() < 1e-4, "{}", r);
        }
    }

    /// The scale of m does not affect g: a power of two in no bit, any other up to the rounding of the draws,
    /// each by u of its size.
    #[test]
    fn gains_do_not_know_the_scale_of_the_modulator(seen in seen(), power in -8i32..9, scale in 0.1f32..10.0) {
        let largest = seen.draws.iter().fold(0f64, |most, m| most.max(f64::from(m.abs())));
        for (measure, sign) in MEASURES.into_iter().flat_map(|m| SIGNS.map(|s| (m, s))) {
            let gains = |scale: f32| unit_mean(&seen.comovement(scale).mean_gains(measure, sign));
            let one = gains(1.0);
            prop_assert_eq!(&gains(2f32.powi(power)), &one);
            // Where the covariances are not negligible against the roundings of m.
            let spread = |h: usize| {
                let values = seen.activities.iter().map(|a| f64::from(a[h]));
                values.clone().fold(0.0, f64::max) - values.fold(f64::MAX, f64::min)
            };
            let cells = seen.images * seen.neurons;
            let noise = (0..cells).map(spread).sum::<f64>() * largest * 4.0 * U;
            let a = seen.comovement(1.0).mean_gains(GainStatistic::Covariance, sign);
            let total: f64 = a.iter().sum();
            if measure == GainStatistic::Covariance && total > 0.0 {
                let bound = 8.0 * seen.neurons as f64 * noise * seen.draws.len() as f64 / total;
                for (a, b) in gains(scale).iter().zip(&one) {
                    prop_assert!(bound > 0.1 || (a - b).abs() <= bound * (1.0 + b), "{} {}", a, b);
                }
            }
        }
    }
}

#[test]
fn no_covariance_above_0_gives_ones() {
    // Against the modulator, constant, and zero; then all three together.
    let draws = [0.5, -0.5, 0.25, -0.25];
    let against = |m: f32| 1.0 - m;
    for activity in [|m: f32| 1.0 - m, |_| 0.75, |_| 0.0] {
        let mut comovement = ModulatorCovariance::new(&draws, 2, 3).unwrap();
        for (draw, &m) in draws.iter().enumerate() {
            let h = activity(m);
            let row = [h, against(m), 0.0, 2.0 * h, 0.25, against(m)];
            comovement.add(draw, &row).unwrap();
        }
        for measure in MEASURES {
            let mut gain = DecoderGain::new(3);
            gain.update(&comovement.mean_gains(measure, Rectification::Rectified));
            assert_eq!(gain.values(), [1.0; 3]);
        }
    }
    // The absolute value also counts a negative covariance.
    let mut comovement = ModulatorCovariance::new(&draws, 1, 2).unwrap();
    for (draw, &m) in draws.iter().enumerate() {
        comovement.add(draw, &[against(m), 0.0]).unwrap();
    }
    let gains =
        unit_mean(&comovement.mean_gains(GainStatistic::Covariance, Rectification::Absolute));
    assert_eq!(gains, [2.0, 0.0]);
}

#[test]
fn what_is_no_number_gives_ones() {
    for bad in [f64::NAN, f64::INFINITY] {
        assert_eq!(unit_mean(&[1.0, bad, 3.0]), [1.0; 3]);
    }
}

#[test]
fn the_mean_is_over_images() {
    assert_eq!(mean_over_images(&[1.0, 2.0, 3.0, 6.0], 2, 2), [2.0, 4.0]);
}

#[test]
fn draws_come_each_once_and_in_order() {
    let error = ModulatorCovariance::new(&[0.1], 1, 1).unwrap_err();
    assert!(matches!(error, Error::Setting { .. }), "{error:?}");
    assert!(error.to_string().contains("at least 2"), "{error}");
    assert!(ModulatorCovariance::new(&[], 1, 1).is_err());
    let mut comovement = ModulatorCovariance::new(&[0.1, -0.1], 1, 2).unwrap();
    let refused = |result: neurogain::Result<()>| {
        assert!(matches!(result, Err(Error::Shape { .. })), "{result:?}");
    };
    refused(comovement.add(1, &[1.0; 2]));
    refused(comovement.add(0, &[1.0; 3]));
    comovement.add(0, &[1.0; 2]).unwrap();
    refused(comovement.add(0, &[1.0; 2]));
    comovement.add(1, &[1.0; 2]).unwrap();
    refused(comovement.add(2, &[1.0; 2]));
}
