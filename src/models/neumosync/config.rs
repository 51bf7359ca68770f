//! The settings of NeuMoSync.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::backend::ModulatedActivity;
use crate::error::{Error, Result};
use crate::optim::Optimizer;

settings! {
    /// Which input NeuroSync reads.
    pub enum SignalMode {
        /// The mean input token of the batch: one set of signals for the whole batch.
        Batch = "batch",
        /// Each sample's own input token: one set of signals for each sample.
        Sample = "sample",
    }
}

settings! {
    /// How α_3 and α_4 modulate the activity r = ReLU(z) of a hidden neuron.
    pub enum ActivitySignals {
        /// (1 + α_3)·r + α_4·z.
        Linearity = "linearity",
        /// (1 + α_3)·r + α_4.
        Offset = "offset",
        /// r + α_3·z + α_4.
        LinearityOffset = "linearity-offset",
        /// Not at all: α_3 = α_4 = 0.
        None = "none",
    }
}

settings! {
    /// How a signal follows from NeuroSync's output.
    pub enum SignalBound {
        /// 2·tanh(output/2): between −2 and 2.
        Tanh = "tanh",
        /// The output itself, without a bound.
        Linear = "linear",
    }
}

settings! {
    /// A part of NeuMoSync that an ablation leaves out.
    pub enum Ablation {
        /// α_SM = 0: the fast weights are not modulated.
        Weights = "weights",
        /// α_WC = 0: the slow weights are not used.
        Consolidation = "consolidation",
        /// The input token: signals depend on the neurons alone.
        Input = "input",
    }
}

settings! {
    /// NeuMoSync: its signals, NeuroSync, the slow weights and their training.
    #[derive(Debug, Clone, PartialEq)]
    pub struct NeuMoSyncConfig {
        /// Which input NeuroSync reads. Static signals, and signals without the input, are the same with both.
        pub mode: SignalMode = "batch",
        /// How signals modulate the activity of hidden neurons.
        pub activity: ActivitySignals = "linearity",
        /// How signals are bounded.
        pub bound: SignalBound = "tanh",
        /// Parts that are left out: "weights", "consolidation", "input".
        pub without: Vec<Ablation> = [],
        /// Whether the signals are parameters that are learnt directly, without NeuroSync.
        pub static_signals: bool = false,
        /// Features of a token; a multiple of `heads`.
        pub token_width: usize [Between(1, 1024, "features")] = 16,
        /// Attention heads.
        pub heads: usize [Between(1, 64, "heads")] = 2,
        /// Neurons in the hidden layer of NeuroSync's feed-forward block.
        pub feed_forward: usize [Between(1, 4096, "neurons")] = 32,
        /// Learnable features of each neuron.
        pub learnable_features: usize [Between(0, 1024, "features")] = 8,
        /// Decay of the moving averages of the neurons' statistics.
        pub decay: f32 [Fraction] = 0.99,
        /// Share of the fast weights in each update of the slow weights.
        pub consolidation_rate: f32 [Share] = 0.001,
        /// Largest norm of the gradient of all fast weights; longer gradients are scaled down. 0: no limit.
        pub clip: f32 [NotNegative] = 1.0,
        /// The update rule of NeuroSync and the learnable features.
        pub neurosync_optimizer: Optimizer = { rule = "sgd" },
        /// Learning rate of NeuroSync and the learnable features.
        pub neurosync_learning_rate: f32 [NotNegative] = 0.01,
        /// Largest norm of the gradient of NeuroSync and the learnable features. 0: no limit.
        pub neurosync_clip: f32 [NotNegative] = 1.0,
    }
}

impl Default for NeuMoSyncConfig {
    /// The defaults of the settings: training A.
    fn default() -> Self {
        NeuMoSyncConfig {
            mode: SignalMode::Batch,
            activity: ActivitySignals::Linearity,
            bound: SignalBound::Tanh,
            without: vec![],
            static_signals: false,
            token_width: 16,
            heads: 2,
            feed_forward: 32,
            learnable_features: 8,
            decay: 0.99,
            consolidation_rate: 0.001,
            clip: 1.0,
            neurosync_optimizer: Optimizer::Sgd,
            neurosync_learning_rate: 0.01,
            neurosync_clip: 1.0,
        }
    }
}

impl NeuMoSyncConfig {
    /// The defaults with training B: Adam at 10⁻³, β = (0.9, 0.99), ε = 10⁻², for NeuroSync and the features, whose gradient
    /// is not clipped.
    pub fn with_adam() -> Self {
        NeuMoSyncConfig {
            neurosync_optimizer: Optimizer::Adam {
                beta1: 0.9,
                beta2: 0.99,
                epsilon: 1e-2,
            },
            neurosync_learning_rate: 1e-3,
            neurosync_clip: 0.0,
            ..NeuMoSyncConfig::default()
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for a value outside its range.
    pub fn validate(&self) -> Result<()> {
        self.neurosync_optimizer.validate()?;
        let sizes = [
            ("token_width", self.token_width),
            ("heads", self.heads),
            ("feed_forward", self.feed_forward),
        ];
        for (name, size) in sizes {
            if size == 0 {
                return Err(Error::setting(name, size, "a whole number from 1"));
            }
        }
        if !self.token_width.is_multiple_of(self.heads) {
            let expected = format!("a multiple of the {} heads", self.heads);
            return Err(Error::setting("token_width", self.token_width, expected));
        }
        let decay = self.decay;
        if !(0.0..1.0).contains(&decay) {
            return Err(Error::setting("decay", decay, "a number in [0, 1)"));
        }
        let rate = self.consolidation_rate;
        if !(0.0..=1.0).contains(&rate) {
            let expected = "a number in [0, 1]";
            return Err(Error::setting("consolidation_rate", rate, expected));
        }
        let numbers = [
            ("clip", self.clip),
            ("neurosync_learning_rate", self.neurosync_learning_rate),
            ("neurosync_clip", self.neurosync_clip),
        ];
        for (name, number) in numbers {
            if !(number >= 0.0 && number.is_finite()) {
                let expected = "a finite number, 0 or above";
                return Err(Error::setting(name, number, expected));
            }
        }
        Ok(())
    }

    /// Whether each sample has its own signals. Signals that do not depend on the input are the same for all samples.
    pub(super) fn per_sample(&self) -> bool {
        self.mode == SignalMode::Sample && !self.static_signals && self.reads_input()
    }

    /// Whether NeuroSync has an input token.
    pub(super) fn reads_input(&self) -> bool {
        !self.without.contains(&Ablation::Input)
    }

    /// The modulation of hidden neurons; without one, α_3 = α_4 = 0.
    pub(super) fn modulated_activity(&self) -> ModulatedActivity {
        match self.activity {
            ActivitySignals::Linearity | ActivitySignals::None => ModulatedActivity::Linearity,
            ActivitySignals::Offset => ModulatedActivity::Offset,
            ActivitySignals::LinearityOffset => ModulatedActivity::LinearityOffset,
        }
    }

    /// 1 for each signal that is used, 0 for one that is held at 0; `None` if all are used.
    pub(super) fn mask(&self) -> Option<[f32; 4]> {
        let used = |used: bool| if used { 1.0 } else { 0.0 };
        let activity = used(self.activity != ActivitySignals::None);
        let mask = [
            used(!self.without.contains(&Ablation::Weights)),
            used(!self.without.contains(&Ablation::Consolidation)),
            activity,
            activity,
        ];
        (mask != [1.0; 4]).then_some(mask)
    }
}
