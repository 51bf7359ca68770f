//! Attention among neurons, and the modulation of their weights and activity.

use alloc::format;

use super::check::{lengths, too_large, volume};
use super::memory::Memory;
use super::neuron_attention::{
    AttentionGiven, AttentionGradients, AttentionInput, AttentionKept, AttentionOutput,
    InputAttention, InputAttentionGradients, InputAttentionInput, InputAttentionKept,
    NeuronAttention,
};
use super::normalisations::NormDims;
use crate::error::{Error, Result};
use crate::shape::LANES;

/// Attention among neurons, and the modulation of their weights and activity (NeuMoSync, arXiv:2608.04358).
///
/// The neurons are the tokens: features of N neurons are `[⌈N/16⌉][features][16]`, with 16 neurons innermost and zero
/// in the padding lanes. One set of features per sample is `[⌈samples/16⌉][N][features][16]`, with 16 samples
/// innermost. Head a has the features a·width..(a + 1)·width of F = heads·width; below, c counts a head's
/// features, ascending. Padding lanes of outputs are +0.
pub trait Modulations: Memory {
    /// Multi-head attention (Vaswani et al. 2017, arXiv:1706.03762) of every neuron i over all neurons j, itself
    /// included.
    ///
    /// With scale = 1/√width, computed in f64 and rounded once:
    /// s_ij = fl(scale·Σ_c q_ic·k_jc) (`fma(q, k, ·)` from +0), m_i = max_j s_ij, e_ij = exp(fl(s_ij − m_i)),
    /// S_i = Σ_j e_ij (a chain of additions from +0, j ascending), `shares = fl(e_ij·fl(1/S_i))`,
    /// `log_sums = fl(m_i + ln S_i)` and `out_ic = Σ_j shares_ij·v_jc` (`fma(shares, v, ·)` from +0, j ascending).
    /// The maximum is that of [`softmax`](super::Attention::softmax).
    fn neuron_attention(
        &self,
        dims: NeuronAttention,
        input: AttentionInput<'_, Self::Floats>,
        output: AttentionOutput<'_, Self::Floats>,
    ) -> Result<()>;

    /// The gradient of [`neuron_attention`](Modulations::neuron_attention), given those of out and log_sums.
    ///
    /// r_i = Σ_c dout_ic·out_ic (`fma(dout, out, ·)` from +0), dp_ij = Σ_c dout_ic·v_jc (`fma(dout, v, ·)` from +0),
    /// ds_ij = fl(scale·fl(shares_ij·fl(fl(dp_ij − r_i) + dlog_sums_i))),
    /// `dq_ic = Σ_j ds_ij·k_jc` (`fma(ds, k, ·)` from +0, j ascending),
    /// `dk_jc = Σ_i ds_ij·q_ic` (`fma(ds, q, ·)`) and `dv_jc = Σ_i shares_ij·dout_ic` (`fma(shares, dout, ·)`).
    /// The last two are sums over the neurons i in the order of [`summation`](super::summation).
    fn neuron_attention_backward(
        &self,
        dims: NeuronAttention,
        input: AttentionInput<'_, Self::Floats>,
        kept: AttentionKept<'_, Self::Floats>,
        given: AttentionGiven<'_, Self::Floats>,
        gradients: AttentionGradients<'_, Self::Floats>,
    ) -> Result<()>;

    /// Adds the key k and the value v of the current input to each neuron's attention.
    ///
    /// The softmax over N + 1 keys gives the input the weight exp(t)/(exp(t) + exp(log_sums)), and the others the
    /// remainder in their old proportions. With t = fl(scale·Σ_c q_ic·k_c) (`fma(q, k, ·)` from +0):
    /// `w = fl(1/fl(1 + exp(fl(log_sums_i − t))))` and `mixed_ic = fma(w, fl(v_c − out_ic), out_ic)`.
    ///
    /// One input for all samples: w is `[⌈N/16⌉][heads][16]` and mixed `[⌈N/16⌉][F][16]`. One input per sample: w is
    /// `[⌈S/16⌉][N][heads][16]` and mixed `[⌈S/16⌉][N][F][16]`. The operations are the same, so equal inputs give
    /// equal bits.
    fn input_attention(
        &self,
        dims: InputAttention,
        input: InputAttentionInput<'_, Self::Floats>,
        w: &mut Self::Floats,
        mixed: &mut Self::Floats,
    ) -> Result<()>;

