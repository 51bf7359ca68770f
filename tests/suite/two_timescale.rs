//! The scalar model: its closed forms, the common part of its learners, and its noise.

use neurogain::analysis::two_timescale::{
    GainDrive, Noise, Step, TwoTimescale, over_runs, targets,
};
use neurogain::gain::GainDynamics;

fn model(gamma: f32, g0: f32, eta: f32, fast: f64) -> TwoTimescale {
    TwoTimescale {
        dynamics: GainDynamics::new(gamma, g0, eta).unwrap(),
        drive: GainDrive::Error,
        learning_rate: 0.1,
        fast_learning_rate: fast,
        fast_decay: 0.8,
        initial_weight: 0.0,
    }
}

fn noise(target: f64) -> Noise {
    Noise {
        target,
        ..Noise::default()
    }
}

fn near(found: f64, expected: f64, what: &str) {
    assert!(
        (found - expected).abs() <= 1e-12,
        "{what}: {found}, expected {expected}"
    );
}

#[test]
fn targets_change_their_sign_and_come_back() {
    assert_eq!(targets(2, 3, 1), [1.0, 1.0, -1.0, -1.0, -1.0, 1.0]);
}

/// y_n = 1 − (1 − α)ⁿ for the slow weight, and 1 − (1 − α·g²)ⁿ for w at a gain that is held.
#[test]
fn errors_shrink_by_one_minus_the_effective_rate() {
    let g = 2.0f64;
    for (n, step) in model(0.5, g as f32, 0.0, 0.3)
        .run(&[1.0; 20], &[])
        .iter()
        .enumerate()
    {
        near(step.slow_alone, 1.0 - 0.9f64.powi(n as i32), "slow");
        near(
            step.modulated,
            1.0 - (1.0 - 0.1 * g * g).powi(n as i32),
            "modulated",
        );
        assert_eq!(step.gain, g);
    }
}

/// Without its additional mechanism each learner is the slow weight alone, bit for bit.
#[test]
fn without_gain_and_fast_weight_all_learners_are_one() {
    for step in model(0.9, 1.0, 0.0, 0.0).run(
        &targets(9, 5, 9),
        &[[0.3, 0.0, 0.0], [-0.2, 0.0, 0.1], [0.1, 0.0, 0.0]],
    ) {
        assert_eq!(
            (step.modulated, step.explicit),
            (step.slow_alone, step.slow_alone)
        );
        assert_eq!((step.modulated_fast, step.explicit_fast), (0.0, 0.0));
    }
}

/// For a constant target the explicit learner converges to s = t and f = 0.
#[test]
fn fast_weights_hand_over_to_slow_ones() {
    let steps = model(0.9, 1.0, 0.2, 0.3).run(&[1.0; 2000], &[]);
    let early = &steps[3];
    assert!(early.explicit_fast > 2.0 * early.explicit_slow, "{early:?}");
    near(steps[1999].explicit_slow, 1.0, "slow");
    near(steps[1999].explicit_fast, 0.0, "fast");
}

/// Numbers of the paper's published script, whose target is −1 in the steps 144 to 153.
#[test]
fn the_figure_has_the_numbers_of_the_published_script() {
    let steps = TwoTimescale::of_figure()
        .unwrap()
        .run(&targets(143, 10, 47), &[]);
    for (step, y, g) in [
        (144, 1.000, 1.000),
        (145, 1.696, 2.120),
        (146, 0.557, 2.439),
        (148, -0.749, 2.449),
    ] {
        let found = &steps[step - 1];
        assert!((found.modulated - y).abs() < 6e-4, "{step}: {found:?}");
        assert!((found.gain - g).abs() < 6e-4, "{step}: {found:?}");
    }
}

#[test]
fn components_add_up_and_the_gain_obeys_its_dynamics() {
    let model = model(0.9, 1.0, 0.2, 0.3);
    let steps = model.run(&targets(40, 10, 40), &[]);
    let mut before: Option<Step> = None;
    for step in steps {
        near(
            step.modulated_slow + step.modulated_fast,
            step.modulated,
            "gain-modulated",
        );
        near(
            step.explicit_slow + step.explicit_fast,
            step.explicit,
            "explicit",
        );
        if let Some(before) = before {
            let error = (before.modulated - before.target).abs();
            near(step.gain, model.dynamics.step(before.gain, error), "gain");
        }
        before = Some(step);
    }
}

/// The purpose of the figure: after each change of sign the gain rises, and the gain-modulated and
/// the fast–slow learner reach the target's sign long before the slow weight.
#[test]
fn two_timescales_follow_a_change_of_sign_sooner() {
    let steps = TwoTimescale::of_figure()
        .unwrap()
        .run(&targets(143, 10, 47), &[]);
    let (there, back) = (&steps[143..153], &steps[153..]);
    let follows = |steps: &[Step], of: fn(&Step) -> f64| {
        steps
            .iter()
            .position(|step| of(step) * step.target > 0.0)
            .unwrap_or(usize::MAX)
    };
    for stretch in [there, back] {
        let slow = follows(stretch, |step| step.slow_alone);
        assert!(follows(stretch, |step| step.modulated) < slow);
        assert!(follows(stretch, |step| step.explicit) < slow);
    }
    assert!(
        there[5].gain > 1.5 * there[0].gain,
        "{} after {}",
        there[5].gain,
        there[0].gain
    );
    assert!(steps[199].gain < 1.3, "{}", steps[199].gain);
}

/// The slow weight is linear in the noise: at rest its mean over repeats is the target and its variance
/// α·σ²/(2 − α). Bounds of four standard errors over 2,000 repeats.
#[test]
fn noise_has_the_mean_and_variance_of_a_leaky_average() {
    let (repeats, sigma, alpha) = (2000, 0.2, 0.1);
    let runs = model(0.9, 1.0, 0.2, 0.3).noisy_runs(&[1.0; 150], noise(sigma), repeats, 3);
    let found = over_runs(&runs, |step| step.slow_alone)[149];
    let variance = alpha * sigma * sigma / (2.0 - alpha);
    assert_eq!(found.count, repeats);
    let n = repeats as f64;
    assert!(
        (found.mean - 1.0).abs() <= 4.0 * (variance / n).sqrt(),
        "{found:?}"
    );
    let bound = 4.0 * variance * (2.0 / (n - 1.0)).sqrt();
    assert!(
        (found.standard_deviation.powi(2) - variance).abs() <= bound,
        "{found:?}"
    );
}

#[test]
fn repeats_are_named_streams() {
    let model = TwoTimescale::of_figure().unwrap();
    let targets = targets(5, 5, 5);
    let five = model.noisy_runs(&targets, noise(0.2), 5, 7);
    assert_eq!(five[..3], model.noisy_runs(&targets, noise(0.2), 3, 7));
    assert_ne!(five[0], five[1]);
    assert_ne!(five, model.noisy_runs(&targets, noise(0.2), 5, 8));
    assert_eq!(
        model.noisy_runs(&targets, Noise::default(), 1, 7)[0],
        model.run(&targets, &[])
    );
    assert!(over_runs(&[], |step| step.gain).is_empty());
}
