//! Launches of the optimizers in `kernels/elementwise.cu`.

use super::Cuda;
use super::buffer::Floats;
use super::elementwise::update;
use crate::backend::{AdamStep, Optimizers};
use crate::error::Result;

impl Optimizers for Cuda {
    fn sgd(&self, learning_rate: f32, dw: &Floats, w: &mut Floats) -> Result<()> {
        update(self, ("sgd", "sgd"), [learning_rate], dw, &mut [("w", w)])
    }

    fn momentum(
        &self,
        learning_rate: f32,
        momentum: f32,
        dw: &Floats,
        v: &mut Floats,
        w: &mut Floats,
    ) -> Result<()> {
        let (names, constants) = (("momentum", "momentum"), [learning_rate, momentum]);
        update(self, names, constants, dw, &mut [("v", v), ("w", w)])
    }

    fn adam(
        &self,
        step: AdamStep,
        dw: &Floats,
        m: &mut Floats,
        v: &mut Floats,
        w: &mut Floats,
    ) -> Result<()> {
        let AdamStep {
            beta1,
            beta2,
            epsilon,
            rate,
            correction,
        } = step;
        let constants = [beta1, beta2, epsilon, rate, correction];
        let written = &mut [("m", m), ("v", v), ("w", w)];
        update(self, ("adam", "adam"), constants, dw, written)
    }
}
