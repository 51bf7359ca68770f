//! Learning-rate schedules.

use crate::error::{Error, Result};

settings! {
    /// The learning rate as a fraction of its first value. It restarts at each context ("warm restarts", Loshchilov &
    /// Hutter 2017, arXiv 1608.03983): t counts a context's iterations from 0, T is their number.
    #[derive(Debug, Clone, Copy, PartialEq)]
    #[tag = "kind"]
    pub enum Schedule {
        /// 1.
        Constant = "constant",
        /// `1 + (end − 1)·t/T`.
        Linear = "linear" {
            /// The fraction that is approached at the end of a context.
            end: f32 [Share],
        },
        /// `end + (1 − end)·(1 + cos(π·t/T))/2`: equation 5 of the paper.
        Cosine = "cosine" {
            /// The fraction that is approached at the end of a context.
            end: f32 [Share],
        },
        /// `factor^⌊t/every⌋`.
        Step = "step" {
            /// Iterations from one step to the next.
            every: u64 [AtLeastOne],
            /// The factor of each step, above 0.
            factor: f32 [Share],
        },
    }
}

impl Schedule {
    /// α in iteration t of a context of T iterations, computed in f64 and rounded once.
    pub fn rate(&self, learning_rate: f32, t: u64, iterations: u64) -> f32 {
        let progress = (t as f64 / iterations.max(1) as f64).min(1.0);
        let share = match *self {
            Schedule::Constant => return learning_rate,
            Schedule::Linear { end } => 1.0 + (f64::from(end) - 1.0) * progress,
            Schedule::Cosine { end } => {
                let end = f64::from(end);
                let cosine = libm::cos(core::f64::consts::PI * progress);
                end + (1.0 - end) * (1.0 + cosine) / 2.0
            }
            Schedule::Step { every, factor } => {
                crate::optim::power(f64::from(factor), t / every.max(1))
            }
        };
        (f64::from(learning_rate) * share) as f32
    }

    /// Checks the constants' ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] if a constant is outside its range.
    pub fn validate(&self) -> Result<()> {
        match *self {
            Schedule::Constant => Ok(()),
            Schedule::Linear { end } | Schedule::Cosine { end } => match (0.0..=1.0).contains(&end)
            {
                true => Ok(()),
                false => Err(Error::setting("schedule.end", end, "a share in [0, 1]")),
            },
            Schedule::Step { every: 0, .. } => {
                Err(Error::setting("schedule.every", 0, "iterations, 1 or more"))
            }
            Schedule::Step { factor, .. } => match factor > 0.0 && factor <= 1.0 {
                true => Ok(()),
                false => Err(Error::setting(
                    "schedule.factor",
                    factor,
                    "a factor in (0, 1]",
                )),
            },
        }
    }
}
