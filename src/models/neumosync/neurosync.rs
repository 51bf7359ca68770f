//! NeuroSync: a Transformer over one token per neuron, whose outputs are the neurons' signals.

use alloc::format;

use super::dense::{Builder, Dense, LayerNorm, Rows, Spare, empty};
use super::input::InputToken;
use super::statistics::{ActivityStatistics, STATISTICS, positions};
use super::{MainNetwork, NeuMoSyncConfig, SignalBound};
use crate::backend::{Backend, Cpu, NeuronAttention};
use crate::error::Result;
use crate::nn::{Init, Parameter};
use crate::shape::Shape;
use crate::state::{Role, State, Visitor};
use crate::tensor::Tensor;

/// Features of a position.
const POSITION: usize = 4;
/// Signals of a neuron: α_SM, α_WC, α_3, α_4.
pub(super) const SIGNALS: usize = 4;

/// The initial learnable features.
const FEATURES: Init = Init::Normal {
    standard_deviation: 0.02,
};

/// ```text
/// token t_i = W_p·position + b + W_s·statistics + W_f·features;   input token e = W_e·pooled image + b_e
/// n = LN₁(t), n_e = LN₁(e);  q = W_q·n + b_q,  k = W_k·n,  v = W_v·n + b_v of neurons;  k_e, v_e of the input
/// x₁ = t + W_o·attention(q; k, k_e; v, v_e) + b_o
/// x₂ = x₁ + W₂·ReLU(W₁·LN₂(x₁) + b₁) + b₂
/// α = 2·tanh(raw/2),  raw = W_h·LN₃(x₂) + b_h
/// ```
///
/// A pre-norm encoder layer over one token per neuron and one input token; all neurons share the parameters. The three
/// maps W_p, W_s, W_f are the columns of one linear map of the concatenated features. Only neurons' outputs are
/// needed, so the input token is a key and a value but asks nothing. A bias of the keys would have a gradient of zero:
/// there is none.
///
/// *Known* (arXiv 2608.04358): a Transformer over one token per neuron (position, activity statistics, learnable
/// features) and the current input, with parameters shared by all neurons; four signals per neuron. *Chosen*: the
/// sizes; pre-norm; the input token (the image averaged over windows, at most 7×7 windows of one channel or 4×4 of
/// several); the head starts at 0, so all signals start at 0; every other weight and bias is uniform in ±1/√inputs,
/// PyTorch's default; learnable features from N(0, 0.02²).
#[derive(Debug, Clone)]
pub struct NeuroSync<B: Backend = Cpu> {
    pub(super) attention: NeuronAttention,
    pub(super) per_sample: bool,
    pub(super) bound: SignalBound,
    /// Factors of the signals, `[4]`, if some are held at 0.
    pub(super) mask: Option<Tensor<B>>,
    pub(super) positions: Tensor<B>,
    pub(super) statistics: ActivityStatistics<B>,
    pub(super) layers: Layers<B>,
    pub(super) training: Pass<B>,
    pub(super) inference: Pass<B>,
    pub(super) gradients: Gradients<B>,
    pub(super) spare: Spare<B>,
}

/// The parameters.
#[derive(Debug, Clone)]
pub(super) struct Layers<B: Backend> {
    pub position: Dense<B>,
    pub statistics: Dense<B>,
    pub learnable: Option<Learnable<B>>,
    pub input: Option<InputToken<B>>,
    pub norm1: LayerNorm<B>,
    pub query: Dense<B>,
    pub key: Dense<B>,
    pub value: Dense<B>,
    pub out: Dense<B>,
    pub norm2: LayerNorm<B>,
    pub hidden: Dense<B>,
    pub feed_forward: Dense<B>,
    pub norm3: LayerNorm<B>,
    pub head: Dense<B>,
}

/// The learnable features `[N][features]`, and their map to tokens.
#[derive(Debug, Clone)]
pub(super) struct Learnable<B: Backend> {
    pub features: Parameter<B>,
    pub map: Dense<B>,
}

