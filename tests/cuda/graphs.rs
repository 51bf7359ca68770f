//! One iteration on a GPU is one graph with all kernels, one copy to the device and one from it.

use crate::emulated::devices;
use neurogain::backend::{Cuda, Elementwise, Memory, Reductions, Unary, cuda::CallCounts};
use neurogain::data::digits;
use neurogain::gain::GainDynamics;
use neurogain::learn::{
    DeviceDataset, EvalSets, Evaluations, GradientDescent, History, OptimizerConfig, PixelScaling,
    RandomCropFlip, Sampling, Trainer,
};
use neurogain::models::{Mlp, MlpConfig, SlimResNet, SlimResNetConfig};
use neurogain::optim::Optimizer;
use neurogain::{Shape, Tensor, stream};

const ADAM: Optimizer = Optimizer::Adam {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
};

/// What is trained, and how it is evaluated.
struct Case {
    residual: bool,
    transform: RandomCropFlip,
    test_transform: RandomCropFlip,
    evaluate_every: usize,
}

/// The calls of each iteration of two contexts of the digits.
fn calls(cuda: &Cuda, case: &Case) -> Vec<CallCounts> {
    let digits = digits::load();
    let pixels = PixelScaling {
        maximum: 16.0,
        mean: vec![0.3053],
        standard_deviation: vec![0.3761],
    };
    let training = DeviceDataset::new(cuda, &digits.train, &pixels).expect("samples");
    let test = DeviceDataset::new(cuda, &digits.test, &pixels).expect("samples");
    let classes = [vec![0, 1], vec![0, 1, 2, 3]];
    // More test samples than a batch holds, if that is cheap.
    let of_tasks = classes.iter().map(|classes| {
        let samples = digits.test.of_classes(classes);
        let most = if case.residual { 20 } else { samples.len() };
        samples[..most].to_vec()
    });
    let test = EvalSets::new(cuda, test, of_tasks.collect(), case.test_transform);
    let test = test.expect("tasks");
    let contexts = stream::split(&digits.train, &classes, 6).expect("contexts");
    let dynamics = GainDynamics::new(0.9, 1.0, 0.4).expect("a gain");
    let (adam, gain) = (OptimizerConfig::new(ADAM, 0.01), Some(dynamics.into()));
    let trainer = Trainer {
        backend: cuda,
        training: &training,
        test: &test,
        batch: 20,
        sampling: Sampling::Uniform,
        transform: case.transform,
        evaluations: Evaluations {
            every: case.evaluate_every,
            ..Evaluations::default()
        },
        seed: 42,
    };
    let mut all = vec![cuda.calls()];
    let mut history = History::default();
    let observe = |_: &_| {
        all.push(cuda.calls());
        true
    };
    let run = if case.residual {
        let shape = SlimResNetConfig {
            side: 8,
            channels: 1,
            classes: 10,
            width: 2,
            head_standard_deviation: 0.05,
            modulated: vec!["head".into()],
        };
        let network = SlimResNet::new(cuda, &shape, 1).expect("a network");
        let learner = GradientDescent::new(cuda, network, adam, gain);
        let mut learner = learner.expect("a learner");
        trainer.run(&mut learner, &contexts, &mut history, observe)
    } else {
        let shape = MlpConfig {
            neurons: vec![64, 20, 10],
            hidden_standard_deviation: 0.05,
            output_standard_deviation: 0.05,
        };
        let network = Mlp::new(cuda, &shape, 42).expect("a network");
        let learner = GradientDescent::new(cuda, network, adam, gain);
        let mut learner = learner.expect("a learner");
        trainer.run(&mut learner, &contexts, &mut history, observe)
    };
    run.expect("it trains");
    let pairs = all.iter().zip(&all[1..]);
    pairs
        .map(|(before, after)| CallCounts {
            kernels: after.kernels - before.kernels,
            graphs: after.graphs - before.graphs,
            made: after.made - before.made,
            writes: after.writes - before.writes,
            reads: after.reads - before.reads,
        })
        .collect()
}

const ONE: CallCounts = CallCounts {
    kernels: 0,
    graphs: 1,
    made: 0,
    writes: 1,
    reads: 1,
};

