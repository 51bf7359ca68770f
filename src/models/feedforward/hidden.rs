//! A hidden layer: linear map or convolution, bias, layer normalisation, nonlinearity, pooling.

use alloc::boxed::Box;
use alloc::format;

use super::config::{Activation, FeedforwardConfig, LayerSizes, POOL, sliding};
use crate::backend::{Backend, Pool, Update};
use crate::error::Result;
use crate::models::{HiddenLayer, UnitParameter};
use crate::nn::{
    Bias, Crelu, GainConvolution, GainLinear, Init, LayerNorm, LinearLeak, Parameter, Relu,
    SpatialPool,
};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A linear layer or a convolution, with its bias.
#[derive(Debug, Clone)]
pub(in crate::models) struct Map<B: Backend> {
    kind: Kind<B>,
    pub(in crate::models) bias: Bias<B>,
}

#[derive(Debug, Clone)]
enum Kind<B: Backend> {
    Linear(GainLinear<B>),
    Convolution(GainConvolution<B>),
}

impl<B: Backend> Map<B> {
    /// Weights and bias are parameters number `index` and `index + 1` of the network.
    pub(in crate::models) fn new(
        backend: &B,
        name: &str,
        sizes: LayerSizes,
        seed: u64,
        index: u64,
    ) -> Result<Self> {
        let LayerSizes {
            inputs,
            channels,
            outputs,
            window,
        } = sizes;
        let shape = match window {
            None => Shape::matrix(outputs, inputs),
            Some(size) => Shape::kernel(outputs, size, channels),
        };
        let weight = Parameter::new(backend, name, shape, Init::KaimingUniform, seed, index)?;
        let bias = Bias::new(
            backend,
            format!("{name}.bias"),
            outputs,
            inputs,
            seed,
            index + 1,
        )?;
        let kind = match window {
            None => Kind::Linear(GainLinear::new(weight)),
            Some(size) => Kind::Convolution(GainConvolution::new(weight, sliding(size))?),
        };
        Ok(Map { kind, bias })
    }

    pub(in crate::models) fn weight(&mut self) -> &mut Parameter<B> {
        match &mut self.kind {
            Kind::Linear(layer) => &mut layer.weight,
            Kind::Convolution(layer) => &mut layer.weight,
        }
    }

    /// `y = W·x + b`, then ReLU if `relu`.
    pub(in crate::models) fn forward(
        &self,
        backend: &B,
        x: &Tensor<B>,
        relu: bool,
        y: &mut Tensor<B>,
    ) -> Result<()> {
        match &self.kind {
            Kind::Linear(layer) => layer.forward(backend, x, y)?,
            Kind::Convolution(layer) => layer.forward(backend, x, y)?,
        }
        self.bias.forward(backend, relu, y)
    }

    /// The gradients of the weights and the bias, and dx if requested.
    pub(in crate::models) fn backward(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        dy: &Tensor<B>,
        dx: Option<&mut Tensor<B>>,
    ) -> Result<()> {
        self.bias.backward(backend, dy)?;
        match &mut self.kind {
            Kind::Linear(layer) => layer.backward(backend, x, dy, dx),
            Kind::Convolution(layer) => {
                layer.backward(backend, x, dy, dx.map(|dx| (Update::Overwrite, dx)))
            }
        }
    }

    /// Only dx, for frozen weights; `x` is the shape of the input of `forward`.
    pub(in crate::models) fn to_input(
        &self,
        backend: &B,
        x: Shape,
        dy: &Tensor<B>,
        dx: &mut Tensor<B>,
    ) -> Result<()> {
        match &self.kind {
            Kind::Linear(layer) => layer.to_input(backend, x, dy, dx),
            Kind::Convolution(layer) => layer.to_input(backend, x, dy, (Update::Overwrite, dx)),
        }
    }

    /// Weights and biases.
    pub(in crate::models) fn parameters(&mut self) -> [&mut Parameter<B>; 2] {
        let weight = match &mut self.kind {
            Kind::Linear(layer) => &mut layer.weight,
            Kind::Convolution(layer) => &mut layer.weight,
        };
        [weight, &mut self.bias.parameter]
    }
}

#[derive(Debug, Clone)]
enum Nonlinearity<B: Backend> {
    Relu,
    Crelu(Crelu<B>),
    Leak(Box<LinearLeak<B>>),
}

