//! Optimizer steps.

use super::elementwise::{On, split_by_blocks};
use super::simd::{Block, Kernel, Simd};
use super::threads::{Job, MOVED};
use super::{Cpu, Floats};
use crate::backend::{AdamStep, Optimizers, check};
use crate::error::Result;
use crate::shape::LANES;

impl Optimizers for Cpu {
    fn sgd(&self, learning_rate: f32, dw: &Floats, w: &mut Floats) -> Result<()> {
        check::as_long_as(self, "sgd", dw, &[("w", w)])?;
        self.threads.run(On(
            self.set,
            Sgd {
                learning_rate,
                dw: dw.as_blocks(),
                w: w.as_mut_blocks(),
            },
        ));
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
        check::as_long_as(self, "momentum", dw, &[("v", v), ("w", w)])?;
        self.threads.run(On(
            self.set,
            Momentum {
                learning_rate,
                momentum,
                dw: dw.as_blocks(),
                v: v.as_mut_blocks(),
                w: w.as_mut_blocks(),
            },
        ));
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
        check::as_long_as(self, "adam", dw, &[("m", m), ("v", v), ("w", w)])?;
        self.threads.run(On(
            self.set,
            Adam {
                step,
                dw: dw.as_blocks(),
                m: m.as_mut_blocks(),
                v: v.as_mut_blocks(),
                w: w.as_mut_blocks(),
            },
        ));
        Ok(())
    }
}

split_by_blocks! { Sgd { learning_rate } read { dw } written { w } }
split_by_blocks! { Momentum { learning_rate, momentum } read { dw } written { w, v } }
split_by_blocks! { Adam { step } read { dw } written { w, m, v } }

/// `w ← fma(−α, dw, w)`.
pub struct Sgd<'a> {
    pub learning_rate: f32,
    pub dw: &'a [Block],
    pub w: &'a mut [Block],
}

impl Kernel for Sgd<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rate = s.splat(-self.learning_rate);
        for (dw, w) in self.dw.iter().zip(self.w) {
            s.store(s.fma(rate, s.load(dw), s.load(w)), w);
        }
    }
}

/// `v ← fma(μ, v, dw)`, then `w ← fma(−α, v, w)`.
pub struct Momentum<'a> {
    pub learning_rate: f32,
    pub momentum: f32,
    pub dw: &'a [Block],
    pub v: &'a mut [Block],
    pub w: &'a mut [Block],
}

impl Kernel for Momentum<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (rate, momentum) = (s.splat(-self.learning_rate), s.splat(self.momentum));
        for ((dw, v), w) in self.dw.iter().zip(self.v).zip(self.w) {
            let velocity = s.fma(momentum, s.load(v), s.load(dw));
            s.store(velocity, v);
            s.store(s.fma(rate, velocity, s.load(w)), w);
        }
    }
}

/// One step of Adam; see [`AdamStep`].
pub struct Adam<'a> {
    pub step: AdamStep,
    pub dw: &'a [Block],
    pub m: &'a mut [Block],
    pub v: &'a mut [Block],
    pub w: &'a mut [Block],
}

impl Kernel for Adam<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let AdamStep {
            beta1,
            beta2,
            epsilon,
            rate,
            correction,
        } = self.step;
        let (keep1, take1) = (s.splat(beta1), s.splat(1.0 - beta1));
        let (keep2, take2) = (s.splat(beta2), s.splat(1.0 - beta2));
        let (rate, correction) = (s.splat(rate), s.splat(correction));
        let epsilon = s.splat(epsilon);
        for (((dw, m), v), w) in self.dw.iter().zip(self.m).zip(self.v).zip(self.w) {
            let dw = s.load(dw);
            let mean = s.fma(keep1, s.load(m), s.mul(take1, dw));
            let square = s.fma(keep2, s.load(v), s.mul(s.mul(take2, dw), dw));
            s.store(mean, m);
            s.store(square, v);
            let scale = s.fma(s.sqrt(square), correction, epsilon);
            s.store(s.sub(s.load(w), s.div(s.mul(rate, mean), scale)), w);
        }
    }
}