macro_rules! buffers {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $about:literal])* $field:ident),* $(,)? }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        pub(super) struct $name<B: Backend> { $($(#[doc = $about])* pub $field: Tensor<B>,)* }

        impl<B: Backend> $name<B> {
            fn new(backend: &B) -> Result<Self> {
                Ok($name { $($field: empty(backend)?,)* })
            }
        }
    };
}

buffers! {
    /// The activations of a forward pass. The part of the neurons is `[⌈N/16⌉][…][16]`; from `w` on, with signals for
    /// each sample, `[⌈S/16⌉][N][…][16]`.
    Pass {
        statistics, learnable, tokens, moments1, normed1, q, k, v, shares, log_sums, attended,
        /// The pooled images; their mean `[pixels]`, and as one sample.
        pooled, mean, one_pooled,
        input, input_moments, input_normed, input_k, input_v,
        /// The key and value of one input, `[features]`.
        one_k, one_v,
        w, mixed,
        /// The tokens as `[N][features]`, to be added to each sample's.
        token_rows,
        x1, moments2, normed2, hidden, x2, moments3, normed3, signals, spare,
    }
}

buffers! {
    /// The gradients of a backward pass.
    Gradients {
        normed, hidden, x2, x1, mixed, token_rows, tokens, q, q_to_input, k, v, attended, log_sums,
        /// Of the input's key and value, `[features]` if there is one input.
        one_k, one_v,
        input_k, input_v, input, input_spare, spare, learnable,
    }
}

impl<B: Backend> NeuroSync<B> {
    /// NeuroSync for the neurons of `network`; parameter number n is drawn from (`seed`, [`Purpose::NeuroSync`](crate::rng::Purpose::NeuroSync), n).
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a setting outside its range,
    /// [`Error::Memory`](crate::Error::Memory) if memory is insufficient.
    pub fn new(
        backend: &B,
        network: &MainNetwork<B>,
        config: &NeuMoSyncConfig,
        seed: u64,
    ) -> Result<Self> {
        config.validate()?;
        let neurons = network.neurons();
        let mask = config.mask().map(|mask| {
            let vector = Shape::vector(SIGNALS);
            Tensor::from_rows(backend, vector, &mask)
        });
        Ok(NeuroSync {
            attention: NeuronAttention {
                neurons,
                heads: config.heads,
                width: config.token_width / config.heads,
            },
            per_sample: config.per_sample(),
            bound: config.bound,
            mask: mask.transpose()?,
            positions: positions(backend, network.layer_sizes().map(|(_, size)| size))?,
            statistics: ActivityStatistics::new(backend, network.layer_sizes())?,
            layers: Layers::new(backend, network, config, seed)?,
            training: Pass::new(backend)?,
            inference: Pass::new(backend)?,
            gradients: Gradients {
                // Without an input, it stays 0.
                log_sums: Tensor::zeros(backend, Rows::of(neurons).shape(config.heads))?,
                ..Gradients::new(backend)?
            },
            spare: Spare::new(backend)?,
        })
    }

    /// The rows of the tokens that signals are computed from, for this many samples.
    pub(super) fn signal_rows(&self, samples: usize) -> Rows {
        match self.per_sample {
            true => Rows {
                samples,
                pixels: self.attention.neurons,
            },
            false => Rows::of(self.attention.neurons),
        }
    }

    /// Features of a token.
    pub(super) fn width(&self) -> usize {
        self.attention.heads * self.attention.width
    }

    /// Adds the statistics of a batch to their moving averages, given the activity of each layer.
    pub(super) fn observe<'a>(
        &mut self,
        backend: &B,
        decay: f32,
        activities: impl Iterator<Item = &'a Tensor<B>>,
    ) -> Result<()> {
        self.statistics.update(backend, decay, activities)
    }

    /// Calls `visit` with every parameter; allocates no memory.
    ///
    /// # Errors
    /// The error of `visit`.
    pub fn for_each_parameter(
        &mut self,
        visit: &mut dyn FnMut(&mut Parameter<B>) -> Result<()>,
    ) -> Result<()> {
        let layers = &mut self.layers;
        let dense = |dense: &mut Dense<B>, visit: &mut dyn FnMut(&mut Parameter<B>) -> _| {
            dense.parameters().try_for_each(visit)
        };
        dense(&mut layers.position, visit)?;
        dense(&mut layers.statistics, visit)?;
        if let Some(learnable) = &mut layers.learnable {
            visit(&mut learnable.features)?;
            dense(&mut learnable.map, visit)?;
        }
        if let Some(input) = &mut layers.input {
            dense(&mut input.map, visit)?;
        }
        layers
            .norm1
            .parameters()
            .into_iter()
            .try_for_each(&mut *visit)?;
        for layer in [
            &mut layers.query,
            &mut layers.key,
            &mut layers.value,
            &mut layers.out,
        ] {
            dense(layer, visit)?;
        }
        layers
            .norm2
            .parameters()
            .into_iter()
            .try_for_each(&mut *visit)?;
        dense(&mut layers.hidden, visit)?;
        dense(&mut layers.feed_forward, visit)?;
        layers
            .norm3
            .parameters()
            .into_iter()
            .try_for_each(&mut *visit)?;
        dense(&mut layers.head, visit)
    }
}

