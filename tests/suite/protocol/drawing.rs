//! Random draws: the samples of a batch, and the initial weights.

use super::*;

#[test]
fn batches_are_drawn_uniformly_with_replacement_from_their_context() {
    let (recorder, _) = DRAWING.run(|_, _| ());
    let (dataset, indices) = (numbered(), recorder.indices());
    for (batch, labels) in indices.iter().zip(&recorder.labels) {
        let of_index = |&i: &u32| dataset.labels()[i as usize];
        assert_eq!(labels, &batch.iter().map(of_index).collect::<Vec<u8>>());
    }
    let mut rest = &indices[..];
    for (number, context) in (1..).zip(contexts(DRAWING.iterations)) {
        let (batches, after) = rest.split_at(context.iterations);
        rest = after;
        let samples: Vec<u32> = context.samples().map(|(sample, _)| sample).collect();
        let n = samples.len();
        let place = |sample: &u32| {
            let place = samples.iter().position(|s| s == sample);
            place.unwrap_or_else(|| panic!("context {number}: {sample} is not of it"))
        };
        let batches = batches
            .iter()
            .map(|batch| batch.iter().map(place).collect());
        let batches: Vec<Vec<usize>> = batches.collect();
        let (mut places, mut within, mut between) = (vec![0; n], vec![0; n], vec![0; n]);
        let (mut pairs, mut equal) = (0, 0);
        for (number, batch) in batches.iter().enumerate() {
            assert_eq!(batch.len(), 20);
            for (i, &place) in batch.iter().enumerate() {
                places[place] += 1;
                pairs += i;
                equal += batch[..i].iter().filter(|&&other| other == place).count();
                if i > 0 {
                    within[(n + place - batch[i - 1]) % n] += 1;
                }
                if number > 0 {
                    between[(n + place - batches[number - 1][i]) % n] += 1;
                }
            }
        }
        assert_uniform(&places, &format!("context {number}, samples"));
        assert_uniform(&within, &format!("context {number}, from one to the next"));
        assert_uniform(&between, &format!("context {number}, from batch to batch"));
        // Equal pairs are uncorrelated if draws are uniform, so their variance is that of a binomial.
        assert_binomial(equal, pairs, 1.0 / n as f64, "repeats");
    }
    assert!(rest.is_empty());
}

#[test]
fn batches_depend_on_the_seed_and_not_on_the_method() {
    let run = |rule, seed| {
        let setting = Setting {
            rule,
            seed,
            iterations: [5, 4, 3],
            ..DRAWING
        };
        setting.run(|_, _| ()).0.inputs
    };
    let first = run(None, 3);
    assert_eq!(first.len(), 12);
    assert_eq!(first, run(Some(Optimizer::Sgd), 3));
    assert_eq!(first, run(Some(Optimizer::Momentum { momentum: 0.9 }), 3));
    for (a, b) in first.iter().zip(run(None, 4)) {
        assert_ne!(*a, b);
    }
}

#[test]
fn each_layer_starts_from_a_stream_and_a_deviation_of_its_own() {
    let backend = Cpu::new().unwrap();
    let shape = MlpConfig {
        neurons: vec![64, 64, 64, 64],
        hidden_standard_deviation: 0.05,
        output_standard_deviation: 0.4,
    };
    let weights = |seed| -> Vec<Vec<f32>> {
        let mut network = Mlp::new(&backend, &shape, seed).unwrap();
        let layers = network.parameters();
        layers.map(|p| p.value.to_rows(&backend).unwrap()).collect()
    };
    let layers = weights(9);
    let n = 64.0 * 64.0;
    for (index, (layer, sd)) in layers.iter().zip([0.05f32, 0.05, 0.4]).enumerate() {
        let mut stream = RandomStream::new(9, Purpose::Weights, index as u64);
        for &weight in layer {
            let normal: f64 = StandardNormal.sample(&mut stream);
            assert_eq!(weight, (normal * f64::from(sd)) as f32, "layer {index}");
        }
        let sd = f64::from(sd);
        let mean = layer.iter().map(|&w| f64::from(w)).sum::<f64>() / n;
        assert!(
            mean.abs() <= SIGMAS * sd / n.sqrt(),
            "layer {index}: {mean}"
        );
        let variance = layer.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>() / n;
        let far = (variance / (sd * sd) - 1.0).abs();
        assert!(
            far <= SIGMAS * (2.0 / n).sqrt(),
            "layer {index}: {variance}"
        );
        for (other, sd_other) in layers[..index].iter().zip([0.05, 0.05]) {
            let products = layer.iter().zip(other);
            let products = products.map(|(&a, &b)| f64::from(a) * f64::from(b));
            let correlation = products.sum::<f64>() / (n * sd * sd_other);
            assert!(
                correlation.abs() <= SIGMAS / n.sqrt(),
                "{index}: {correlation}"
            );
        }
    }
    assert!(layers.iter().zip(weights(10)).all(|(a, b)| *a != b));
}
