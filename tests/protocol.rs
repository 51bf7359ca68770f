//! What a run is said to do, checked piece by piece: which samples a batch holds, where weights start,
//! what becomes of a pixel, what a record states, when the network is evaluated, and where the gains
//! that the kernel moves can go.
//!
//! Bounds on what random draws give would be passed by all but one in 10⁶ seeds; the seeds are fixed,
//! so that the outcome is, too.

use neurogain::backend::{Backend as _, Placement};
use neurogain::data::{Dataset, ImageShape};
use neurogain::gain::GainDynamics;
use neurogain::models::{Mlp, MlpShape, Network};
use neurogain::nn::{Initial, Loss, Parameter, SoftmaxCrossEntropy};
use neurogain::optim::Rule;
use neurogain::rng::{Purpose, Stream};
use neurogain::shape::LANES;
use neurogain::stream::Context;
use neurogain::train::{
    Batch, GradientDescent, History, Method, Normalisation, Samples, TestTasks, Trainer, Transform,
};
use neurogain::{Cpu, Result, Shape, Tensor};
use proptest::prelude::*;
use rand_distr::{Distribution as _, StandardNormal};

/// Standard deviations that a normal number leaves to either side with a probability of 10⁻⁶.
const SIGMAS: f64 = 4.9;

/// Half a unit in the last place of an f32 of 1: the rounding error relative to the result.
const U: f64 = 1.0 / 16_777_216.0;

/// Fails if the counts, equally likely, are too far from equal, or too close to it: χ² with k degrees
/// of freedom is above k + 2√(kt) + 2t or below k − 2√(kt) with a probability of at most e⁻ᵗ each
/// (Laurent & Massart 2000, lemma 1), 10⁻⁶ here.
fn assert_uniform(counts: &[usize], what: &str) {
    let expected = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
    assert!(expected > 20.0, "{what}: too few draws, {expected} each");
    let squares = counts.iter().map(|&n| (n as f64 - expected).powi(2));
    let (found, k) = (squares.sum::<f64>() / expected, (counts.len() - 1) as f64);
    let (t, root) = (1e6f64.ln(), (k * 1e6f64.ln()).sqrt());
    let range = k - 2.0 * root..k + 2.0 * root + 2.0 * t;
    assert!(
        range.contains(&found),
        "{what}: χ² {found}, not in {range:?}"
    );
}

/// A binomial count, of `n` draws with probability `p`.
fn assert_binomial(found: usize, n: usize, p: f64, what: &str) {
    let (mean, deviation) = (n as f64 * p, (n as f64 * p * (1.0 - p)).sqrt());
    let far = (found as f64 - mean).abs();
    assert!(
        far <= SIGMAS * deviation,
        "{what}: {found}, {mean} ± {deviation}"
    );
}

/// A byte as the number that it is.
fn as_is() -> Normalisation {
    Normalisation {
        maximum: 1.0,
        mean: vec![0.0],
        standard_deviation: vec![1.0],
    }
}

/// 200 samples of one row of three pixels: the index, the label, 200 less the index.
fn numbered() -> Dataset {
    let labels: Vec<u8> = (0..200u32).map(|i| (i * i / 7 % 4) as u8).collect();
    let pixels = (0..200u8).zip(&labels).flat_map(|(i, &l)| [i, l, 200 - i]);
    let shape = ImageShape {
        height: 1,
        width: 3,
        channels: 1,
    };
    Dataset::images(shape, 4, pixels.collect(), labels).unwrap()
}

/// Two contexts without a common sample and one across both, not in order.
fn contexts(iterations: [usize; 3]) -> Vec<Context> {
    let lists: [Vec<u32>; 3] = [
        (0..61).map(|i| i * 61 * 7 % 199 / 2).collect(),
        (100..200).rev().collect(),
        (0..23).map(|i| (i * 41 + 3) % 200).collect(),
    ];
    let contexts = lists.into_iter().zip(iterations);
    contexts
        .map(|(mut samples, iterations)| {
            let mut seen = Vec::new();
            samples.retain(|s| !seen.contains(s) && (seen.push(*s), true).1);
            Context {
                samples,
                iterations,
            }
        })
        .collect()
}

fn mlp(backend: &Cpu, seed: u64) -> Mlp {
    let shape = MlpShape {
        neurons: vec![3, 7, 5, 4],
        hidden_standard_deviation: 0.02,
        output_standard_deviation: 0.3,
    };
    Mlp::new(backend, &shape, seed).unwrap()
}

