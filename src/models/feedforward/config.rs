//! The sizes of a feed-forward network.

use alloc::format;
use alloc::vec::Vec;

use crate::backend::Window;
use crate::error::{Error, Result};

settings! {
    /// The nonlinearity of hidden neurons, with pre-activation z.
    pub enum Activation {
        /// max(z, 0).
        Relu = "relu",
        /// [max(z, 0), max(−z, 0)]: a layer's output has twice as many features as the layer has neurons.
        Crelu = "crelu",
        /// max(z, 0) + a·min(z, 0) with a learnable a for each neuron, initially 0.
        Adalin = "adalin",
    }
}

settings! {
    /// A convolution with stride 1 and without padding, followed by the nonlinearity and max pooling over 2×2 pixels.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct ConvolutionConfig {
        /// Neurons: output channels.
        pub channels: usize [AtLeastOne],
        /// Side length of the window in pixels.
        pub window: usize [AtLeastOne],
    }
}

/// The sizes of a [`Feedforward`](super::Feedforward) network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedforwardConfig {
    /// Height, width and channels of an image. A network without convolutions reads any input of this many features.
    pub input: [usize; 3],
    /// The convolutions, in order.
    pub convolutions: Vec<ConvolutionConfig>,
    /// Neurons of each hidden linear layer, in order.
    pub hidden: Vec<usize>,
    /// Outputs.
    pub classes: usize,
    /// The nonlinearity of every hidden neuron.
    pub activation: Activation,
    /// Whether pre-activations are normalised: layer normalisation over the neurons of a layer, for a convolution over
    /// the channels of each pixel, with a learnable scale and shift of each neuron.
    pub layer_norm: bool,
}

/// The sizes of one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::models) struct LayerSizes {
    /// Inputs of each neuron: the columns of the weights.
    pub(in crate::models) inputs: usize,
    /// Input channels of a convolution; the inputs of a linear layer.
    pub(in crate::models) channels: usize,
    /// Neurons.
    pub(in crate::models) outputs: usize,
    /// The window of a convolution; `None` for a linear layer.
    pub(in crate::models) window: Option<usize>,
}

impl FeedforwardConfig {
    /// An MLP of these numbers of neurons: the network of the plasticity benchmarks is 784, \[100, 100\], 10.
    pub fn mlp(inputs: usize, hidden: &[usize], classes: usize) -> Self {
        FeedforwardConfig {
            input: [1, 1, inputs],
            convolutions: Vec::new(),
            hidden: hidden.into(),
            classes,
            activation: Activation::Relu,
            layer_norm: false,
        }
    }

    /// The layers in order, the output layer last.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size of 0, sizes whose product overflows, or a window that does not fit.
    pub(in crate::models) fn layers(&self) -> Result<Vec<LayerSizes>> {
        let of_convolutions = self.convolutions.iter().map(|c| c.channels);
        let mut neurons = of_convolutions.chain(self.hidden.iter().copied());
        if self.input.contains(&0) || self.classes == 0 || neurons.any(|n| n == 0) {
            let expected = "sizes above 0";
            return Err(Error::setting("network", format!("{self:?}"), expected));
        }
        let per_neuron = self.features_per_neuron();
        let [mut height, mut width, mut channels] = self.input;
        let mut layers = Vec::new();
        for (
            number,
            &ConvolutionConfig {
                channels: outputs,
                window,
            },
        ) in self.convolutions.iter().enumerate()
        {
            layers.push(LayerSizes {
                inputs: product(&[window, window, channels])?,
                channels,
                outputs,
                window: Some(window),
            });
            let pixels = [height, width].map(|pixels| after_convolution(pixels, window));
            let [Some(rows), Some(columns)] = pixels else {
                let place = format!("convolutions[{number}].window");
                let expected = format!(
                    "a window that leaves at least 2×2 of {height}×{width} pixels, for the pooling"
                );
                return Err(Error::setting(place, window, expected));
            };
            (height, width) = (rows, columns);
            channels = product(&[outputs, per_neuron])?;
        }
        let mut inputs = product(&[height, width, channels])?;
        for &outputs in self.hidden.iter().chain([&self.classes]) {
            product(&[inputs, outputs])?;
            layers.push(LayerSizes {
                inputs,
                channels: inputs,
                outputs,
                window: None,
            });
            inputs = product(&[outputs, per_neuron])?;
        }
        Ok(layers)
    }

