//! Maps pixels to taps along one axis of an image.
//!
//! The forward pass and the gradient to the input are one computation: every result pixel is summed over a run of
//! adjacent source pixels, each with its own tap. Forward, the sources are pixels of x and the taps ascend with them.
//! To the input, the sources are pixels of dy, and the taps that reach a result are those of its phase
//! (pixel + padding modulo the stride); they descend as the sources ascend.

use crate::backend::Window;

/// The direction of a pass over an axis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From x to y.
    Forward,
    /// From dy to dx.
    ToInput,
}

/// One axis of an image, from the results' side.
#[derive(Clone, Copy)]
pub struct Axis {
    pub direction: Direction,
    pub window: Window,
    /// Length of the source axis in pixels.
    pub sources: usize,
}

/// The sources of one result: `count` pixels starting at `source`, with the taps starting at `tap` in the order
/// of its phase.
#[derive(Clone, Copy)]
pub struct Reach {
    pub source: usize,
    pub count: usize,
    pub tap: usize,
    /// Number of taps in the phase.
    pub taps: usize,
    /// Number of taps in all earlier phases.
    pub before: usize,
}

impl Axis {
    /// The number of phases that have taps.
    pub fn phases(&self) -> usize {
        match self.direction {
            Direction::Forward => 1,
            Direction::ToInput => self.window.stride.min(self.window.size),
        }
    }

    /// The number of taps in a phase.
    #[inline(always)]
    pub fn taps(&self, phase: usize) -> usize {
        let Window { size, stride, .. } = self.window;
        match self.direction {
            Direction::Forward => size,
            Direction::ToInput => size.saturating_sub(phase).div_ceil(stride),
        }
    }

    /// The index in the weights of tap number `tap` of a phase; tap numbers ascend with the sources.
    pub fn index(&self, phase: usize, tap: usize) -> usize {
        match self.direction {
            Direction::Forward => tap,
            Direction::ToInput => phase + (self.taps(phase) - 1 - tap) * self.window.stride,
        }
    }

    /// The sources and taps of result number `result`.
    #[inline(always)]
    pub fn reach(&self, result: usize) -> Reach {
        let Window {
            stride, padding, ..
        } = self.window;
        // Without a border, the taps would start at source `begin`.
        let (phase, taps, begin) = match self.direction {
            Direction::Forward => {
                let begin = (result * stride) as isize - padding as isize;
                (0, self.taps(0), begin)
            }
            Direction::ToInput => {
                let (last, phase) = ((result + padding) / stride, (result + padding) % stride);
                let taps = self.taps(phase);
                (phase, taps, last as isize + 1 - taps as isize)
            }
        };
        let first = begin.clamp(0, self.sources as isize);
        let last = (begin + taps as isize).clamp(first, self.sources as isize);
        Reach {
            source: first as usize,
            count: (last - first) as usize,
            tap: if first == last {
                0
            } else {
                (first - begin) as usize
            },
            taps,
            before: self.taps_before(phase),
        }
    }

    /// The number of taps in all phases before `phase`.
    #[inline(always)]
    pub fn taps_before(&self, phase: usize) -> usize {
        (0..phase.min(self.window.size))
            .map(|phase| self.taps(phase))
            .sum()
    }
}