/// A graph is created when its kernels come for the second time. After the third iteration of a context, which
/// adds one more task to evaluate, everything is one call.
#[test]
fn an_iteration_is_one_graph() {
    let crop = RandomCropFlip {
        padding: 1,
        horizontal_flip: true,
    };
    let plain = RandomCropFlip::default();
    let devices = devices("graphs");
    for (residual, transform, test_transform, evaluate_every) in [
        (false, plain, plain, 1),
        (false, crop, crop, 1),
        (true, crop, plain, 1),
        (false, plain, plain, 3),
    ] {
        let case = Case {
            residual,
            transform,
            test_transform,
            evaluate_every,
        };
        for device in devices.iter().take(2) {
            let found = calls(device, &case);
            assert_eq!(found.len(), 12);
            let settled: Vec<usize> = match evaluate_every {
                1 => vec![3, 4, 5, 9, 10, 11],
                // Iterations without an evaluation are the same in every context.
                _ => vec![4, 6, 7, 9, 10],
            };
            for iteration in settled {
                assert_eq!(
                    found[iteration], ONE,
                    "iteration {iteration}, residual {residual}, {transform:?}, {test_transform:?}"
                );
            }
        }
    }
}

/// Freed memory stays until pending launches have used it. Data that does not fit in the
/// staging buffer, or in a list of launches, is split.
#[test]
fn what_waits_is_done_in_order() {
    for device in devices("waiting") {
        let mut sum = device.zeros(1).expect("memory");
        let mut in_use = Vec::new();
        let host: Vec<f32> = (0..300_000).map(|i| (i % 7) as f32).collect();
        // Above and below the megabyte of the staging buffer.
        for length in [300_000, 262_144, 200_000, 5000, 1] {
            let expected: f64 = host[..length].iter().map(|&x| f64::from(x)).sum();
            let mut x = device.zeros(length).expect("memory");
            device.upload(&host[..length], &mut x).expect("a copy");
            let y = x.clone();
            device.upload(&vec![9.0; length], &mut x).expect("a copy");
            device.absolute_sum(&y, &mut sum).expect("it waits");
            drop((x, y));
            let mut found = [0.0];
            device.download(&sum, &mut found).expect("a sum");
            assert_eq!(f64::from(found[0]), expected, "{length} numbers");
            in_use.push(device.memory_in_use());
        }
        // The second is the first that goes through the staging buffer.
        let same = in_use.iter().skip(1).all(|bytes| bytes == &in_use[1]);
        assert!(same, "{in_use:?}");
        let one = Tensor::from_rows(&device, Shape::vector(1), &[1.0]).expect("memory");
        let mut g = device.zeros(16).expect("memory");
        let before = device.calls();
        for _ in 0..5000 {
            let gain = device.gain_update(1.0, 0.0, 1.0, one.floats(), &mut g);
            gain.expect("it waits");
        }
        // The device does not idle until a result is read.
        assert_ne!(device.calls(), before);
        let mut found = [0.0; 16];
        device.download(&g, &mut found).expect("the gains");
        assert_eq!(found, [5000.0; 16]);
        // Two that do not fit together; one sent separately while a kernel is pending; a copy of a pending result.
        let mut parts = [(); 2].map(|()| device.zeros(180_000).expect("memory"));
        for (part, number) in parts.iter_mut().zip([3.0, 5.0]) {
            device.upload(&vec![number; 180_000], part).expect("a copy");
        }
        let mut both = vec![0.0; 360_000];
        device
            .download_each(parts.iter(), &mut both)
            .expect("copies");
        assert!(both[..180_000].iter().all(|&x| x == 3.0));
        assert!(both[180_000..].iter().all(|&x| x == 5.0));
        let mut long = device.zeros(300_000).expect("memory");
        device.absolute_sum(&long, &mut sum).expect("it waits");
        device.upload(&host, &mut long).expect("a copy");
        let mut found = [9.0];
        device.download(&sum, &mut found).expect("a sum");
        assert_eq!(found, [0.0]);
        let mut x = device.zeros(4).expect("memory");
        device
            .upload(&[-1.0, 2.0, -3.0, 4.0], &mut x)
            .expect("a copy");
        let mut y = x.clone();
        device.unary(Unary::Relu, &mut y).expect("it waits");
        let mut found = [0.0; 4];
        device.download(&y, &mut found).expect("a copy");
        assert_eq!(found, [0.0, 2.0, 0.0, 4.0]);
        assert!(device.most_memory_in_use() >= 2 * 4 * 300_000);
        // Several that together exceed the staging buffer.
        let large = device.zeros(200_000).expect("memory");
        let mut host = vec![1.0; 400_017];
        let parts = [&large, &g, &large, one.floats()];
        device
            .download_each(parts.into_iter(), &mut host)
            .expect("copies");
        assert!(host[..200_000].iter().all(|&x| x == 0.0));
        assert_eq!(host[200_000..200_016], [5000.0; 16]);
        assert_eq!(host[400_016], 1.0);
    }
}
