//! Unit replacement selects the units that its paper's algorithm selects, and reinitialises them.

use neurogain::learn::{
    Batch, ContinualBackprop, GradientDescent, Learner, OptimizerConfig, ReDo, Replacement,
    ReplacementConfig,
};
use neurogain::models::{Mlp, MlpConfig, Network as _};
use neurogain::nn::LossLog;
use neurogain::optim::Optimizer;
use neurogain::rng::{Purpose, RandomStream};
use neurogain::state::Checkpoint;
use neurogain::{Cpu, Error, Memory, Shape, Tensor};
use rand_distr::{Distribution as _, StandardNormal};

const HIDDEN: [usize; 2] = [6, 4];

fn mlp(backend: &Cpu) -> Mlp {
    let shape = MlpConfig {
        neurons: vec![5, HIDDEN[0], HIDDEN[1], 3],
        hidden_standard_deviation: 0.5,
        output_standard_deviation: 0.5,
    };
    Mlp::new(backend, &shape, 4).unwrap()
}

fn batch(backend: &Cpu, number: usize) -> Batch {
    let inputs: Vec<f32> = (0..20 * 5)
        .map(|i| ((i * 37 + number * 11) % 23) as f32 / 11.0 - 1.0)
        .collect();
    let labels: Vec<u8> = (0..20).map(|i| ((i + number) % 3) as u8).collect();
    Batch {
        inputs: Tensor::from_rows(backend, Shape::features(20, 5), &inputs).unwrap(),
        labels: backend.bytes(&labels).unwrap(),
    }
}

/// Rows of each layer's weights, in f64.
fn weights(backend: &Cpu, network: &mut Mlp) -> Vec<Vec<Vec<f64>>> {
    let rows = |tensor: &Tensor| -> Vec<Vec<f64>> {
        let numbers: Vec<f64> = tensor
            .to_rows(backend)
            .unwrap()
            .into_iter()
            .map(f64::from)
            .collect();
        numbers
            .chunks(tensor.shape().columns())
            .map(<[f64]>::to_vec)
            .collect()
    };
    network.parameters().map(|p| rows(&p.value)).collect()
}

/// The batch mean of each hidden unit's activity, from the weights and inputs alone, in f64.
fn activity(backend: &Cpu, weights: &[Vec<Vec<f64>>], batch: &Batch) -> Vec<Vec<f64>> {
    let inputs = batch.inputs.to_rows(backend).unwrap();
    let mut means = HIDDEN.map(|units| vec![0.0; units]);
    for sample in inputs.chunks(5) {
        let mut x: Vec<f64> = sample.iter().copied().map(f64::from).collect();
        for (mean, layer) in means.iter_mut().zip(weights) {
            let unit =
                |row: &Vec<f64>| row.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>().max(0.0);
            x = layer.iter().map(unit).collect();
            mean.iter_mut()
                .zip(&x)
                .for_each(|(mean, h)| *mean += h / 20.0);
        }
    }
    means.into()
}

#[test]
fn redo_replaces_dormant_units() {
    let backend = Cpu::new().unwrap();
    let mut network = mlp(&backend);
    let mut redo = ReDo::new(0.6, Some(3)).unwrap();
    let mut found = Vec::new();
    for update in 1..=6 {
        let batch = batch(&backend, update);
        network.forward(&backend, &batch.inputs).unwrap();
        let selected = redo.select(&backend, &mut network, update == 1).unwrap();
        let mut expected = Vec::new();
        if update % 3 == 0 {
            let weights = weights(&backend, &mut network);
            for (layer, means) in activity(&backend, &weights, &batch).iter().enumerate() {
                let mean = means.iter().sum::<f64>() / means.len() as f64;
                let dormant = (0..means.len()).filter(|&unit| means[unit] / mean <= 0.6);
                expected.extend(dormant.map(|unit| (layer, unit)));
            }
        }
        assert_eq!(selected, expected, "update {update}");
        found.extend(selected);
    }
    assert!(!found.is_empty() && found.len() < 2 * (HIDDEN[0] + HIDDEN[1]));
}

/// Without a period, units are replaced after the last update of every context, whatever its length: as with a period
/// that ends there.
#[test]
fn redo_without_a_period_acts_once_a_context() {
    let backend = Cpu::new().unwrap();
    let weights_after = |every: Option<u64>, contexts: &[usize]| {
        let optimizer = OptimizerConfig::new(Optimizer::Sgd, 0.01);
        let mut learner = GradientDescent::new(&backend, mlp(&backend), optimizer, None).unwrap();
        let redo = ReplacementConfig::ReDo {
            threshold: 0.6,
            every,
        };
        let redo = redo.build(&mut learner.network).unwrap();
        learner = learner.with_replacement(redo, 7);
        let mut log = LossLog::new();
        for (number, &iterations) in contexts.iter().enumerate() {
            learner
                .begin_context(&backend, number + 1, iterations)
                .unwrap();
            for update in 1..=iterations {
                learner
                    .step(&backend, &batch(&backend, update), &mut log)
                    .unwrap();
            }
        }
        weights(&backend, &mut learner.network)
    };
    for contexts in [&[3][..], &[3, 3]] {
        let once_a_context = weights_after(None, contexts);
        assert_eq!(once_a_context, weights_after(Some(3), contexts));
        assert_ne!(once_a_context, weights_after(Some(100), contexts));
    }
    // The second context is longer than the first.
    assert_ne!(
        weights_after(None, &[2, 4]),
        weights_after(Some(2), &[2, 4])
    );
}