    /// The gradient of [`input_attention`](Modulations::input_attention), given that of mixed.
    ///
    /// dw = Σ_c dmixed_c·fl(v_c − out_c) (`fma(dmixed, ·, ·)` from +0), dt = fl(fl(dw·w)·fl(1 − w)),
    /// g = fl(scale·dt).
    ///
    /// Per neuron: `dlog_sums = fl(0 − Σ dt)`, `dq_c = Σ g·k_c` (`fma(g, k, ·)`) and
    /// `dout_c = Σ fl(1 − w)·dmixed_c` (`fma(1 − w, dmixed, ·)`): sums over the samples in the order of
    /// [`summation`](super::summation) or, with one input for all, of one term, from +0.
    ///
    /// Per input: `dk_c = Σ g·q_c` (`fma(g, q, ·)`) and `dv_c = Σ w·dmixed_c` (`fma(w, dmixed, ·)`): sums over the
    /// neurons, with one input for all in the order of [`summation`](super::summation), and with one input per sample
    /// a chain from +0, neurons ascending.
    fn input_attention_backward(
        &self,
        dims: InputAttention,
        kept: InputAttentionKept<'_, Self::Floats>,
        gradients: InputAttentionGradients<'_, Self::Floats>,
    ) -> Result<()>;

    /// The modulated activity of one layer, from u = θx + b and v = φx + b_φ (layout of [`NormDims`]).
    ///
    /// The signals α_SM, α_WC, α_3, α_4 of all N neurons are `[⌈N/16⌉][4][16]` or, per sample,
    /// `[⌈samples/16⌉][N][4][16]`. Channel c of the layer is neuron first + c.
    /// `z = fma(α_WC, v, fma(α_SM, u, u))` and, with r = max(z, 0) (as in [`Unary::Relu`](super::Unary::Relu)), h is as
    /// [`ModulatedActivity`] says. Without an activity (an output layer), there is no h.
    ///
    /// If all signals are +0 and v is finite, z is u, where a −0 becomes +0 if the product with v is +0, and h is
    /// max(u, 0).
    fn modulation(
        &self,
        dims: Modulation,
        signals: &Self::Floats,
        u: &Self::Floats,
        v: &Self::Floats,
        z: &mut Self::Floats,
        h: Option<&mut Self::Floats>,
    ) -> Result<()>;

    /// The gradient of [`modulation`](Modulations::modulation), given dh or, without an activity, dz in its place.
    ///
    /// With a = dh where z > 0, else +0:
    ///
    /// | activity | dz | dα_3 | dα_4 |
    /// | --- | --- | --- | --- |
    /// | linearity | `fma(α_4, dh, fma(α_3, a, a))` | Σ dh·r | Σ dh·z |
    /// | offset | `fma(α_3, a, a)` | Σ dh·r | Σ dh |
    /// | linearity and offset | `fma(α_3, dh, a)` | Σ dh·z | Σ dh |
    /// | none | dh | +0 | +0 |
    ///
    /// `du = fma(α_SM, dz, dz)`, `dv = fl(α_WC·dz)`, dα_SM = Σ dz·u and dα_WC = Σ dz·v. Products are added by `fma`.
    /// The sums run over samples and pixels in the order of
    /// [`batch_statistics`](super::Normalisations::batch_statistics); per sample, over the pixels: a chain from +0,
    /// ascending. `dsignals`, in the layout of the signals, is written for the neurons of this layer only. The padding
    /// lanes of u, v, z and dh must be zero.
    fn modulation_backward(
        &self,
        dims: Modulation,
        kept: ModulationKept<'_, Self::Floats>,
        du: &mut Self::Floats,
        dv: &mut Self::Floats,
        dsignals: &mut Self::Floats,
    ) -> Result<()>;
}