/// Mean cross-entropy, accuracy and mean entropy in f64, from the logits.
fn measure(backend: &Cpu, network: &mut impl Network<Cpu>, batches: &[Batch]) -> [f64; 3] {
    let (mut sums, mut samples) = ([0.0; 3], 0);
    for batch in batches {
        let logits = network.infer(backend, &batch.inputs).unwrap();
        let rows = logits.to_rows(backend).unwrap();
        let classes = logits.shape().columns();
        for (row, &label) in rows.chunks(classes).zip(&batch.labels) {
            let row: Vec<f64> = row.iter().map(|&z| f64::from(z)).collect();
            let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = row.iter().map(|z| (z - most).exp()).sum();
            let log = |z: f64| z - most - total.ln();
            sums[0] -= log(row[usize::from(label)]);
            let first = row.iter().position(|&z| z == most).unwrap();
            sums[1] += f64::from(u8::from(first == usize::from(label)));
            sums[2] -= row.iter().map(|&z| log(z).exp() * log(z)).sum::<f64>();
            samples += 1;
        }
    }
    sums.map(|sum| sum / f64::from(samples))
}

fn mean_absolute(numbers: &[f32]) -> f64 {
    numbers.iter().map(|&w| f64::from(w).abs()).sum::<f64>() / numbers.len() as f64
}

/// Writes down each batch and what the network makes of it, then lets a method learn, if there is one.
struct Recorder {
    method: Option<GradientDescent>,
    loss: SoftmaxCrossEntropy,
    test: Vec<Batch>,
    inputs: Vec<Vec<f32>>,
    labels: Vec<Vec<u8>>,
    /// Before each step: on its batch, on the test samples, and mean |w| of each layer.
    states: Vec<([f64; 3], [f64; 3], Vec<f64>)>,
}

impl Method for Recorder {
    fn step(
        &mut self,
        backend: &Cpu,
        network: &mut impl Network<Cpu>,
        batch: &Batch,
    ) -> Result<Loss> {
        self.inputs.push(batch.inputs.to_rows(backend)?);
        self.labels.push(batch.labels.clone());
        let Some(method) = &mut self.method else {
            let logits = network.infer(backend, &batch.inputs)?;
            return self.loss.infer(backend, logits, &batch.labels);
        };
        let test = measure(backend, network, &self.test);
        let train = measure(backend, network, std::slice::from_ref(batch));
        let weights = network.parameters();
        let weights = weights.map(|p| mean_absolute(&p.value.to_rows(backend).unwrap()));
        self.states.push((train, test, weights.collect()));
        method.step(backend, network, batch)
    }
}

impl Recorder {
    /// The index of each batch's samples in [`numbered`], whose pixels tell it.
    fn indices(&self) -> Vec<Vec<u32>> {
        let index = |sample: &[f32]| sample[0] as u32;
        let batches = self.inputs.iter();
        batches
            .map(|inputs| inputs.chunks(3).map(index).collect())
            .collect()
    }
}

/// A run of a method over [`numbered`], or one that leaves the network as it is.
struct Setting {
    rule: Option<Rule>,
    iterations: [usize; 3],
    batch: usize,
    transform: Transform,
    evaluate_every: usize,
    seed: u64,
}

impl Setting {
    fn run(&self, prepare: impl FnOnce(&Cpu, &mut Mlp)) -> (Recorder, History) {
        let backend = Cpu::new().unwrap();
        let dataset = numbered();
        let training = Samples::new(&backend, &dataset, &as_is()).unwrap();
        let of_test = dataset.of_classes(&[0, 2]);
        let batches = training.batches(&backend, &of_test, 33).unwrap();
        let tasks = vec![of_test];
        let test = TestTasks::new(&backend, training.clone(), tasks, Transform::default()).unwrap();
        let method = |rule| GradientDescent::new(&backend, rule, 1e-4, None).unwrap();
        let mut recorder = Recorder {
            method: self.rule.map(method),
            loss: SoftmaxCrossEntropy::new(&backend).unwrap(),
            test: batches,
            inputs: Vec::new(),
            labels: Vec::new(),
            states: Vec::new(),
        };
        let trainer = Trainer {
            backend: &backend,
            training: &training,
            test: &test,
            batch: self.batch,
            transform: self.transform,
            evaluate_every: self.evaluate_every,
            seed: self.seed,
        };
        let mut network = mlp(&backend, 11);
        prepare(&backend, &mut network);
        let (contexts, mut history) = (contexts(self.iterations), History::default());
        trainer
            .run(&mut network, &mut recorder, &contexts, &mut history, |_| {
                true
            })
            .unwrap();
        (recorder, history)
    }
}

