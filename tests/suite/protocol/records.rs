//! The contents of a record, and when it is taken.

use super::*;

fn assert_close(found: f64, expected: f64, what: &str) {
    let close = (found - expected).abs() <= 1e-5 * (1.0 + expected.abs());
    assert!(close, "{what}: {found}, not {expected}");
}

#[test]
fn a_record_holds_the_batch_before_the_update_and_the_test_after_it() {
    for (evaluate_every, evaluate_after_switch) in [(0, 0), (1, 0), (3, 0), (5, 2), (0, 9)] {
        let setting = Setting {
            rule: Some(Optimizer::Sgd),
            iterations: [10, 7, 5],
            evaluate_every,
            evaluate_after_switch,
            ..DRAWING
        };
        let (recorder, history) = setting.run(|_, _| ());
        assert_eq!(history.records.len(), 22);
        for (i, record) in history.records.iter().enumerate() {
            let (context, step) = match i {
                0..10 => (1, i + 1),
                10..17 => (2, i - 9),
                _ => (3, i - 16),
            };
            assert_eq!((record.iteration, record.context), (i + 1, context));
            let due = evaluate_every > 0 && step % evaluate_every == 0
                || context > 1 && step <= evaluate_after_switch;
            assert_eq!(record.test.is_some(), due, "iteration {}", i + 1);
            let ([loss, accuracy, entropy], _, _) = recorder.states[i];
            assert_close(record.train.loss, loss, "training loss");
            assert_eq!(record.train.accuracy, accuracy);
            assert_close(record.entropy, entropy, "entropy");
            let Some((_, [loss, accuracy, _], weights)) = recorder.states.get(i + 1) else {
                continue;
            };
            for (found, expected) in record.mean_absolute_weight.iter().zip(weights) {
                assert_close(*found, *expected, "mean |w|");
            }
            if let Some(test) = record.test {
                assert_close(test.loss, *loss, "test loss");
                assert_close(test.accuracy, *accuracy, "test accuracy");
                // These samples distinguish the two.
                assert!((test.loss - record.train.loss).abs() > 1e-3);
            }
        }
    }
}

#[test]
fn means_are_over_all_neurons_and_all_weights() {
    let setting = Setting {
        rule: Some(Optimizer::Sgd),
        iterations: [2, 1, 1],
        ..DRAWING
    };
    let (_, history) = setting.run(|backend, network| {
        for (layer, parameter) in network.parameters().enumerate() {
            let neurons = parameter.value.shape().rows();
            let gains: Vec<f32> = match layer {
                0 => (0..neurons).map(|n| (1 + n) as f32).collect(),
                1 => vec![1.0, 2.0, 4.0, 8.0, 0.5],
                _ => continue,
            };
            let gains = Tensor::from_rows(backend, Shape::vector(neurons), &gains);
            parameter.gain = Some(gains.unwrap());
        }
    });
    for record in &history.records {
        // Without gain modulation, gains are 1.
        assert_eq!(record.gain, [4.0, 3.1, 1.0]);
    }
}
