//! Training and predictions of comodulation have the same bits on every instruction set
//! and with every number of threads; the bits are pinned here. A change that alters them must be announced to
//! users.

use crate::reference::comodulated_library::{CASE, Case};
use neurogain::backend::cpu::InstructionSet;
use neurogain::gain::{GainStatistic, Modulation, Rectification, SamplingScheme};
use neurogain::learn::{
    Batch, ComodulationLearner, ComodulationLearnerConfig, ControllerPass, GainGranularity,
    GainSource, Modulator,
};
use neurogain::models::{Controller, CouplingStart, ModulatedLayers, Stem, Trainable};
use neurogain::optim::Optimizer;
use neurogain::rng::Purpose;
use neurogain::{Cpu, Memory};

/// An adaptation, and the hash of its results.
struct Adaptation {
    case: Case,
    settings: ComodulationLearnerConfig,
    hidden: usize,
    hash: u64,
}

const ADAM: Optimizer = Optimizer::Adam {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
};

/// The paper's defaults, and variants of everything else.
fn adaptations() -> [Adaptation; 2] {
    // Enough work for three threads in the second convolution of the encoder.
    let case = Case {
        samples: 50,
        side: 10,
        channels: 3,
        width: 4,
        stages: 2,
        encoder: [20, 20],
        decoder: 40,
        ..CASE
    };
    let modulator = Modulator {
        std: 0.1,
        num_draws: 8,
        sampling: SamplingScheme::Antithetic,
        modulation: Modulation::LogNormal,
        test_modulator: 1.0,
        statistic: GainStatistic::Covariance,
        rectification: Rectification::Rectified,
        granularity: GainGranularity::Task,
        controller_pass: ControllerPass::Constant,
    };
    let settings = ComodulationLearnerConfig {
        rule: ADAM,
        learning_rate: 0.003,
        shared_readout: false,
        readout_learnt: true,
        learnt: Trainable::Modulation,
        gains: GainSource::Comodulation,
        modulator: modulator.clone(),
        seed: 42,
    };
    let others = ComodulationLearnerConfig {
        rule: Optimizer::Momentum { momentum: 0.9 },
        learnt: Trainable::Weights,
        gains: GainSource::Shuffled,
        modulator: Modulator {
            std: 0.3,
            sampling: SamplingScheme::MomentMatched,
            modulation: Modulation::Uncorrected,
            statistic: GainStatistic::Correlation,
            rectification: Rectification::Absolute,
            granularity: GainGranularity::Image,
            controller_pass: ControllerPass::Fluctuating,
            ..modulator
        },
        ..settings.clone()
    };
    [
        Adaptation {
            case,
            settings,
            hidden: 64,
            hash: PINNED[0],
        },
        Adaptation {
            case: Case {
                side: 20,
                stem: Stem::Large,
                stages: 1,
                residual: false,
                modulated: ModulatedLayers::First,
                ..case
            },
            settings: others,
            hidden: 0,
            hash: PINNED[1],
        },
    ]
}

const PINNED: [u64; 2] = [0xcfa9_bdd7_d881_9f7a, 0x731d_ac72_cf42_6bb0];
const CLASSES: [usize; 2] = [4, 2];
const STEPS: u64 = 3;

/// FNV-1a of 64 bits.
struct Hash(u64);

impl Hash {
    fn add(&mut self, numbers: &[f32]) {
        for byte in numbers.iter().flat_map(|x| x.to_bits().to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Adaptation {
    /// Trains two tasks in turn; then hashes everything trained, and the predictions.
    fn run(&self, backend: &Cpu) -> u64 {
        let case = &self.case;
        let mut pair = case.pair(backend);
        let (seed, couplings) = (self.settings.seed, case.couplings());
        let tasks = CLASSES.len();
        let controller = Controller::new(
            backend,
            tasks,
            self.hidden,
            couplings,
            CouplingStart::Small,
            seed,
        )
        .unwrap();
        let mut batches = Vec::new();
        for classes in CLASSES {
            let labels = pair.draw(case.samples, 0.0, classes as f32);
            let labels: Vec<u8> = labels.iter().map(|&label| label as u8).collect();
            batches.push(Batch {
                inputs: pair.inputs.clone(),
                labels: backend.bytes(&labels).unwrap(),
            });
        }
        let settings = self.settings.clone();
        let network = pair.library;
        let mut adapter = ComodulationLearner::new(
            backend,
            network,
            Some(controller),
            &CLASSES,
            Purpose::Readouts,
            settings,
        )
        .unwrap();
        let mut hash = Hash(0xcbf2_9ce4_8422_2325);
        for step in 0..STEPS {
            for (task, batch) in batches.iter().enumerate() {
                let step = step * 2 + task as u64;
                let loss = adapter.learn(backend, task, batch, step).unwrap();
                assert!(loss.cross_entropy.is_finite());
                hash.add(&[loss.cross_entropy as f32, loss.entropy as f32]);
            }
        }
        for parameter in adapter.parameters() {
            hash.add(&parameter.value.to_rows(backend).unwrap());
        }
        for (_, statistics) in adapter.network().statistics() {
            hash.add(&statistics.to_rows(backend).unwrap());
        }
        for (task, batch) in batches.iter().enumerate() {
            hash.add(&adapter.gains(task).unwrap());
            hash.add(&adapter.couplings(backend, task).unwrap());
            let prediction = adapter.predict(backend, task, batch, 0).unwrap();
            hash.add(&prediction.logits);
            hash.add(&prediction.activity);
            hash.add(&prediction.decision);
        }
        hash.0
    }
}

#[test]
fn on_every_instruction_set() {
    for set in InstructionSet::available() {
        for (number, adaptation) in adaptations().iter().enumerate() {
            let found = adaptation.run(&Cpu::with(set, 1).unwrap());
            let name = set.name();
            assert_eq!(
                found, adaptation.hash,
                "adaptation {number}: {name}, {found:#x}"
            );
        }
    }
}

#[test]
fn with_every_number_of_threads() {
    let set = InstructionSet::detect().unwrap();
    for threads in [2, 3] {
        for (number, adaptation) in adaptations().iter().enumerate() {
            let found = adaptation.run(&Cpu::with(set, threads).unwrap());
            assert_eq!(
                found, adaptation.hash,
                "adaptation {number}: {threads} threads"
            );
        }
    }
}
