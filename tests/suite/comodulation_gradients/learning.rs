//! One training batch: the loss, the gains, and the gradients of controller, readout and, if trained, the
//! network.

use neurogain::gain::{GainStatistic, Modulation, Rectification, SamplingScheme, modulator};
use neurogain::learn::{
    Batch, ComodulationLearner, ComodulationLearnerConfig, ControllerPass, GainGranularity,
    GainSource, Modulator,
};
use neurogain::models::{Controller, CouplingStart, Trainable};
use neurogain::optim::Optimizer;
use neurogain::rng::{Purpose, RandomStream};
use neurogain::{Cpu, Memory};

use super::{LEARNT, cases, is_slope, spread};
use crate::reference::comodulated::{Comodulated, comovement, gain, unit_mean};
use crate::reference::comodulated_library::Case;
use crate::reference::layers::{Images, Number};
use crate::reference::nearness::{near, values};
use crate::reference::resnet::{linear, softmax};
use crate::reference::resnet_library::{narrow, wide};

/// Training an [`ComodulationLearner`] on one batch of a task: the controller, the couplings, the modulation, the gains,
/// the network, the readout and its loss.
struct Learning {
    learnt: bool,
    settings: ComodulationLearnerConfig,
    /// Neurons of the controller's hidden layer; 0 for a table.
    hidden: usize,
    start: CouplingStart,
    tasks: usize,
    task: usize,
    classes: usize,
    controller: Vec<Vec<f64>>,
    readout: Vec<f64>,
    labels: Vec<u8>,
}

const STEP: u64 = 7;

impl Learning {
    /// z of the task, and the hidden layer before its ReLU.
    fn z<T: Number>(&self, controller: &[Vec<f64>]) -> [Vec<T>; 2] {
        let column = |w: &[f64]| -> Vec<T> {
            let column = w.iter().skip(self.task).step_by(self.tasks);
            column.map(|&w| T::of(w)).collect()
        };
        let from_start = |z: Vec<T>| match self.start {
            CouplingStart::Ones => z.into_iter().map(|z| z + T::of(1.0)).collect(),
            CouplingStart::Small => z,
        };
        match controller {
            [table] => [from_start(column(table)), Vec::new()],
            [first, second] => {
                let before = column(first);
                let row = |w: &[f64]| {
                    let on = |h: &T| T::of(h.value().max(0.0));
                    let terms = w.iter().zip(&before).map(|(&w, h)| (T::of(w), on(h)));
                    T::dot(terms)
                };
                let z = second.chunks(self.hidden).map(row).collect();
                [from_start(z), before]
            }
            _ => unreachable!(),
        }
    }

    fn scales<T: Number>(&self, c: &[T], m: f64, deviation: f64) -> Vec<[T; 2]> {
        let kind = self.settings.modulator.modulation;
        let [m, deviation] = [m, deviation].map(T::of);
        c.iter().map(|&c| gain(kind, m, c, deviation)).collect()
    }

    fn draws(&self) -> Vec<f32> {
        let modulator_ = &self.settings.modulator;
        let mut stream = RandomStream::new(self.settings.seed, Purpose::Modulator, STEP);
        modulator(
            &mut stream,
            modulator_.sampling,
            modulator_.std,
            modulator_.num_draws,
        )
        .unwrap()
    }

    /// The gains from the draws, for every image.
    fn gains<T: Number>(&self, network: &Comodulated, images: &Images<f64>) -> Images<f64> {
        let modulator = &self.settings.modulator;
        let z = &self.z::<T>(&self.controller)[0];
        let c: Vec<T> = z.iter().map(|&z| z * z).collect();
        let mut seen = network.encode::<T>(images, self.learnt);
        let draws = self.draws();
        let respond = |m: &f32| {
            let deviation = f64::from(modulator.std);
            let scales = self.scales(&c, f64::from(*m), deviation);
            let scales: Vec<T> = scales.iter().map(|s| s[0]).collect();
            network.decode(&mut seen, &scales).activity
        };
        let activities: Vec<Images<T>> = draws.iter().map(respond).collect();
        let a = comovement(
            &draws,
            &activities,
            modulator.statistic,
            modulator.rectification,
        );
        let neurons = network.neurons(seen.side());
        let size = [images.samples, neurons];
        match modulator.granularity {
            GainGranularity::Image => {
                let all = a.chunks(neurons).flat_map(unit_mean);
                spread(&all.collect::<Vec<_>>(), size)
            }
            // The first batch: the mean over the images of mean 1, averaged with ones.
            GainGranularity::Task => {
                let mean = |n: usize| -> f64 { a.iter().skip(n).step_by(size[1]).sum() };
                let a = unit_mean(&(0..size[1]).map(mean).collect::<Vec<_>>());
                let g: Vec<f64> = a.iter().map(|a| (1.0 + a) / 2.0).collect();
                spread(&unit_mean(&g), size)
            }
        }
    }

