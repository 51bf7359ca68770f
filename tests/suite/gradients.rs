//! The hand-written backward pass gives the gradient of the loss, for every layer and the whole network.

use crate::reference;
use crate::reference::difference;
use crate::reference::library::cases;
use neurogain::models::Network as _;
use neurogain::nn::LossLog;
use neurogain::{Cpu, Shape, Tensor};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Logits, loss, entropy and every gradient of the library lie within the proved rounding bound of
    /// the f64 reference.
    #[test]
    fn network_is_the_reference_within_its_rounding_bound(case in cases()) {
        let backend = Cpu::new().unwrap();
        let mut mlp = case.mlp(&backend);
        let batch = case.batch(&backend);
        let expected = case.network.pass(&case.samples);
        let mut loss = LossLog::new();
        let mut dlogits = Tensor::zeros(&backend, Shape::features(0, 1)).unwrap();

        let logits = mlp.forward(&backend, &batch.inputs).unwrap();
        let rows = logits.to_rows(&backend).unwrap();
        for (i, (found, expected)) in rows.iter().zip(expected.logits.iter().flatten()).enumerate() {
            expected.check(*found, format!("logit {i}"));
        }
        loss.forward(&backend, logits, &batch.labels, &mut dlogits).unwrap();
        let found = loss.last(&backend).unwrap();
        expected.loss.check(found.mean_cross_entropy(), "loss");
        expected.entropy.check(found.mean_entropy(), "entropy");
        mlp.backward(&backend, &batch.inputs, &dlogits).unwrap();
        for (layer, (parameter, expected)) in mlp.parameters().zip(&expected.gradients).enumerate() {
            let found = parameter.gradient.to_rows(&backend).unwrap();
            for (i, (found, expected)) in found.iter().zip(expected.iter().flatten()).enumerate() {
                expected.check(*found, format!("gradient {i} of layer {layer}"));
            }
        }
        let inferred = mlp.infer(&backend, &batch.inputs).unwrap().to_rows(&backend).unwrap();
        prop_assert_eq!(inferred, rows);
    }

    /// The reference's gradient is the loss's slope: central differences in f64, away from ReLU's kink.
    /// Their error is h²/6 times a third derivative plus u₆₄/h, both below 1e-8 here.
    #[test]
    fn reference_gradient_is_the_slope_of_the_loss(case in cases(), pick: [u16; 3]) {
        let pass = case.network.pass(&case.samples);
        let step = 1e-5;
        prop_assume!(pass.margin > 1e-3);
        let layer = usize::from(pick[0]) % case.network.weights.len();
        let rows = &case.network.weights[layer];
        let row = usize::from(pick[1]) % rows.len();
        let column = usize::from(pick[2]) % rows[0].len();
        let slope = difference(&case.network, &case.samples, [layer, row, column], step);
        let gradient = pass.gradients[layer][row][column].value;
        let error = (slope - gradient).abs();
        prop_assert!(error <= 1e-7 * (1.0 + gradient.abs()), "slope {slope}, gradient {gradient}");
    }
}

/// The bound is not so wide that a wrong gradient would pass: on a simple case it is far below the numbers.
#[test]
fn the_bound_is_tight() {
    let network = reference::Network {
        weights: vec![
            vec![vec![0.5, -0.25], vec![0.125, 0.75]],
            vec![vec![1.0, -0.5], vec![0.25, 1.5]],
        ],
        gains: vec![vec![1.5, 1.25], vec![2.0, 1.0]],
    };
    let samples = reference::DeviceDataset {
        inputs: vec![vec![1.0, 0.5], vec![0.25, 2.0]],
        labels: vec![0, 1],
    };
    let pass = network.pass(&samples);
    for gradient in pass.gradients.iter().flatten().flatten() {
        assert!(
            gradient.error < 1e-4 * (1.0 + gradient.value.abs()),
            "{gradient:?}"
        );
    }
    assert!(
        pass.gradients
            .iter()
            .flatten()
            .flatten()
            .any(|g| g.value.abs() > 0.1)
    );
}
