//! The slim ResNet-18 trains: it memorises 32 images, gives the same bits everywhere, accepts gains on
//! any of its layers, and refuses input that does not fit.

use crate::images::{Awkward, same_everywhere};
use neurogain::gain::GainDynamics;
use neurogain::learn::{Batch, GradientDescent, Learner, OptimizerConfig};
use neurogain::models::{Network, SlimResNet, SlimResNetConfig};
use neurogain::nn::LossLog;
use neurogain::optim::Optimizer;
use neurogain::{Cpu, Error, Memory, Shape, Tensor};

fn shape(side: usize, width: usize, classes: usize, modulated: &[&str]) -> SlimResNetConfig {
    SlimResNetConfig {
        side,
        channels: 3,
        classes,
        width,
        head_standard_deviation: 0.05,
        modulated: modulated.iter().map(|name| (*name).into()).collect(),
    }
}

/// Images of uniform noise in [−1, 1) with random labels.
fn batch(backend: &Cpu, samples: usize, side: usize, classes: usize, seed: u64) -> Batch {
    let mut awkward = Awkward::new(seed);
    let numbers: Vec<f32> = (0..samples * side * side * 3)
        .map(|_| (awkward.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0)
        .collect();
    let labels: Vec<u8> = (0..samples)
        .map(|_| ((awkward.bits() >> 32) % classes as u64) as u8)
        .collect();
    let shape = Shape::images(samples, side, side, 3);
    Batch {
        inputs: Tensor::from_rows(backend, shape, &numbers).unwrap(),
        labels: backend.bytes(&labels).unwrap(),
    }
}

fn ngm(
    backend: &Cpu,
    network: SlimResNet,
    rule: Optimizer,
    rate: f32,
) -> GradientDescent<Cpu, SlimResNet> {
    let gain = GainDynamics::new(0.9, 1.0, 0.2).unwrap();
    let optimizer = OptimizerConfig::new(rule, rate);
    GradientDescent::new(backend, network, optimizer, Some(gain.into())).unwrap()
}

/// Noise allows no generalisation: the loss falls only if every layer trains. Inference with
/// the running statistics, which have converged by then, agrees.
#[test]
fn learns_32_images_by_heart() {
    let backend = Cpu::new().unwrap();
    for modulated in [&["head"][..], &[]] {
        let network = SlimResNet::new(&backend, &shape(12, 6, 4, modulated), 3).unwrap();
        let batch = batch(&backend, 32, 12, 4, 5);
        let mut learner = ngm(
            &backend,
            network,
            Optimizer::Momentum { momentum: 0.9 },
            0.02,
        );
        let (mut loss, mut losses) = (f64::INFINITY, LossLog::new());
        for step in 0..120 {
            learner.step(&backend, &batch, &mut losses).unwrap();
            loss = losses.last(&backend).unwrap().mean_cross_entropy();
            // It starts near chance.
            assert!(step > 0 || (0.5..3.0).contains(&loss), "{loss}");
        }
        assert!(loss < 0.01, "{modulated:?}: a loss of {loss} is left");
        let logits = learner.infer(&backend, &batch.inputs).unwrap();
        let mut judge = LossLog::new();
        judge.infer(&backend, logits, &batch.labels).unwrap();
        let inferred = judge.total(&backend).unwrap();
        assert_eq!(inferred.accuracy(), 1.0);
    }
}

/// Every parameter, gain and logit after a run of 20 iterations. The batch has a partial last block, and
/// is just large enough for the first stage's work to be split over threads.
#[test]
fn same_bits_everywhere() {
    let found = same_everywhere(|backend| {
        let shape = shape(12, 8, 5, &["head", "stage2.block1", "stage4.block2.second"]);
        let network = SlimResNet::new(backend, &shape, 9).unwrap();
        let mut learner = ngm(
            backend,
            network,
            Optimizer::Momentum { momentum: 0.9 },
            0.01,
        );
        let batches = [1, 2].map(|seed| batch(backend, 20, 12, 5, seed));
        let (mut bits, mut loss) = (Vec::new(), LossLog::new());
        for step in 0..20 {
            learner
                .step(backend, &batches[step % 2], &mut loss)
                .unwrap();
            bits.push(loss.last(backend).unwrap().cross_entropy.to_bits());
        }
        let logits = learner.infer(backend, &batches[0].inputs).unwrap();
        let mut numbers = logits.to_rows(backend).unwrap();
        for parameter in learner.network.parameters() {
            numbers.extend(parameter.value.to_rows(backend).unwrap());
            if let Some(gain) = &parameter.gain {
                numbers.extend(gain.to_rows(backend).unwrap());
            }
        }
        bits.extend(numbers.iter().map(|n| u64::from(n.to_bits())));
        bits
    });
    let losses = found[..20].iter().map(|&bits| f64::from_bits(bits));
    assert!(losses.clone().all(f64::is_finite));
    assert_ne!(found[0], found[18]);
}

/// A name selects exactly the layers that it contains.
#[test]
fn gains_on_any_layers() {
    let backend = Cpu::new().unwrap();
    let names = |modulated: &[&str]| -> Vec<String> {
        let network = SlimResNet::new(&backend, &shape(8, 2, 3, modulated), 1).unwrap();
        let batch = batch(&backend, 6, 8, 3, 1);
        let mut learner = ngm(&backend, network, Optimizer::Sgd, 0.01);
        let mut loss = LossLog::new();
        for _ in 0..3 {
            learner.step(&backend, &batch, &mut loss).unwrap();
            assert!(loss.last(&backend).unwrap().cross_entropy.is_finite());
        }
        let gained = learner.network.parameters().filter(|p| p.gain.is_some());
        gained
            .map(|p| {
                let gains = p.gain.as_ref().unwrap();
                assert_eq!(gains.shape().rows(), p.value.shape().rows());
                assert!(
                    gains.to_rows(&backend).unwrap().iter().all(|&g| g > 1.01),
                    "{} has not moved",
                    p.name
                );
                p.name.clone()
            })
            .collect()
    };
    assert_eq!(names(&[]), [""; 0]);
    assert_eq!(names(&["head"]), ["head"]);
    assert_eq!(names(&["stem"]), ["stem"]);
    assert_eq!(
        names(&["stage1.block2"]),
        ["stage1.block2.first", "stage1.block2.second"]
    );
    assert_eq!(
        names(&["stage3", "head", "stage3.block1.shortcut"]),
        [
            "stage3.block1.first",
            "stage3.block1.second",
            "stage3.block1.shortcut",
            "stage3.block2.first",
            "stage3.block2.second",
            "head",
        ]
    );
    let all = ["stem", "stage1", "stage2", "stage3", "stage4", "head"];
    // ResNet-18 and its three shortcuts.
    assert_eq!(names(&all).len(), 18 + 3);
}

#[test]
fn gains_on_no_layer_are_refused() {
    let backend = Cpu::new().unwrap();
    for name in [
        "",
        "heads",
        "Head",
        "stage",
        "stage5",
        "stage1.block3",
        "stage1.block1.shortcut",
        "stage1.block1.first_norm",
        "stem_norm",
        "stage1.",
        "head.gamma",
    ] {
        let shape = shape(8, 2, 3, &["head", name]);
        match SlimResNet::new(&backend, &shape, 1) {
            Err(Error::Setting { .. }) => {}
            other => panic!("{name:?}: {other:?}"),
        }
    }
}

/// mini-ImageNet's images reach the pooling as 11×11; the head still has 8 · width inputs.
#[test]
fn head_sees_eight_times_the_width() {
    let backend = Cpu::new().unwrap();
    for side in [84, 32, 8, 1] {
        let mut network = SlimResNet::new(&backend, &shape(side, 3, 7, &["head"]), 1).unwrap();
        let head = network.parameters().last().unwrap();
        assert_eq!(head.value.shape(), Shape::matrix(7, 8 * 3));
        let batch = batch(&backend, 3, side, 7, 1);
        let logits = network.forward(&backend, &batch.inputs).unwrap();
        assert_eq!(logits.shape().rows(), 3);
        assert_eq!(logits.shape().columns(), 7);
        let mut learner = ngm(&backend, network, Optimizer::Sgd, 0.01);
        learner.step(&backend, &batch, &mut LossLog::new()).unwrap();
    }
}

#[test]
fn wrong_sizes_are_errors() {
    let backend = Cpu::new().unwrap();
    let good = shape(8, 2, 3, &["head"]);
    for bad in [
        SlimResNetConfig {
            side: 0,
            ..good.clone()
        },
        SlimResNetConfig {
            channels: 0,
            ..good.clone()
        },
        SlimResNetConfig {
            classes: 0,
            ..good.clone()
        },
        SlimResNetConfig {
            width: 0,
            ..good.clone()
        },
    ] {
        let found = SlimResNet::new(&backend, &bad, 1);
        assert!(matches!(found, Err(Error::Setting { .. })), "{bad:?}");
    }
    for width in [usize::MAX, usize::MAX / 8, usize::MAX / 1024] {
        let bad = SlimResNetConfig {
            width,
            ..good.clone()
        };
        let found = SlimResNet::new(&backend, &bad, 1);
        assert!(matches!(found, Err(Error::Memory { .. })), "{width}");
    }
    // A side larger than any image costs nothing until there is an image.
    let wide = SlimResNetConfig {
        side: usize::MAX,
        ..good
    };
    drop(SlimResNet::new(&backend, &wide, 1));
}

/// Images with a size, channels or number other than the network's are refused, in training and in
/// inference, and valid input still works afterwards.
#[test]
fn wrong_images_are_errors() {
    let backend = Cpu::new().unwrap();
    let mut network = SlimResNet::new(&backend, &shape(10, 2, 3, &["head"]), 1).unwrap();
    let right = batch(&backend, 6, 10, 3, 1);
    let zeros = |shape| Tensor::zeros(&backend, shape).unwrap();
    let dlogits = zeros(Shape::features(6, 3));
    // Before any forward pass.
    assert!(network.backward(&backend, &right.inputs, &dlogits).is_err());
    for wrong in [
        Shape::images(0, 10, 10, 3),
        Shape::images(6, 10, 10, 1),
        Shape::images(6, 10, 10, 4),
        Shape::images(6, 9, 9, 3),
        Shape::images(6, 11, 11, 3),
        Shape::images(6, 20, 20, 3),
        Shape::images(6, 10, 9, 3),
        Shape::images(6, 16, 10, 3),
        Shape::images(6, 0, 0, 3),
        Shape::features(6, 300),
        Shape::features(6, 3),
        Shape::matrix(6, 300),
        Shape::kernel(6, 10, 3),
        Shape::vector(0),
    ] {
        let x = zeros(wrong);
        let found = network.forward(&backend, &x).map(|_| ());
        assert!(
            matches!(found, Err(Error::Shape { .. })),
            "{wrong}: {found:?}"
        );
        let found = network.infer(&backend, &x).map(|_| ());
        assert!(
            matches!(found, Err(Error::Shape { .. })),
            "{wrong}: {found:?}"
        );
        network.forward(&backend, &right.inputs).unwrap();
        let found = network.backward(&backend, &x, &dlogits);
        assert!(
            matches!(found, Err(Error::Shape { .. })),
            "{wrong}: {found:?}"
        );
    }
    for wrong in [
        Shape::features(6, 2),
        Shape::features(6, 4),
        Shape::features(0, 3),
        Shape::features(7, 3),
        Shape::features(17, 3),
        Shape::matrix(6, 3),
    ] {
        network.forward(&backend, &right.inputs).unwrap();
        let found = network.backward(&backend, &right.inputs, &zeros(wrong));
        assert!(
            matches!(found, Err(Error::Shape { .. })),
            "{wrong}: {found:?}"
        );
    }
    let mut learner = ngm(&backend, network, Optimizer::Sgd, 0.01);
    learner.step(&backend, &right, &mut LossLog::new()).unwrap();

    // One value per channel has no variance: a single image whose last stage is one pixel.
    let mut network = SlimResNet::new(&backend, &shape(8, 2, 3, &[]), 1).unwrap();
    let one = batch(&backend, 1, 8, 3, 1);
    let found = network.forward(&backend, &one.inputs).map(|_| ());
    assert!(matches!(found, Err(Error::Shape { .. })), "{found:?}");
    network.infer(&backend, &one.inputs).unwrap();
}

/// Inference goes through a stage in groups of samples, if its activations do not stay in cache together: the logits of a
/// sample are the same bits as alone, with any number of threads, and for batches of one size after another.
#[test]
fn groups_of_samples() {
    let one = Cpu::new().unwrap();
    let shape = shape(32, 20, 4, &["head"]);
    let together = one.blocks_in_cache(32 * 32 * 20 * 16);
    assert!(together < 3, "{together} blocks together: one group");
    let mut network = SlimResNet::new(&one, &shape, 3).unwrap();
    let images = batch(&one, 70, 32, 4, 5).inputs;
    let alone: Vec<f32> = (0..5)
        .flat_map(|block| {
            let mut part = Tensor::zeros(&one, Shape::features(0, 1)).unwrap();
            part.take_blocks(&one, &images, block..block + 1).unwrap();
            network.infer(&one, &part).unwrap().to_rows(&one).unwrap()
        })
        .collect();
    assert_eq!(alone.len(), 70 * 4);
    for threads in [1, 2, 7] {
        let backend = Cpu::with(one.instruction_set(), threads).unwrap();
        for count in [5, 2, 4] {
            let mut part = Tensor::zeros(&one, Shape::features(0, 1)).unwrap();
            part.take_blocks(&one, &images, 0..count).unwrap();
            let logits = network.infer(&backend, &part).unwrap();
            let logits = logits.to_rows(&backend).unwrap();
            assert_eq!(
                logits,
                alone[..logits.len()],
                "{threads} threads, {count} blocks"
            );
            assert_eq!(logits.len(), 70.min(count * 16) * 4);
        }
    }
}