    /// The loss with given gains, and its gradients with respect to the controller's parameters, the readout and the
    /// network.
    fn pass<T: Number>(
        &self,
        network: &Comodulated,
        controller: &[Vec<f64>],
        images: &Images<f64>,
        gains: &Images<f64>,
    ) -> (T, Vec<Vec<T>>, f64) {
        let modulator = &self.settings.modulator;
        let [z, before] = self.z::<T>(controller);
        let c: Vec<T> = z.iter().map(|&z| z * z).collect();
        let [m, deviation] = match modulator.controller_pass {
            ControllerPass::Constant => [modulator.test_modulator, 0.0],
            ControllerPass::Fluctuating => {
                [modulator.test_modulator + self.draws()[0], modulator.std]
            }
        };
        let both = self.scales(&c, f64::from(m), f64::from(deviation));
        let scales: Vec<T> = both.iter().map(|s| s[0]).collect();
        let mut seen = network.encode::<T>(images, self.learnt);
        let response = network.decode(&mut seen, &scales);
        let gains = gains.to();
        let y = network.readout(&seen, &response, &gains);
        let readout = linear(self.classes, network.neurons(seen.side()));
        let w: Vec<T> = self.readout.iter().map(|&w| T::of(w)).collect();
        let logits = readout.forward(&w, &y);
        let (loss, _, dlogits) = softmax(&logits.numbers, self.classes, &self.labels);
        let dlogits = Images {
            numbers: dlogits,
            ..logits
        };
        let dreadout = readout.to_weights(&y, &dlogits);
        let dy = readout.to_input(&w, y.shape(), &dlogits);
        let ds = network.backward(images, &mut seen, &response, &gains, &dy, self.learnt);
        let dz = ds.iter().zip(&both).zip(&z);
        let dz: Vec<T> = dz
            .map(|((&ds, slope), &z)| T::of(2.0) * z * slope[1] * ds)
            .collect();
        let mut all = match self.learnt {
            true => seen.run.gradients,
            false => Vec::new(),
        };
        // Only the task's column of the first layer is used.
        let first = |column: &[T]| -> Vec<T> {
            let used = |task: usize, x: &T| if task == self.task { *x } else { T::of(0.0) };
            let rows = column.iter();
            rows.flat_map(|x| (0..self.tasks).map(move |task| used(task, x)))
                .collect()
        };
        let mut margin = seen.run.margin;
        match controller {
            [_, second] => {
                let column = |h: usize| {
                    let w = second.iter().skip(h).step_by(self.hidden);
                    let dot = T::dot(dz.iter().copied().zip(w.map(|&w| T::of(w))));
                    let on = before[h].value() > 0.0;
                    if on { dot } else { T::of(0.0) }
                };
                all.push(first(&(0..self.hidden).map(column).collect::<Vec<T>>()));
                let row = |dz: &T| {
                    let dz = *dz;
                    let of = move |h: &T| dz * T::of(h.value().max(0.0));
                    before.iter().map(of).collect::<Vec<T>>()
                };
                all.push(dz.iter().flat_map(row).collect());
                margin = before
                    .iter()
                    .map(|h| h.value().abs())
                    .fold(margin, f64::min);
            }
            _ => all.push(first(&dz)),
        }
        all.push(dreadout);
        (loss, all, margin)
    }
}

/// Every modulation, controller, pass, kind of gains and measure at least once with each modulated layer.
fn learnings() -> Vec<(Case, Trainable, usize, Modulator)> {
    let modulations = [
        Modulation::LogNormal,
        Modulation::Uncorrected,
        Modulation::Linear,
    ];
    let mut all = Vec::new();
    for (i, case) in cases().enumerate() {
        for (j, modulation) in modulations.into_iter().enumerate() {
            let number = i * 3 + j;
            let modulator = Modulator {
                std: 0.3,
                num_draws: 6,
                sampling: [SamplingScheme::Gaussian, SamplingScheme::Antithetic][number % 2],
                modulation,
                test_modulator: 0.75,
                statistic: [GainStatistic::Covariance, GainStatistic::Correlation][number / 2 % 2],
                rectification: [Rectification::Rectified, Rectification::Absolute][number / 3 % 2],
                granularity: [GainGranularity::Task, GainGranularity::Image][number / 4 % 2],
                controller_pass: [ControllerPass::Constant, ControllerPass::Fluctuating]
                    [(i + j) % 2],
            };
            let learnt = LEARNT[(number + j) % 2];
            all.push((case, learnt, [0, 5][number % 2], modulator));
        }
    }
    all
}

