//! The kernels on the processor.

mod buffer;
mod convolution;
mod convolution_axis;
mod convolution_weights;
mod elementwise;
mod gather;
mod images;
mod loss;
mod math;
mod product;
pub mod simd;

use alloc::format;
use alloc::vec::Vec;

use super::{AdamStep, Backend, Convolution, Product, sums};
use crate::error::{Error, Result};
use crate::shape::LANES;

pub use buffer::Floats;
pub use simd::InstructionSet;

/// The processor, with the instruction set that the kernels are compiled for.
#[derive(Debug, Clone)]
pub struct Cpu {
    set: InstructionSet,
}

impl Cpu {
    /// The fastest instruction set here, or the one that `NEUROGAIN_SIMD` names.
    ///
    /// # Errors
    /// [`Error::InstructionSet`] if it names one that this processor cannot run.
    pub fn new() -> Result<Self> {
        Ok(Cpu {
            set: InstructionSet::detect()?,
        })
    }

    /// The given instruction set.
    pub fn with_instruction_set(set: InstructionSet) -> Self {
        Cpu { set }
    }

    /// The instruction set in use.
    pub fn instruction_set(&self) -> InstructionSet {
        self.set
    }
}

/// Fails unless each `(name, found, expected)` has the length it should.
fn check(operation: &'static str, lengths: &[(&str, usize, usize)]) -> Result<()> {
    for (name, found, expected) in lengths {
        if found != expected {
            return Err(Error::shape(
                operation,
                format!("{name} of {expected} numbers"),
                format!("{found}"),
            ));
        }
    }
    Ok(())
}

impl Product {
    fn check(
        &self,
        operation: &'static str,
        gain: Option<&Floats>,
        w: &Floats,
        x: &Floats,
        y: &Floats,
    ) -> Result<()> {
        let Product {
            blocks,
            outputs,
            inputs,
        } = *self;
        let gains = gain.map_or(outputs, |g| g.as_slice().len());
        check(
            operation,
            &[
                ("gain", gains, outputs),
                ("w", w.as_slice().len(), outputs * inputs),
                ("x", x.as_slice().len(), blocks * inputs * LANES),
                ("y", y.as_slice().len(), blocks * outputs * LANES),
            ],
        )
    }
}

impl Backend for Cpu {
    type Floats = Floats;
    type Bytes = Vec<u8>;

    fn zeros(&self, length: usize) -> Result<Floats> {
        Floats::zeros(length)
    }

    fn length(&self, floats: &Floats) -> usize {
        floats.as_slice().len()
    }

    fn upload(&self, host: &[f32], device: &mut Floats) -> Result<()> {
        check("upload", &[("host", host.len(), device.as_slice().len())])?;
        device.as_mut_slice().copy_from_slice(host);
        Ok(())
    }

    fn download(&self, device: &Floats, host: &mut [f32]) -> Result<()> {
        check("download", &[("host", host.len(), device.as_slice().len())])?;
        host.copy_from_slice(device.as_slice());
        Ok(())
    }

    fn bytes(&self, host: &[u8]) -> Result<Vec<u8>> {
        Ok(host.to_vec())
    }

    fn product_forward(
        &self,
        dimensions: Product,
        gain: Option<&Floats>,
        w: &Floats,
        x: &Floats,
        y: &mut Floats,
    ) -> Result<()> {
        dimensions.check("product forward", gain, w, x, y)?;
        self.set.run(product::Multiply {
            sum: product::Sum::Inputs,
            dimensions,
            gain: gain.map(Floats::as_slice),
            w: w.as_slice(),
            x: x.as_blocks(),
            y: y.as_mut_blocks(),
        });
        Ok(())
    }

    fn product_to_input(
        &self,
        dimensions: Product,
        gain: Option<&Floats>,
        w: &Floats,
        dy: &Floats,
        dx: &mut Floats,
    ) -> Result<()> {
        dimensions.check("product to input", gain, w, dx, dy)?;
        self.set.run(product::Multiply {
            sum: product::Sum::Outputs,
            dimensions,
            gain: gain.map(Floats::as_slice),
            w: w.as_slice(),
            x: dy.as_blocks(),
            y: dx.as_mut_blocks(),
        });
        Ok(())
    }

    fn product_to_weights(
        &self,
        dimensions: Product,
        gain: Option<&Floats>,
        dy: &Floats,
        x: &Floats,
        dw: &mut Floats,
    ) -> Result<()> {
        dimensions.check("product to weights", gain, dw, x, dy)?;
        self.set.run(product::ToWeights {
            dimensions,
            gain: gain.map(Floats::as_slice),
            dy: dy.as_blocks(),
            x: x.as_blocks(),
            dw: dw.as_mut_slice(),
        });
        Ok(())
    }

    fn convolution_forward(
        &self,
        dimensions: Convolution,
        gain: Option<&Floats>,
        w: &Floats,
        x: &Floats,
        y: &mut Floats,
    ) -> Result<()> {
        images::convolution_forward(self, dimensions, gain, w, x, y)
    }

    fn convolution_to_input(
        &self,
        dimensions: Convolution,
        gain: Option<&Floats>,
        w: &Floats,
        dy: &Floats,
        dx: &mut Floats,
    ) -> Result<()> {
        images::convolution_to_input(self, dimensions, gain, w, dy, dx)
    }

    fn convolution_to_weights(
        &self,
        dimensions: Convolution,
        gain: Option<&Floats>,
        dy: &Floats,
        x: &Floats,
        dw: &mut Floats,
    ) -> Result<()> {
        images::convolution_to_weights(self, dimensions, gain, dy, x, dw)
    }