/// The results of a layer's steps. Steps that a layer does not have leave theirs empty.
#[derive(Debug, Clone)]
struct Results<B: Backend> {
    /// W·x + b; after ReLU if it follows directly.
    z: Tensor<B>,
    /// z normalised; after ReLU.
    normalised: Tensor<B>,
    /// After CReLU or the linear leak.
    h: Tensor<B>,
    pooled: Tensor<B>,
}

impl<B: Backend> Results<B> {
    fn new(backend: &B) -> Result<Self> {
        Ok(Results {
            z: empty(backend)?,
            normalised: empty(backend)?,
            h: empty(backend)?,
            pooled: empty(backend)?,
        })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Hidden<B: Backend> {
    pub(super) map: Map<B>,
    norm: Option<LayerNorm<B>>,
    activation: Nonlinearity<B>,
    pool: Option<SpatialPool>,
    training: Results<B>,
    inference: Results<B>,
    /// The gradients to h before pooling, to the pre-activation, and to x.
    dh: Tensor<B>,
    dz: Tensor<B>,
    pub(super) dx: Tensor<B>,
}

impl<B: Backend> Hidden<B> {
    /// Parameters are numbered from `index`.
    pub(super) fn new(
        backend: &B,
        config: &FeedforwardConfig,
        name: &str,
        sizes: LayerSizes,
        seed: u64,
        index: u64,
    ) -> Result<Self> {
        let norm = format!("{name}.norm");
        let norm = (config.layer_norm).then(|| LayerNorm::new(backend, &norm, sizes.outputs));
        Ok(Hidden {
            map: Map::new(backend, name, sizes, seed, index)?,
            norm: norm.transpose()?,
            activation: match config.activation {
                Activation::Relu => Nonlinearity::Relu,
                Activation::Crelu => Nonlinearity::Crelu(Crelu::new(backend, sizes.outputs)?),
                Activation::Adalin => {
                    let slope = format!("{name}.slope");
                    Nonlinearity::Leak(Box::new(LinearLeak::new(backend, slope, sizes.outputs)?))
                }
            },
            pool: sizes.window.map(|_| SpatialPool {
                pool: Pool::Max,
                window: POOL,
            }),
            training: Results::new(backend)?,
            inference: Results::new(backend)?,
            dh: empty(backend)?,
            dz: empty(backend)?,
            dx: empty(backend)?,
        })
    }

    /// Number of parameters, as in `for_each_parameter`.
    pub(super) fn parameters(&self) -> usize {
        let norm = if self.norm.is_some() { 2 } else { 0 };
        2 + norm + usize::from(matches!(self.activation, Nonlinearity::Leak(_)))
    }

    pub(super) fn for_each_parameter(
        &mut self,
        visit: &mut dyn FnMut(&mut Parameter<B>) -> Result<()>,
    ) -> Result<()> {
        visit(self.map.weight())?;
        visit(&mut self.map.bias.parameter)?;
        if let Some(norm) = &mut self.norm {
            visit(&mut norm.gamma)?;
            visit(&mut norm.beta)?;
        }
        match &mut self.activation {
            Nonlinearity::Leak(leak) => visit(&mut leak.slope),
            Nonlinearity::Relu | Nonlinearity::Crelu(_) => Ok(()),
        }
    }

    pub(super) fn forward(&mut self, backend: &B, x: &Tensor<B>) -> Result<()> {
        self.pass(backend, x, true)
    }

    pub(super) fn infer(&mut self, backend: &B, x: &Tensor<B>) -> Result<()> {
        self.pass(backend, x, false)
    }

    fn pass(&mut self, backend: &B, x: &Tensor<B>, training: bool) -> Result<()> {
        let results = match training {
            true => &mut self.training,
            false => &mut self.inference,
        };
        let relu = matches!(self.activation, Nonlinearity::Relu);
        let z = &mut results.z;
        self.map
            .forward(backend, x, relu && self.norm.is_none(), z)?;
        let z = match &mut self.norm {
            None => z,
            Some(norm) => {
                let normalised = &mut results.normalised;
                match training {
                    true => norm.forward(backend, z, normalised)?,
                    false => norm.infer(backend, z, normalised)?,
                }
                if relu {
                    Relu.forward(backend, normalised)?;
                }
                normalised
            }
        };
        let h = &mut results.h;
        let h = match &mut self.activation {
            Nonlinearity::Relu => z,
            Nonlinearity::Crelu(crelu) => {
                crelu.forward(backend, z, h)?;
                h
            }
            Nonlinearity::Leak(leak) => {
                leak.forward(backend, z, h)?;
                h
            }
        };
        match &self.pool {
            Some(pool) => pool.forward(backend, h, &mut results.pooled),
            None => Ok(()),
        }
    }

    /// The output of the last `forward`.
    pub(super) fn output(&self) -> &Tensor<B> {
        self.output_of(&self.training)
    }

    /// The output of the last `infer`.
    pub(super) fn inferred(&self) -> &Tensor<B> {
        self.output_of(&self.inference)
    }

    fn output_of<'a>(&self, results: &'a Results<B>) -> &'a Tensor<B> {
        match (&self.pool, &self.activation, &self.norm) {
            (Some(_), _, _) => &results.pooled,
            (None, Nonlinearity::Relu, None) => &results.z,
            (None, Nonlinearity::Relu, Some(_)) => &results.normalised,
            (None, Nonlinearity::Crelu(_) | Nonlinearity::Leak(_), _) => &results.h,
        }
    }