const DRAWING: Setting = Setting {
    rule: None,
    iterations: [400, 600, 200],
    batch: 20,
    transform: Transform {
        crop_padding: 0,
        mirror: false,
    },
    evaluate_every: 0,
    seed: 3,
};

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
        let n = context.samples.len();
        let place = |sample: &u32| {
            let place = context.samples.iter().position(|s| s == sample);
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
        // Equal pairs are uncorrelated when draws are uniform, so that their variance is a binomial's.
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
    assert_eq!(first, run(Some(Rule::Sgd), 3));
    assert_eq!(first, run(Some(Rule::Momentum { momentum: 0.9 }), 3));
    for (a, b) in first.iter().zip(run(None, 4)) {
        assert_ne!(*a, b);
    }
}

#[test]
fn each_layer_starts_from_a_stream_and_a_deviation_of_its_own() {
    let backend = Cpu::new().unwrap();
    let shape = MlpShape {
        neurons: vec![64, 64, 64, 64],
        hidden_standard_deviation: 0.05,
        output_standard_deviation: 0.4,
    };
    let weights = |seed| -> Vec<Vec<f32>> {
        let network = Mlp::new(&backend, &shape, seed).unwrap();
        let layers = network.layers().iter();
        layers
            .map(|l| l.weight.value.to_rows(&backend).unwrap())
            .collect()
    };
    let layers = weights(9);
    let n = 64.0 * 64.0;
    for (index, (layer, sd)) in layers.iter().zip([0.05f32, 0.05, 0.4]).enumerate() {
        let mut stream = Stream::new(9, Purpose::Weights, index as u64);
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

fn assert_close(found: f64, expected: f64, what: &str) {
    let close = (found - expected).abs() <= 1e-5 * (1.0 + expected.abs());
    assert!(close, "{what}: {found}, not {expected}");
}

#[test]
fn a_record_holds_the_batch_before_the_update_and_the_test_after_it() {
    for evaluate_every in [0, 1, 3] {
        let setting = Setting {
            rule: Some(Rule::Sgd),
            iterations: [10, 7, 5],
            evaluate_every,
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
            let due = evaluate_every > 0 && step % evaluate_every == 0;
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
                // The two are told apart by these samples.
                assert!((test.loss - record.train.loss).abs() > 1e-3);
            }
        }
    }
}

#[test]
fn means_are_over_all_neurons_and_all_weights() {
    let backend = Cpu::new().unwrap();
    let initial = Initial::Constant(0.0);
    let shape = Shape::matrix(5, 7);
    let plain: Parameter = Parameter::new(&backend, "w", shape, initial, 0, 0).unwrap();
    assert_eq!(plain.mean_gain(&backend).unwrap(), 1.0);
    let mut parameter = plain.with_gain(&backend, 1.5).unwrap();
    assert_eq!(parameter.mean_gain(&backend).unwrap(), 1.5);
    let gains = [1.0, 2.0, 4.0, 8.0, 0.5];
    parameter.gain = Some(Tensor::from_rows(&backend, Shape::vector(5), &gains).unwrap());
    assert_eq!(parameter.mean_gain(&backend).unwrap(), 3.1);
    // −17, −16, …, 17: Σ|w| = 17·18.
    let weights: Vec<f32> = (0..35u8).map(|i| f32::from(i) - 17.0).collect();
    parameter.value = Tensor::from_rows(&backend, shape, &weights).unwrap();
    let found = parameter.mean_absolute_weight(&backend).unwrap();
    assert_eq!(found, 17.0 * 18.0 / 35.0);

    let setting = Setting {
        rule: Some(Rule::Sgd),
        iterations: [2, 1, 1],
        ..DRAWING
    };
    let (_, history) = setting.run(|backend, network| {
        for (layer, parameter) in network.parameters().enumerate() {
            let neurons = parameter.value.shape().rows();
            let gains: Vec<f32> = (0..neurons).map(|n| (1 + n + layer) as f32).collect();
            let gains = Tensor::from_rows(backend, Shape::vector(neurons), &gains);
            parameter.gain = Some(gains.unwrap());
        }
    });
    for record in &history.records {
        assert_eq!(record.gain, [4.0, 4.0, 4.5]);
    }
}

/// `out[y][x][c]` of one sample, as [`neurogain::Backend::gather_images`] words it.
fn placed(data: &Dataset, pixels: &Normalisation, index: u32, at: Placement) -> Vec<f32> {
    let shape = data.shape();
    let (height, width) = (shape.height as i64, shape.width as i64);
    let mut out = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let x = if at.mirrored { width - 1 - x } else { x };
            let (y, x) = (y + i64::from(at.down), x + i64::from(at.right));
            let inside = (0..height).contains(&y) && (0..width).contains(&x);
            for c in 0..shape.channels {
                let row = i64::from(index) * height + y;
                let place = (row * width + x) * shape.channels as i64 + c as i64;
                let byte = if inside {
                    data.pixels()[place as usize]
                } else {
                    0
                };
                let constant = |of: &[f32]| f64::from(of[c % of.len()]);
                let scaled = f64::from(byte) / f64::from(pixels.maximum);
                let centred = scaled - constant(&pixels.mean);
                out.push((centred / constant(&pixels.standard_deviation)) as f32);
            }
        }
    }
    out
}