#[test]
fn continual_backprop_replaces_the_mature_unit_of_least_utility() {
    let backend = Cpu::new().unwrap();
    let mut network = mlp(&backend);
    let (rate, maturity, decay) = (0.05, 4, 0.9);
    let mut rule = ContinualBackprop::new(rate, maturity, decay, &HIDDEN).unwrap();
    let mut utility = HIDDEN.map(|units| vec![0.0; units]);
    let mut age = HIDDEN.map(|units| vec![0u64; units]);
    let mut due = [0.0f64; 2];
    let mut replaced = 0;
    for update in 1..=40 {
        let batch = batch(&backend, update);
        network.forward(&backend, &batch.inputs).unwrap();
        let selected = rule.select(&backend, &mut network, false).unwrap();
        let weights = weights(&backend, &mut network);
        let activity = activity(&backend, &weights, &batch);
        let mut expected = Vec::new();
        for layer in 0..2 {
            for unit in 0..HIDDEN[layer] {
                let outgoing: f64 = weights[layer + 1].iter().map(|row| row[unit].abs()).sum();
                let contribution = activity[layer][unit] * outgoing;
                utility[layer][unit] = decay * utility[layer][unit] + (1.0 - decay) * contribution;
                age[layer][unit] += 1;
            }
            let mature: Vec<usize> = (0..HIDDEN[layer])
                .filter(|&u| age[layer][u] > maturity)
                .collect();
            due[layer] += rate * mature.len() as f64;
            if due[layer] >= 1.0 {
                let least = mature
                    .into_iter()
                    .min_by(|&a, &b| utility[layer][a].total_cmp(&utility[layer][b]));
                let least = least.unwrap();
                due[layer] -= 1.0;
                (utility[layer][least], age[layer][least]) = (0.0, 0);
                expected.push((layer, least));
            }
        }
        assert_eq!(selected, expected, "update {update}");
        replaced += selected.len();
    }
    assert!(replaced >= 4, "{replaced}");
}

/// A replaced unit's incoming weights are drawn as at initialisation, its outgoing weights and all moments are 0; the
/// other weights are those of learning without replacement.
#[test]
fn replaced_units_start_anew() {
    let backend = Cpu::new().unwrap();
    let adam = Optimizer::Adam {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
    };
    let run = |replace: bool| {
        let optimizer = OptimizerConfig::new(adam, 0.01);
        let mut learner = GradientDescent::new(&backend, mlp(&backend), optimizer, None).unwrap();
        if replace {
            // Only at its second update, so that both learn the same before.
            let redo = ReplacementConfig::ReDo {
                threshold: 0.6,
                every: Some(2),
            };
            let redo = redo.build(&mut learner.network).unwrap();
            learner = learner.with_replacement(redo, 7);
        }
        let mut log = LossLog::new();
        for number in 1..=2 {
            learner
                .step(&backend, &batch(&backend, number), &mut log)
                .unwrap();
        }
        let state = Checkpoint::take(&backend, &mut learner).unwrap();
        (weights(&backend, &mut learner.network), state)
    };
    let ((plain, _), (found, state)) = (run(false), run(true));
    let moment = |name: &str| {
        let found = state.learner.iter().find(|tensor| tensor.name == name);
        found.unwrap().numbers.clone()
    };
    let mut stream = RandomStream::new(7, Purpose::Replacement, 2);
    let mut replaced = [Vec::new(), Vec::new()];
    for layer in 0..2 {
        for unit in 0..HIDDEN[layer] {
            if found[layer + 1].iter().all(|row| row[unit] == 0.0) {
                replaced[layer].push(unit);
            }
        }
    }
    assert!(!replaced[0].is_empty(), "{replaced:?}");
    let names = ["hidden1", "hidden2", "output"];
    for layer in 0..2 {
        for &unit in &replaced[layer] {
            for (place, w) in found[layer][unit].iter().enumerate() {
                let normal: f64 = StandardNormal.sample(&mut stream);
                let drawn = f64::from((normal * 0.5) as f32);
                let cleared = layer == 1 && replaced[0].contains(&place);
                let expected = if cleared { 0.0 } else { drawn };
                assert_eq!(*w, expected, "{layer}, {unit}, {place}");
            }
            for kind in ["first_moment", "second_moment"] {
                let incoming = moment(&format!("{}.{kind}", names[layer]));
                let row = incoming.chunks(found[layer][0].len()).nth(unit).unwrap();
                assert!(row.iter().all(|m| *m == 0.0));
                let outgoing = moment(&format!("{}.{kind}", names[layer + 1]));
                let units = HIDDEN[layer];
                assert!(outgoing.iter().skip(unit).step_by(units).all(|m| *m == 0.0));
            }
        }
    }
    for layer in 0..3 {
        for (unit, row) in found[layer].iter().enumerate() {
            for (place, w) in row.iter().enumerate() {
                let drawn = layer < 2 && replaced[layer].contains(&unit);
                let cleared = layer > 0 && replaced[layer - 1].contains(&place);
                assert!(drawn || cleared || *w == plain[layer][unit][place]);
            }
        }
    }
}

#[test]
fn constants_outside_their_range_are_refused() {
    let backend = Cpu::new().unwrap();
    let refused = |config: ReplacementConfig| {
        matches!(config.validate(), Err(Error::Setting { .. }))
            && matches!(config.build(&mut mlp(&backend)), Err(Error::Setting { .. }))
    };
    for (rate, decay) in [(-0.1, 0.9), (1.5, 0.9), (0.1, 1.0), (f64::NAN, 0.5)] {
        assert!(refused(ReplacementConfig::ContinualBackprop {
            rate,
            maturity: 1,
            decay,
        }));
    }
    for (threshold, every) in [(-0.1, 1), (f64::NAN, 1), (0.1, 0)] {
        let every = Some(every);
        assert!(refused(ReplacementConfig::ReDo { threshold, every }));
    }
}
