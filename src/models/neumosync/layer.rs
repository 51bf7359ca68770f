//! A layer with fast and slow weights.

use alloc::string::String;

use super::dense::empty;
use crate::backend::{Backend, ModulatedActivity, Modulation};
use crate::error::Result;
use crate::models::feedforward::Map;
use crate::nn::SpatialPool;
use crate::tensor::Tensor;

/// A layer: its fast weights θ, b and slow weights φ, b_φ.
#[derive(Debug, Clone)]
pub(super) struct Layer<B: Backend> {
    pub name: String,
    pub fast: Map<B>,
    pub slow: Map<B>,
    pub pool: Option<SpatialPool>,
    /// How the activity is modulated; `None` for the output layer.
    pub activity: Option<ModulatedActivity>,
    /// The number of its first neuron among those of all layers.
    pub first: usize,
}

impl<B: Backend> Layer<B> {
    /// The slow weights, named `NAME.slow`, start equal to the fast ones, and have no room for a gradient.
    pub fn new(
        backend: &B,
        name: String,
        fast: Map<B>,
        pool: Option<SpatialPool>,
        activity: Option<ModulatedActivity>,
        first: usize,
    ) -> Result<Self> {
        let mut slow = fast.clone();
        for parameter in slow.parameters() {
            parameter.name.push_str(".slow");
            parameter.gradient = empty(backend)?;
        }
        Ok(Layer {
            name,
            slow,
            fast,
            pool,
            activity,
            first,
        })
    }

    pub fn neurons(&self) -> usize {
        self.fast.bias.parameter.value.shape().rows()
    }
}

/// The activations of a layer. `output` is what the next layer reads: the pooled h, h, or z of the output layer.
/// z and h have their own buffers unless they are the output.
#[derive(Debug, Clone)]
pub(super) struct Buffers<B: Backend> {
    pub u: Tensor<B>,
    pub v: Tensor<B>,
    inner: Tensor<B>,
    pub h: Tensor<B>,
    pub output: Tensor<B>,
    holds: Holds,
}

/// What the output holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Logits,
    Activity,
    Pooled,
}

impl<B: Backend> Buffers<B> {
    pub fn new(backend: &B, layer: &Layer<B>) -> Result<Self> {
        let holds = match (layer.activity, layer.pool) {
            (None, _) => Holds::Logits,
            (Some(_), None) => Holds::Activity,
            (Some(_), Some(_)) => Holds::Pooled,
        };
        Ok(Buffers {
            u: empty(backend)?,
            v: empty(backend)?,
            inner: empty(backend)?,
            h: empty(backend)?,
            output: empty(backend)?,
            holds,
        })
    }

    pub fn z(&self) -> &Tensor<B> {
        match self.holds {
            Holds::Logits => &self.output,
            Holds::Activity | Holds::Pooled => &self.inner,
        }
    }

    /// h, or z of the output layer.
    pub fn activity(&self) -> &Tensor<B> {
        match self.holds {
            Holds::Logits | Holds::Activity => &self.output,
            Holds::Pooled => &self.h,
        }
    }

    /// Computes z, h and the output from u and v.
    pub fn modulate(
        &mut self,
        backend: &B,
        dims: Modulation,
        signals: &Tensor<B>,
        pool: Option<SpatialPool>,
    ) -> Result<()> {
        let shape = self.u.shape();
        let (z, h) = match self.holds {
            Holds::Logits => (&mut self.output, None),
            Holds::Activity => (&mut self.inner, Some(&mut self.output)),
            Holds::Pooled => (&mut self.inner, Some(&mut self.h)),
        };
        z.reshape(backend, shape)?;
        let h = match h {
            Some(h) => {
                h.reshape(backend, shape)?;
                Some(h.floats_mut())
            }
            None => None,
        };
        let (signals, u, v) = (signals.floats(), self.u.floats(), self.v.floats());
        backend.modulation(dims, signals, u, v, z.floats_mut(), h)?;
        match pool {
            Some(pool) => pool.forward(backend, &self.h, &mut self.output),
            None => Ok(()),
        }
    }
}