#[test]
fn controller_couplings_and_readout() {
    let backend = Cpu::new().unwrap();
    let (tasks, task, classes) = (3, 1, 4);
    for (case, learnt, hidden, modulator) in learnings() {
        let what = format!("{case:?}, {learnt:?}, hidden {hidden}, {modulator:?}");
        let mut pair = case.pair(&backend);
        let couplings = case.couplings();
        let start = [CouplingStart::Small, CouplingStart::Ones][case.seed as usize % 2];
        let mut controller =
            Controller::new(&backend, tasks, hidden, couplings, start, case.seed).unwrap();
        let mut weights = Vec::new();
        for parameter in controller.parameters() {
            // Couplings of the order of 1.
            let (low, high) = match start {
                CouplingStart::Ones => (-0.5, 0.25),
                CouplingStart::Small => (-1.0, 1.0),
            };
            let count = parameter.value.shape().rows() * parameter.value.shape().columns();
            let fresh = pair.draw(count, low, high);
            let floats = parameter.value.floats_mut();
            backend.upload(&narrow(&fresh), floats).unwrap();
            weights.push(fresh);
        }
        let settings = ComodulationLearnerConfig {
            rule: Optimizer::Sgd,
            learning_rate: 1e-3,
            shared_readout: false,
            learnt,
            readout_learnt: true,
            gains: GainSource::Comodulation,
            modulator,
            seed: case.seed,
        };
        let network = pair.library.clone();
        let mut adapter = ComodulationLearner::new(
            &backend,
            network,
            Some(controller),
            &[2, classes, 3],
            Purpose::Readouts,
            settings.clone(),
        )
        .unwrap();
        let labels = pair.draw(case.samples, 0.0, classes as f32);
        let labels: Vec<u8> = labels.iter().map(|&label| label as u8).collect();
        let readout = adapter.parameters().find(|p| p.name == "readout2").unwrap();
        let learning = Learning {
            learnt: learnt == Trainable::Weights,
            settings,
            hidden,
            start,
            tasks,
            task,
            classes,
            readout: wide(&backend, &readout.value),
            controller: weights,
            labels,
        };
        let batch = Batch {
            inputs: pair.inputs.clone(),
            labels: backend.bytes(&learning.labels).unwrap(),
        };
        let (network, images) = (&pair.reference, &pair.images);
        let gains = learning.gains::<f64>(network, images);
        let singles = learning.gains::<f32>(network, images);
        let controller = &learning.controller[..];
        let (loss, exact, margin) = learning.pass::<f64>(network, controller, images, &gains);
        let (one, single, _) = learning.pass::<f32>(network, controller, images, &singles);
        assert!(margin > 1e-6, "{what}: {margin}");

        let found = adapter.learn(&backend, task, &batch, STEP).unwrap();
        let mut all = vec![("loss".to_owned(), vec![found.mean_cross_entropy()])];
        let (mut ones, mut exacts) = (vec![vec![one.value()]], vec![vec![loss]]);
        if learning.settings.modulator.granularity == GainGranularity::Task {
            let found = adapter
                .gains(task)
                .unwrap()
                .into_iter()
                .map(f64::from)
                .collect();
            all.push(("gains".to_owned(), found));
            ones.push(singles.numbers[..case.neurons()].to_vec());
            exacts.push(gains.numbers[..case.neurons()].to_vec());
        }
        let wanted = |name: &str| {
            let mine = name.starts_with("controller") || name == "readout2";
            mine || learning.learnt && !name.starts_with("readout")
        };
        let learnt = adapter.parameters().filter(|p| wanted(&p.name));
        all.extend(learnt.map(|p| (p.name.clone(), wide(&backend, &p.gradient))));
        ones.extend(single.iter().map(|numbers| values(numbers)));
        exacts.extend(exact.iter().cloned());
        assert_eq!(all.len(), exacts.len(), "{what}");
        let tensors = all.iter().zip(ones).zip(exacts);
        near(
            &what,
            tensors.map(|(((name, found), one), exact)| (name.as_str(), found.clone(), one, exact)),
        );

        // The reference's gradients of the controller are slopes, with the gains held constant.
        let place = exact.len() - 1 - controller.len();
        for (parameter, w) in controller.iter().enumerate() {
            for at in (0..w.len()).step_by(2) {
                let of = |by: f64| {
                    let mut moved = controller.to_vec();
                    moved[parameter][at] += by;
                    learning.pass::<f64>(network, &moved, images, &gains).0
                };
                let gradient = exact[place + parameter][at];
                is_slope(
                    &format!("{what}, controller {parameter}[{at}]"),
                    gradient,
                    of,
                );
            }
        }
    }
}
