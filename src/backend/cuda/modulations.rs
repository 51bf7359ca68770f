//! Launches of `kernels/modulation.cu`.

use super::Cuda;
use super::buffer::Floats;
use crate::backend::modulations::{check_modulation, check_modulation_backward};
use crate::backend::neuron_attention::{
    check_input_attention, check_input_attention_backward, check_neuron_attention,
    check_neuron_attention_backward,
};
use crate::backend::{
    AttentionGiven, AttentionGradients, AttentionInput, AttentionKept, AttentionOutput,
    InputAttention, InputAttentionGradients, InputAttentionInput, InputAttentionKept, Modulation,
    ModulationKept, Modulations, NeuronAttention,
};
use crate::error::{Error, Result};

fn missing() -> Result<()> {
    Err(Error::Device {
        device: "CUDA".into(),
        problem: "the kernels of modulations are not there yet".into(),
        remedy: "use the CPU".into(),
    })
}

impl Modulations for Cuda {
    fn neuron_attention(
        &self,
        dims: NeuronAttention,
        input: AttentionInput<'_, Floats>,
        output: AttentionOutput<'_, Floats>,
    ) -> Result<()> {
        check_neuron_attention(self, dims, &input, &output)?;
        missing()
    }

    fn neuron_attention_backward(
        &self,
        dims: NeuronAttention,
        input: AttentionInput<'_, Floats>,
        kept: AttentionKept<'_, Floats>,
        given: AttentionGiven<'_, Floats>,
        gradients: AttentionGradients<'_, Floats>,
    ) -> Result<()> {
        check_neuron_attention_backward(self, dims, &input, &kept, &given, &gradients)?;
        missing()
    }

    fn input_attention(
        &self,
        dims: InputAttention,
        input: InputAttentionInput<'_, Floats>,
        w: &mut Floats,
        mixed: &mut Floats,
    ) -> Result<()> {
        check_input_attention(self, dims, &input, w, mixed)?;
        missing()
    }

    fn input_attention_backward(
        &self,
        dims: InputAttention,
        kept: InputAttentionKept<'_, Floats>,
        gradients: InputAttentionGradients<'_, Floats>,
    ) -> Result<()> {
        check_input_attention_backward(self, dims, &kept, &gradients)?;
        missing()
    }

    fn modulation(
        &self,
        dims: Modulation,
        signals: &Floats,
        u: &Floats,
        v: &Floats,
        z: &mut Floats,
        h: Option<&mut Floats>,
    ) -> Result<()> {
        check_modulation(self, dims, signals, [u, v, z], h.as_deref())?;
        missing()
    }

    fn modulation_backward(
        &self,
        dims: Modulation,
        kept: ModulationKept<'_, Floats>,
        du: &mut Floats,
        dv: &mut Floats,
        dsignals: &mut Floats,
    ) -> Result<()> {
        check_modulation_backward(self, dims, &kept, [du, dv, dsignals])?;
        missing()
    }
}
