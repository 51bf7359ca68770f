//! References for the modulated activity of a layer, and its gradient.

use super::modulations::{exact, fma, products, stored, times};
use super::{Bounded, at};
use crate::kernel_support::{Case, LANES, LEFT_ALONE, Outcome};
use neurogain::backend::{ModulatedActivity, Modulation};

/// Signal `which` of a channel for a sample.
fn signal(dims: Modulation, signals: &[f32], s: usize, channel: usize, which: usize) -> f64 {
    f64::from(signals[signal_at(dims, s, channel, which)])
}

fn signal_at(dims: Modulation, s: usize, channel: usize, which: usize) -> usize {
    let neuron = dims.first + channel;
    if dims.per_sample {
        at(dims.neurons * 4, s, neuron * 4 + which)
    } else {
        at(4, neuron, which)
    }
}

/// z and h.
pub fn modulation(case: &Case, outcome: &Outcome) -> Vec<Vec<Bounded>> {
    let dims = case.modulation();
    let Modulation {
        layer, activity, ..
    } = dims;
    let features = layer.pixels * layer.channels;
    let value = |operand: usize, i: usize| exact(f64::from(outcome.operands[operand][i]));
    let alpha = |s: usize, f: usize, which: usize| {
        signal(dims, &outcome.operands[0], s, f % layer.channels, which)
    };
    let z = |s: usize, f: usize| {
        let (u, v) = (value(1, at(features, s, f)), value(2, at(features, s, f)));
        fma(alpha(s, f, 1), v, fma(alpha(s, f, 0), u, u))
    };
    let h = |s: usize, f: usize| {
        let z = z(s, f);
        let [a, b] = [2, 3].map(|which| alpha(s, f, which));
        // The error of max(z, 0) is at most that of z.
        let r = Bounded {
            value: z.value.max(0.0),
            error: z.error,
        };
        match activity {
            Some(ModulatedActivity::Linearity) => fma(b, z, fma(a, r, r)),
            Some(ModulatedActivity::Offset) => fma(1.0, fma(a, r, r), exact(b)),
            Some(ModulatedActivity::LinearityOffset) => fma(1.0, fma(a, z, r), exact(b)),
            None => exact(0.0),
        }
    };
    let z = stored(layer.samples, features, z);
    if activity.is_none() {
        return vec![z];
    }
    vec![z, stored(layer.samples, features, h)]
}

/// du, dv and dsignals.
pub fn modulation_backward(case: &Case, outcome: &Outcome) -> Vec<Vec<Bounded>> {
    let dims = case.modulation();
    let Modulation {
        layer, activity, ..
    } = dims;
    let features = layer.pixels * layer.channels;
    let value = |operand: usize, i: usize| f64::from(outcome.operands[operand][i]);
    let alpha = |s: usize, f: usize, which: usize| {
        signal(dims, &outcome.operands[0], s, f % layer.channels, which)
    };
    let dz = |s: usize, f: usize| {
        let i = at(features, s, f);
        let dh = exact(value(4, i));
        let above = exact(if value(3, i) > 0.0 { value(4, i) } else { 0.0 });
        let [a, b] = [2, 3].map(|which| alpha(s, f, which));
        match activity {
            Some(ModulatedActivity::Linearity) => fma(b, dh, fma(a, above, above)),
            Some(ModulatedActivity::Offset) => fma(a, above, above),
            Some(ModulatedActivity::LinearityOffset) => fma(a, dh, above),
            None => dh,
        }
    };
    let du = stored(layer.samples, features, |s, f| {
        fma(alpha(s, f, 0), dz(s, f), dz(s, f))
    });
    let dv = stored(layer.samples, features, |s, f| {
        times(alpha(s, f, 1), dz(s, f))
    });
    let mut dsignals = vec![exact(f64::from(LEFT_ALONE)); outcome.operands[0].len()];
    // Gradients of the signals of these samples.
    let gradient = |samples: std::ops::Range<usize>, channel: usize, which: usize| {
        let pixels = 0..layer.pixels;
        let all = pixels.flat_map(|pixel| samples.clone().map(move |s| (s, pixel)));
        let all = all.map(|(s, pixel)| (s, pixel * layer.channels + channel));
        products(all.map(|(s, f)| {
            let i = at(features, s, f);
            let (z, dh) = (value(3, i), exact(value(4, i)));
            match (which, activity) {
                (0, _) => (dz(s, f), value(1, i)),
                (1, _) => (dz(s, f), value(2, i)),
                (_, None) => (exact(0.0), 0.0),
                (2, Some(ModulatedActivity::LinearityOffset)) => (dh, z),
                (2, _) => (dh, z.max(0.0)),
                (_, Some(ModulatedActivity::Linearity)) => (dh, z),
                _ => (dh, 1.0),
            }
        }))
    };
    for channel in 0..layer.channels {
        for which in 0..4 {
            if !dims.per_sample {
                dsignals[signal_at(dims, 0, channel, which)] =
                    gradient(0..layer.samples, channel, which);
                continue;
            }
            for s in 0..layer.samples.div_ceil(LANES) * LANES {
                let samples = s..(s + 1).min(layer.samples).max(s);
                dsignals[signal_at(dims, s, channel, which)] = gradient(samples, channel, which);
            }
        }
    }
    vec![du, dv, dsignals]
}