impl<B: Backend> Layers<B> {
    fn new(
        backend: &B,
        network: &MainNetwork<B>,
        config: &NeuMoSyncConfig,
        seed: u64,
    ) -> Result<Self> {
        let mut builder = Builder {
            backend,
            seed,
            next: 0,
        };
        let builder = &mut builder;
        let (width, features) = (config.token_width, config.learnable_features);
        let concatenated = POSITION + STATISTICS + features;
        let uniform = Init::KaimingUniform;
        let dense = |builder: &mut Builder<'_, B>, name: &str, sizes: [usize; 2], bias| {
            let name = format!("neurosync.{name}");
            Dense::new(builder, &name, sizes, uniform, sizes[1], bias)
        };
        let column = |builder: &mut Builder<'_, B>, name: &str, inputs, bias| {
            let name = format!("neurosync.{name}");
            Dense::new(builder, &name, [width, inputs], uniform, concatenated, bias)
        };
        let position = column(builder, "position", POSITION, true)?;
        let statistics = column(builder, "statistics", STATISTICS, false)?;
        let learnable = match features {
            0 => None,
            _ => {
                let matrix = Shape::matrix(network.neurons(), features);
                let name = "neurosync.features".into();
                Some(Learnable {
                    features: builder.parameter(name, Role::Weight, matrix, FEATURES, features)?,
                    map: column(builder, "embedding", features, false)?,
                })
            }
        };
        let input = match config.reads_input() {
            true => Some(InputToken::new(builder, network.config().input, width)?),
            false => None,
        };
        let norm = |builder: &mut Builder<'_, B>, name: &str| {
            LayerNorm::new(builder, &format!("neurosync.{name}"), width)
        };
        Ok(Layers {
            position,
            statistics,
            learnable,
            input,
            norm1: norm(builder, "norm1")?,
            query: dense(builder, "query", [width, width], true)?,
            key: dense(builder, "key", [width, width], false)?,
            value: dense(builder, "value", [width, width], true)?,
            out: dense(builder, "attention", [width, width], true)?,
            norm2: norm(builder, "norm2")?,
            hidden: dense(builder, "hidden", [config.feed_forward, width], true)?,
            feed_forward: dense(builder, "feed_forward", [width, config.feed_forward], true)?,
            norm3: norm(builder, "norm3")?,
            head: {
                let zero = Init::Constant(0.0);
                Dense::new(
                    builder,
                    "neurosync.head",
                    [SIGNALS, width],
                    zero,
                    width,
                    true,
                )?
            },
        })
    }
}

impl<B: Backend> State<B> for NeuroSync<B> {
    fn visit(&mut self, backend: &B, visitor: &mut dyn Visitor<B>) -> Result<()> {
        self.for_each_parameter(&mut |parameter| parameter.visit(backend, visitor))?;
        self.statistics.visit(visitor)
    }
}