fn placement() -> impl Strategy<Value = Placement> {
    let parts = (-7..=7i16, -7..=7i16, any::<bool>());
    parts.prop_map(|(down, right, mirrored)| Placement {
        down,
        right,
        mirrored,
    })
}

proptest! {
    /// Pixels are shifted, mirrored and normalised as the contract says, black outside of the image,
    /// and lanes without a sample are zero.
    #[test]
    fn images_are_gathered_as_a_plain_loop_does(
        shape in (1..6usize, 1..6usize, 1..4usize),
        samples in prop::collection::vec((0..5u32, placement()), 1..40),
        one_for_all: bool, seed: u64,
    ) {
        let backend = Cpu::new().unwrap();
        let (height, width, channels) = shape;
        let shape = ImageShape { height, width, channels };
        let features = height * width * channels;
        let mut stream = Stream::new(seed, Purpose::User, 0);
        let pixels = (0..5 * features).map(|_| stream.random()).collect();
        let dataset = Dataset::images(shape, 1, pixels, vec![0; 5]).unwrap();
        let constants = if one_for_all { 1 } else { channels };
        let normalisation = Normalisation {
            maximum: 255.0,
            mean: [0.31, 0.47, 0.13][..constants].to_vec(),
            standard_deviation: [0.21, 0.29, 0.37][..constants].to_vec(),
        };
        let training = Samples::new(&backend, &dataset, &normalisation).unwrap();
        let mut batch = training.batch(&backend).unwrap();
        let (indices, placements): (Vec<u32>, Vec<Placement>) = samples.into_iter().unzip();
        let still = vec![Placement::default(); indices.len()];
        for (placements, plainly) in [(&placements, false), (&still, false), (&still, true)] {
            match plainly {
                true => training.gather(&backend, &indices, &mut batch).unwrap(),
                false => training
                    .gather_placed(&backend, &indices, placements, &mut batch)
                    .unwrap(),
            }
            let samples = indices.iter().zip(placements);
            let expected = samples.flat_map(|(&i, &at)| placed(&dataset, &normalisation, i, at));
            let expected: Vec<f32> = expected.collect();
            prop_assert_eq!(&batch.inputs.to_rows(&backend).unwrap(), &expected);
            let mut stored = vec![0.0; backend.length(batch.inputs.floats())];
            backend.download(batch.inputs.floats(), &mut stored).unwrap();
            let filled = indices.len().div_ceil(LANES) * LANES - indices.len();
            for lanes in stored.chunks(LANES).rev().take(features) {
                prop_assert!(lanes[LANES - filled..].iter().all(|&x| x == 0.0));
            }
        }
    }

    /// In f32, too, a gain in [g0, g0 + η·ln C/(1−γ)] stays there, but for what rounding adds. A step
    /// rounds four times, 4u of its result at most, and keeps γ of what the steps before were off by:
    /// in all no more than 4u/(1−γ) of the bound, and a thousandth of that for its second order.
    #[test]
    fn the_kernel_keeps_the_gain_in_its_bounds(
        constants in (0.0..0.99f32, 0.1..3.0f32, 0.0..1.0f32), classes in 1..1000usize,
        start in 0.0..=1.0f64, shares in prop::collection::vec(0.0..=1.0f64, 1..200),
        extreme: Option<bool>,
    ) {
        let backend = Cpu::new().unwrap();
        let dynamics = GainDynamics::new(constants.0, constants.1, constants.2).unwrap();
        let (low, high) = dynamics.bounds(classes);
        let slack = 4.004 * U / (1.0 - f64::from(dynamics.gamma()));
        let most = (classes as f64).ln();
        let vector = |x: f32| Tensor::<Cpu>::from_rows(&backend, Shape::vector(3), &[x; 3]).unwrap();
        let mut gain = vector((low + start * (high - low)) as f32);
        for share in shares {
            let share = extreme.map_or(share, |most| f64::from(u8::from(most)));
            // Rounded down, so that no entropy is above ln C.
            let rounded = (share * most) as f32;
            let over = f64::from(rounded) > share * most;
            let entropy = if over { rounded.next_down() } else { rounded };
            dynamics.update(&backend, &vector(entropy), &mut gain).unwrap();
            for gain in gain.to_rows(&backend).unwrap() {
                let gain = f64::from(gain);
                prop_assert!(low - slack * low <= gain, "{gain} below {low}");
                prop_assert!(gain <= high + slack * high, "{gain} above {high}");
            }
        }
    }

    /// In f32, too, n steps with one H leave γⁿ of the distance to the fixed point, but for the same
    /// slack.
    #[test]
    fn the_kernel_approaches_the_fixed_point_geometrically(
        constants in (0.0..0.99f32, 0.1..3.0f32, 0.0..1.0f32), entropy in 0.0..7.0f32,
        start in 0.0..50.0f32,
    ) {
        let backend = Cpu::new().unwrap();
        let dynamics = GainDynamics::new(constants.0, constants.1, constants.2).unwrap();
        let fixed = dynamics.fixed_point(f64::from(entropy));
        let gamma = f64::from(dynamics.gamma());
        let distance = f64::from(start) - fixed;
        let slack = 4.004 * U / (1.0 - gamma) * fixed.max(f64::from(start));
        let vector = |x: f32| Tensor::<Cpu>::from_rows(&backend, Shape::vector(1), &[x]).unwrap();
        let (drive, mut gain) = (vector(entropy), vector(start));
        for n in 1..=300 {
            dynamics.update(&backend, &drive, &mut gain).unwrap();
            let found = f64::from(gain.to_rows(&backend).unwrap()[0]);
            let expected = fixed + gamma.powi(n) * distance;
            prop_assert!((found - expected).abs() <= slack, "step {n}: {found}, {expected}");
        }
    }
}