    /// The number of trainable numbers: weights, biases, and the scales, shifts and slopes of hidden neurons.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size of 0, sizes whose product overflows, or a window that does not fit.
    pub fn parameters(&self) -> Result<u64> {
        let layers = self.layers()?;
        let last = layers.len() - 1;
        let of_hidden = match self.layer_norm {
            true => 3,
            false => 1,
        } + u64::from(self.activation == Activation::Adalin);
        let each = layers.iter().enumerate().map(|(number, layer)| {
            let of_neuron = if number == last { 1 } else { of_hidden };
            (layer.inputs as u64)
                .saturating_add(of_neuron)
                .saturating_mul(layer.outputs as u64)
        });
        Ok(each.fold(0, u64::saturating_add))
    }

    /// The same network with another activation, with all widths scaled by one factor such that its number of
    /// parameters is nearest to this network's: 784-100-100-10 with ReLU has 89,610 parameters, and CReLU needs width
    /// 91, with 89,918.
    ///
    /// The factors are t/W for t = 1, 2, … with the largest width W; a width n becomes n·t/W, rounded half up, and at
    /// least 1. Of two equally near networks the smaller is taken.
    ///
    /// # Errors
    /// As [`parameters`](Self::parameters).
    pub fn with_equal_parameters(&self, activation: Activation) -> Result<Self> {
        let wanted = self.parameters()?;
        let of_convolutions = self.convolutions.iter().map(|c| c.channels);
        let widest = of_convolutions.chain(self.hidden.iter().copied()).max();
        let widest = widest.unwrap_or(1);
        let scaled = |t: usize| {
            let width = |n: usize| {
                let (n, t, widest) = (n as u128, t as u128, widest as u128);
                ((2 * n * t + widest) / (2 * widest)).max(1) as usize
            };
            FeedforwardConfig {
                activation,
                hidden: self.hidden.iter().map(|&n| width(n)).collect(),
                convolutions: (self.convolutions.iter())
                    .map(|c| ConvolutionConfig {
                        channels: width(c.channels),
                        ..*c
                    })
                    .collect(),
                ..self.clone()
            }
        };
        let distance = |t: usize| Ok::<_, Error>(scaled(t).parameters()?.abs_diff(wanted));
        // The number of parameters grows with t: the first t that reaches it, or the one before. No activation here
        // needs twice the width.
        let (mut low, mut high) = (1, widest.saturating_mul(2).max(2));
        while low < high {
            let middle = low + (high - low) / 2;
            match scaled(middle).parameters()? >= wanted {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        match low > 1 && distance(low - 1)? <= distance(low)? {
            true => Ok(scaled(low - 1)),
            false => Ok(scaled(low)),
        }
    }

    /// Outputs of a hidden neuron.
    pub(super) fn features_per_neuron(&self) -> usize {
        match self.activation {
            Activation::Crelu => 2,
            Activation::Relu | Activation::Adalin => 1,
        }
    }
}

/// The pooling after a convolution.
pub(in crate::models) const POOL: Window = Window {
    size: 2,
    stride: 2,
    padding: 0,
};

/// The window of a convolution.
pub(super) fn sliding(size: usize) -> Window {
    Window {
        size,
        stride: 1,
        padding: 0,
    }
}

/// Pixels along an axis after a convolution and pooling; `None` if there are none.
fn after_convolution(pixels: usize, window: usize) -> Option<usize> {
    POOL.outputs(sliding(window).outputs(pixels)?)
}

fn product(sizes: &[usize]) -> Result<usize> {
    let product = (sizes.iter()).try_fold(1, |product: usize, size| product.checked_mul(*size));
    product.ok_or_else(|| {
        let expected = "sizes whose product fits in memory";
        Error::setting("network", format!("{sizes:?}"), expected)
    })
}
