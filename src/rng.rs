//! Counter-based random streams: Philox 4×32-10 (Salmon, Moraes, Dror, Shaw, SC 2011).
//!
//! A stream is identified by (seed, purpose, step) or by (seed, purpose, index, step), so no draw
//! depends on earlier draws elsewhere. Each use of randomness has its own [`Purpose`]. The generator implements
//! [`TryRng`] of the crate `rand`; the distributions of `rand` and `rand_distr` draw from it. Tests pin the draws
//! that results depend on with golden values.
//!
//! ```
//! use neurogain::rng::{Purpose, RandomStream};
//! use rand::RngExt;
//! let mut draws = RandomStream::new(42, Purpose::User, 7);
//! let die: u32 = draws.random_range(1..=6);
//! // The same identity gives the same draws, whatever was drawn elsewhere.
//! assert_eq!(RandomStream::new(42, Purpose::User, 7).random_range(1..=6), die);
//! ```

use core::convert::Infallible;

use rand::TryRng;

/// The purpose of a stream; streams of different purposes never overlap. A step counts from 0 unless stated
/// otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Initial weights of a network; the step is the parameter's number.
    Weights = 1,
    /// The indices of a training batch; the step is the iteration, from 1.
    Batch = 2,
    /// Random crops and horizontal flips of a training batch; the step is the iteration, from 1.
    Transform = 3,
    /// Random crops and horizontal flips of test images; the index is the task, the step the iteration, from 1.
    Evaluation = 4,
    /// The pixel permutation of permuted images; the step is the permutation's number, from 1.
    Permutation = 5,
    /// Which samples a reservoir keeps for replay; the step is the context, from 1.
    Reservoir = 6,
    /// Draws of the shared modulator for a training batch; the step is the batch's number.
    Modulator = 7,
    /// Draws of the shared modulator for test images; the step is the batch's number within its task.
    TestModulator = 8,
    /// The permutation of gains over neurons, for shuffled gains; the step is the task.
    ShuffledGains = 9,
    /// Initial weights of a controller; the step is the layer.
    Controller = 10,
    /// Initial weights of the readouts of the primary tasks (pretraining); the step is the task.
    PrimaryReadouts = 11,
    /// Initial weights of the readouts of the tasks adapted to; the step is the task.
    Readouts = 12,
    /// The indices of an adaptation batch; the step is the batch's number.
    AdaptationBatch = 13,
    /// The order in which class-balanced replay keeps samples; the index is the number of the context view, the
    /// step the sample.
    BalancedReplay = 14,
    /// The resamples of a bootstrap; the step is the number of values.
    Bootstrap = 16,
    /// Noise on the targets of the two-timescale model; the step is the repeat.
    TargetNoise = 17,
    /// Start vectors of an eigenvalue iteration; the step is the vector's number.
    Direction = 18,
    /// The samples for the loss of an analysis; the step is the context.
    Probe = 19,
    /// Random labels; the index is the task's number, the step the sample.
    RandomLabels = 20,
    /// The class permutation of shuffled labels; the step is the task's number, from 1.
    ShuffledLabels = 21,
    /// The order in which classes are assigned to tasks; the step is the number of completed passes over all classes.
    ClassOrder = 22,
    /// The samples that a learner processes at the end of a context; the step is the context, from 1.
    ContextEnd = 24,
    /// The noise of shrink and perturb; the step is the context, from 1.
    Perturbation = 25,
    /// The initial weights of replaced units; the step is the update, from 1.
    Replacement = 26,
    /// The order of a context's samples when they are drawn epoch by epoch; the index is the epoch, the step the
    /// context, from 1.
    EpochOrder = 27,
    /// Initial weights of NeuroSync; the step is the parameter's number.
    NeuroSync = 28,
    /// The samples that a meta-learner keeps and draws again; the step is the iteration of the learner, from 1.
    MetaReplay = 29,
    /// The digits and the noise of a scene; the index is the part (2·task for training, + 1 for test; task 0 is
    /// pretraining), the step the scene.
    Scenes = 30,
    /// The cells that hold distractors; the index is the task.
    DistractorCells = 31,
    /// The labelled samples of a task; the step is the task.
    LabelledSamples = 32,
    /// The indices of a batch that readouts learn from before adaptation; the step is the batch's number.
    ReadoutBatch = 33,
    /// Free for a user of the library.
    User = u32::MAX,
}

/// The random stream of a (seed, purpose, step): 2³⁴ words, after which it repeats.
#[derive(Debug, Clone)]
pub struct RandomStream {
    key: [u32; 2],
    counter: [u32; 4],
    words: [u32; 4],
    used: usize,
}

impl RandomStream {
    /// The stream of (`seed`, `purpose`, `step`), from its start.
    pub fn new(seed: u64, purpose: Purpose, step: u64) -> Self {
        RandomStream {
            key: [seed as u32, (seed >> 32) as u32],
            counter: [0, step as u32, (step >> 32) as u32, purpose as u32],
            words: [0; 4],
            used: 4,
        }
    }

    /// The stream of (`seed`, `purpose`, `index`, `step`), from its start; equal to the stream of step
    /// `index`·2³² + `step`.
    pub fn indexed(seed: u64, purpose: Purpose, index: u32, step: u32) -> Self {
        let step = u64::from(index) << 32 | u64::from(step);
        RandomStream::new(seed, purpose, step)
    }

    fn word(&mut self) -> u32 {
        if self.used == self.words.len() {
            self.words = philox(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }
}

/// Ten rounds of Philox 4×32 on a counter under a key.
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = u64::from(counter[0]) * 0xD251_1F53;
        let b = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
        key = [
            key[0].wrapping_add(0x9E37_79B9),
            key[1].wrapping_add(0xBB67_AE85),
        ];
    }
    counter
}

impl TryRng for RandomStream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = u64::from(self.word());
        Ok(u64::from(self.word()) << 32 | low)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            let word = self.word().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}