/// How often each number from −3 to 3 occurs.
fn counts(shifts: impl Iterator<Item = i16>) -> [usize; 7] {
    let mut counts = [0; 7];
    shifts.for_each(|shift| counts[usize::try_from(shift + 3).unwrap()] += 1);
    counts
}

#[test]
fn crops_are_uniform_within_the_padding_and_half_is_mirrored() {
    let draw = |crop_padding, mirror| {
        let (mut stream, mut placements) = (Stream::new(2, Purpose::Transform, 1), Vec::new());
        let transform = Transform {
            crop_padding,
            mirror,
        };
        transform.draw(7000, &mut stream, &mut placements);
        assert_eq!(placements.len(), 7000);
        placements
    };
    let placements = draw(3, true);
    assert_uniform(&counts(placements.iter().map(|p| p.down)), "down");
    assert_uniform(&counts(placements.iter().map(|p| p.right)), "right");
    let mut pairs = [0; 49];
    for p in &placements {
        pairs[usize::try_from((p.down + 3) * 7 + p.right + 3).unwrap()] += 1;
    }
    assert_uniform(&pairs, "down and right");
    let mirrored = |placements: &[Placement]| placements.iter().filter(|p| p.mirrored).count();
    assert_binomial(mirrored(&placements), 7000, 0.5, "mirrored");
    let plain = draw(3, false);
    assert_eq!(mirrored(&plain), 0);
    let same = |(a, b): (&Placement, &Placement)| (a.down, a.right) == (b.down, b.right);
    assert!(plain.iter().zip(&placements).all(same));
    let still = draw(0, true);
    assert!(still.iter().all(|p| (p.down, p.right) == (0, 0)));
    assert_binomial(mirrored(&still), 7000, 0.5, "mirrored alone");
}

#[test]
fn a_run_places_the_images_it_draws_by_the_iteration_s_stream() {
    let (drawn, _) = DRAWING.run(|_, _| ());
    for (crop_padding, mirror) in [(2, true), (1, false), (0, true)] {
        let transform = Transform {
            crop_padding,
            mirror,
        };
        let (recorder, _) = Setting {
            transform,
            ..DRAWING
        }
        .run(|_, _| ());
        let mut placements = Vec::new();
        for (i, indices) in drawn.indices().iter().enumerate() {
            let mut stream = Stream::new(DRAWING.seed, Purpose::Transform, i as u64 + 1);
            transform.draw(indices.len(), &mut stream, &mut placements);
            let samples = indices.iter().zip(&placements);
            let expected = samples.flat_map(|(&i, &at)| placed(&numbered(), &as_is(), i, at));
            assert_eq!(recorder.inputs[i], expected.collect::<Vec<f32>>());
            assert_eq!(recorder.labels[i], drawn.labels[i]);
        }
    }
}