    fn relu(&self, x: &mut Floats) -> Result<()> {
        self.set.run(elementwise::Relu {
            x: x.as_mut_blocks(),
        });
        Ok(())
    }

    fn relu_backward(&self, y: &Floats, dy: &mut Floats) -> Result<()> {
        check(
            "relu backward",
            &[("dy", dy.as_slice().len(), y.as_slice().len())],
        )?;
        self.set.run(elementwise::ReluBackward {
            y: y.as_blocks(),
            dy: dy.as_mut_blocks(),
        });
        Ok(())
    }

    fn softmax_cross_entropy(
        &self,
        samples: usize,
        classes: usize,
        logits: &Floats,
        labels: &Vec<u8>,
        gradient: Option<&mut Floats>,
        totals: &mut Floats,
    ) -> Result<()> {
        let stored = samples.div_ceil(LANES) * LANES * classes;
        let gradients = gradient.as_ref().map_or(stored, |g| g.as_slice().len());
        check(
            "softmax cross-entropy",
            &[
                ("logits", logits.as_slice().len(), stored),
                ("labels", labels.len(), samples),
                ("gradient", gradients, stored),
                ("totals", totals.as_slice().len(), sums::COUNT),
            ],
        )?;
        if classes == 0 || samples == 0 {
            return Err(Error::shape(
                "softmax cross-entropy",
                "at least one class and one sample",
                format!("{classes} classes, {samples} samples"),
            ));
        }
        let found = self.set.run(loss::SoftmaxCrossEntropy {
            samples,
            classes,
            logits: logits.as_blocks(),
            labels,
            gradient: gradient.map(Floats::as_mut_blocks),
        });
        totals.as_mut_slice().copy_from_slice(&found);
        Ok(())
    }

    fn gain_update(
        &self,
        gamma: f32,
        baseline: f32,
        eta: f32,
        drive: &Floats,
        g: &mut Floats,
    ) -> Result<()> {
        let shared = match drive.as_slice() {
            [one] => Some(*one),
            _ => None,
        };
        let drives = shared.map_or(drive.as_slice().len(), |_| g.as_slice().len());
        check("gain update", &[("drive", drives, g.as_slice().len())])?;
        self.set.run(elementwise::GainUpdate {
            gamma,
            baseline,
            eta,
            shared,
            drive: drive.as_blocks(),
            g: g.as_mut_blocks(),
        });
        g.clear_padding();
        Ok(())
    }

    fn sgd(&self, learning_rate: f32, dw: &Floats, w: &mut Floats) -> Result<()> {
        check("sgd", &[("dw", dw.as_slice().len(), w.as_slice().len())])?;
        self.set.run(elementwise::Sgd {
            learning_rate,
            dw: dw.as_blocks(),
            w: w.as_mut_blocks(),
        });
        Ok(())
    }

    fn momentum(
        &self,
        learning_rate: f32,
        momentum: f32,
        dw: &Floats,
        v: &mut Floats,
        w: &mut Floats,
    ) -> Result<()> {
        let length = w.as_slice().len();
        check(
            "momentum",
            &[
                ("dw", dw.as_slice().len(), length),
                ("v", v.as_slice().len(), length),
            ],
        )?;
        self.set.run(elementwise::Momentum {
            learning_rate,
            momentum,
            dw: dw.as_blocks(),
            v: v.as_mut_blocks(),
            w: w.as_mut_blocks(),
        });
        Ok(())
    }

    fn adam(
        &self,
        step: AdamStep,
        dw: &Floats,
        m: &mut Floats,
        v: &mut Floats,
        w: &mut Floats,
    ) -> Result<()> {
        let length = w.as_slice().len();
        check(
            "adam",
            &[
                ("dw", dw.as_slice().len(), length),
                ("m", m.as_slice().len(), length),
                ("v", v.as_slice().len(), length),
            ],
        )?;
        self.set.run(elementwise::Adam {
            step,
            dw: dw.as_blocks(),
            m: m.as_mut_blocks(),
            v: v.as_mut_blocks(),
            w: w.as_mut_blocks(),
        });
        Ok(())
    }

    fn gather(
        &self,
        pixels: &Vec<u8>,
        table: &Floats,
        indices: &[u32],
        features: usize,
        out: &mut Floats,
    ) -> Result<()> {
        let stored = indices.len().div_ceil(LANES) * LANES * features;
        let tables = table.as_slice().len();
        check("gather", &[("out", out.as_slice().len(), stored)])?;
        let rows = if features == 0 {
            0
        } else {
            pixels.len() / features
        };
        if tables == 0 || !tables.is_multiple_of(256) {
            return Err(Error::shape("gather", "a table of channels × 256", tables));
        }
        if let Some(index) = indices.iter().find(|&&i| i as usize >= rows) {
            return Err(Error::shape(
                "gather",
                format!("an index below {rows}"),
                index,
            ));
        }
        gather::gather(
            pixels,
            table.as_slice(),
            indices,
            features,
            out.as_mut_blocks(),
        );
        Ok(())
    }

    fn gather_labels(&self, labels: &Vec<u8>, indices: &[u32], out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        for &index in indices {
            match labels.get(index as usize) {
                Some(&label) => out.push(label),
                None => {
                    let expected = format!("an index below {}", labels.len());
                    return Err(Error::shape("gather labels", expected, index));
                }
            }
        }
        Ok(())
    }

    fn absolute_sum(&self, x: &Floats) -> Result<f32> {
        Ok(self.set.run(elementwise::AbsoluteSum { x: x.as_blocks() }))
    }
}