/// The dimensions of the modulation of one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modulation {
    /// The dimensions of u, v, z and h.
    pub layer: NormDims,
    /// The neuron of the layer's first channel.
    pub first: usize,
    /// N: the neurons of all layers.
    pub neurons: usize,
    /// Whether each sample has signals of its own.
    pub per_sample: bool,
    /// How the activity is modulated; `None` if it is not (an output layer).
    pub activity: Option<ModulatedActivity>,
}

/// How the signals α_3 and α_4 modulate the activity r = max(z, 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModulatedActivity {
    /// `h = fma(α_4, z, fma(α_3, r, r))`: (1 + α_3)·r + α_4·z.
    Linearity,
    /// `h = fl(fma(α_3, r, r) + α_4)`: (1 + α_3)·r + α_4.
    Offset,
    /// `h = fl(fma(α_3, z, r) + α_4)`: r + α_3·z + α_4.
    LinearityOffset,
}

/// The inputs of [`Modulations::modulation_backward`].
#[derive(Debug, Clone, Copy)]
pub struct ModulationKept<'a, F> {
    /// The signals of all neurons.
    pub signals: &'a F,
    /// θx + b.
    pub u: &'a F,
    /// φx + b_φ.
    pub v: &'a F,
    /// The output z of the forward pass.
    pub z: &'a F,
    /// The gradient with respect to h or, without an activity, z.
    pub dh: &'a F,
}

/// Signals per neuron: α_SM, α_WC, α_3, α_4.
pub(super) const SIGNALS: usize = 4;

impl Modulation {
    /// The lengths of an activation and of the signals.
    fn lengths(&self, operation: &'static str) -> Result<[usize; 2]> {
        let length = self.layer.length()?;
        let last = self.first.checked_add(self.layer.channels);
        if last.is_none_or(|last| last > self.neurons) {
            let expected = "channels first..first + channels among the neurons";
            return Err(Error::shape(operation, expected, format!("{self:?}")));
        }
        let signals = if self.per_sample {
            let blocks = self.layer.samples.div_ceil(LANES);
            volume(&[blocks, self.neurons, SIGNALS, LANES])
        } else {
            volume(&[self.neurons.div_ceil(LANES), SIGNALS, LANES])
        };
        signals
            .map(|signals| [length, signals])
            .ok_or_else(|| too_large(operation, format!("{self:?}")))
    }
}

/// Checks the operands of a modulation.
pub(super) fn check_modulation<B: Memory>(
    backend: &B,
    dims: Modulation,
    signals: &B::Floats,
    [u, v, z]: [&B::Floats; 3],
    h: Option<&B::Floats>,
) -> Result<()> {
    let operation = "modulation";
    let [length, of_signals] = dims.lengths(operation)?;
    if dims.activity.is_some() != h.is_some() {
        let expected = "h if and only if there is an activity";
        let found = format!("{:?}, h: {}", dims.activity, h.is_some());
        return Err(Error::shape(operation, expected, found));
    }
    for (name, floats, expected) in [
        ("signals", Some(signals), of_signals),
        ("u", Some(u), length),
        ("v", Some(v), length),
        ("z", Some(z), length),
        ("h", h, length),
    ] {
        let found = floats.map_or(expected, |floats| backend.length(floats));
        lengths(operation, &[(name, found, expected)])?;
    }
    Ok(())
}

/// Checks the operands of a modulation's gradient.
pub(super) fn check_modulation_backward<B: Memory>(
    backend: &B,
    dims: Modulation,
    kept: &ModulationKept<'_, B::Floats>,
    [du, dv, dsignals]: [&B::Floats; 3],
) -> Result<()> {
    let operation = "modulation backward";
    let [length, of_signals] = dims.lengths(operation)?;
    for (name, floats, expected) in [
        ("signals", kept.signals, of_signals),
        ("u", kept.u, length),
        ("v", kept.v, length),
        ("z", kept.z, length),
        ("dh", kept.dh, length),
        ("du", du, length),
        ("dv", dv, length),
        ("dsignals", dsignals, of_signals),
    ] {
        lengths(operation, &[(name, backend.length(floats), expected)])?;
    }
    Ok(())
}