    /// The gradient of every parameter, and `dx` unless the layer is the first; overwrites `dy`.
    pub(super) fn backward(
        &mut self,
        backend: &B,
        x: &Tensor<B>,
        dy: &mut Tensor<B>,
        first: bool,
    ) -> Result<()> {
        let Results {
            z, normalised, h, ..
        } = &self.training;
        let pre = match self.norm {
            None => z,
            Some(_) => normalised,
        };
        let h = match self.activation {
            Nonlinearity::Relu => pre,
            Nonlinearity::Crelu(_) | Nonlinearity::Leak(_) => h,
        };
        let dh = match &self.pool {
            None => dy,
            Some(pool) => {
                pool.backward(backend, h, dy, &mut self.dh)?;
                &mut self.dh
            }
        };
        let dz = match &mut self.activation {
            Nonlinearity::Relu => {
                Relu.backward(backend, h, dh)?;
                dh
            }
            Nonlinearity::Leak(leak) => {
                leak.backward(backend, pre, dh)?;
                dh
            }
            Nonlinearity::Crelu(crelu) => {
                crelu.backward(backend, pre.shape(), h, dh, &mut self.dz)?;
                &mut self.dz
            }
        };
        if let Some(norm) = &mut self.norm {
            norm.backward(backend, z, dz)?;
        }
        let dx = (!first).then_some(&mut self.dx);
        self.map.backward(backend, x, dz, dx)
    }

    /// The layer's neurons as replaceable units, whose outgoing weights are `outgoing`; `place` is the index of the
    /// layer's first parameter. `None` for CReLU, where a neuron has two outputs.
    pub(super) fn units<'a>(
        &'a mut self,
        outgoing: &'a mut Parameter<B>,
        place: usize,
    ) -> Option<HiddenLayer<'a, B>> {
        let outgoing_place = place + self.parameters();
        let Results {
            z,
            normalised,
            h,
            pooled,
        } = &self.training;
        let (slope, h) = match &mut self.activation {
            Nonlinearity::Crelu(_) => return None,
            Nonlinearity::Leak(leak) => (Some(&mut leak.slope), h),
            Nonlinearity::Relu if self.norm.is_some() => (None, normalised),
            Nonlinearity::Relu => (None, z),
        };
        let Map { kind, bias } = &mut self.map;
        let (gamma, beta) = match &mut self.norm {
            Some(norm) => (Some(&mut norm.gamma), Some(&mut norm.beta)),
            None => (None, None),
        };
        let slope_place = if gamma.is_some() {
            place + 4
        } else {
            place + 2
        };
        let each = |parameter: Option<&'a mut Parameter<B>>, place, start| {
            parameter.map(|parameter| UnitParameter {
                parameter,
                place,
                start,
            })
        };
        Some(HiddenLayer {
            incoming: match kind {
                Kind::Linear(layer) => &mut layer.weight,
                Kind::Convolution(layer) => &mut layer.weight,
            },
            incoming_place: place,
            outgoing,
            outgoing_place,
            of_unit: [
                each(Some(&mut bias.parameter), place + 1, 0.0),
                each(gamma, place + 2, 1.0),
                each(beta, place + 3, 0.0),
                each(slope, slope_place, 0.0),
            ],
            activity: match self.pool {
                Some(_) => pooled,
                None => h,
            },
        })
    }
}

/// A buffer before its first use.
pub(super) fn empty<B: Backend>(backend: &B) -> Result<Tensor<B>> {
    Tensor::zeros(backend, Shape::features(0, 1))
}
