//! Operands and dimensions that do not fit give an error that names the operand, never a panic, and change
//! nothing: scale and shift, element-wise operations, layer normalisation, attention, attention among neurons,
//! modulation, statistics of neurons.

use neurogain::backend::{
    Affine, Attention, AttentionGiven, AttentionGradients, AttentionInput, AttentionKept,
    AttentionOutput, Binary, Cpu, Elementwise, InputAttention, InputAttentionGradients,
    InputAttentionInput, InputAttentionKept, LayerNormalise, LayerNormaliseBackward, Memory,
    ModulatedActivity, Modulation, ModulationKept, Modulations, NeuronAttention, NormDims,
    Normalisations, Reductions, SampleProduct, ScaleGradient, ScaleShift, Unary,
};
use neurogain::{Error, Result};

type Floats = <Cpu as Memory>::Floats;

/// 18 samples, the last block of which is padded, of 3 pixels and 5 channels.
const D: NormDims = NormDims {
    samples: 18,
    pixels: 3,
    channels: 5,
};
const P: SampleProduct = SampleProduct {
    blocks: 2,
    rows: 3,
    columns: 4,
    terms: 5,
    transpose_a: false,
    transpose_b: true,
};
/// The lengths of an activation of these dimensions, of one with a single pixel, and of the statistics of rows.
const WHOLE: usize = 2 * 3 * 5 * 16;
const FLAT: usize = 2 * 5 * 16;
const ROWS: usize = 2 * 3 * 2 * 16;

/// Of one number per head and neuron, of the shares, and of the signals of 24 neurons, for all samples and for each.
const HEADS: usize = 2 * 3 * 16;
const SHARES: usize = 2 * 3 * 18 * 16;
const SIGNALS: usize = 2 * 4 * 16;
const OWN_SIGNALS: usize = 2 * 24 * 4 * 16;

/// Attention among 18 neurons, with 3 heads of width 5.
fn neurons(d: NormDims) -> NeuronAttention {
    NeuronAttention {
        neurons: d.samples,
        heads: d.pixels,
        width: d.channels,
    }
}

/// Attention to one input for all samples, or to one for each of 18.
fn input(d: NormDims, per_sample: bool) -> InputAttention {
    InputAttention {
        attention: neurons(d),
        samples: per_sample.then_some(18),
    }
}

/// The modulation of 5 of 24 neurons.
fn modulation(layer: NormDims, per_sample: bool) -> Modulation {
    Modulation {
        layer,
        first: 19,
        neurons: 24,
        per_sample,
        activity: Some(ModulatedActivity::Offset),
    }
}

/// A function of the backend on these dimensions and operands, each given as `&mut`.
type Call = fn(&Cpu, NormDims, SampleProduct, &mut [&mut Floats]) -> Result<()>;

/// A function's name, the correct lengths of its operands, and the call.
type Row = (&'static str, &'static [(&'static str, usize)], Call);

/// Calls a method with its operands; panics if their number is wrong.
macro_rules! calls {
    ($($name:literal [$($operand:ident: $length:expr),*] ($cpu:ident, $d:ident, $p:ident) => $call:expr;)*) => {
        &[$((
            $name,
            &[$((stringify!($operand), $length)),*],
            |$cpu, $d, $p, operands| {
                let _ = ($d, $p);
                let [$($operand),*] = operands else {
                    unreachable!("{} has other operands", $name)
                };
                $call
            },
        )),*]
    };
}

#[rustfmt::skip]
const CALLS: &[Row] = calls! {
    "scale and shift" [scale: 5, shift: 5, x: WHOLE, residual: WHOLE, y: WHOLE] (cpu, d, p) => {
        cpu.scale_shift(ScaleShift {
            dimensions: d, relu: true, scale: Some(&**scale), shift: Some(&**shift), x: Some(&**x),
            residual: Some(&**residual),
        }, y)
    };
    "scale and shift in place" [y: WHOLE] (cpu, d, p) => {
        cpu.scale_shift(ScaleShift {
            dimensions: d, relu: false, scale: None, shift: None, x: None, residual: None,
        }, y)
    };
    "gradients of scale and shift" [x: WHOLE, dy: WHOLE, dscale: 5, dshift: 5] (cpu, d, p) => {
        let dscale = ScaleGradient { x: &**x, dscale: &mut **dscale };
        cpu.scale_shift_gradients(d, dy, Some(dscale), Some(&mut **dshift))
    };
    "gradient of shift" [dy: WHOLE, dshift: 5] (cpu, d, p) => {
        cpu.scale_shift_gradients(d, dy, None, Some(&mut **dshift))
    };
    "relu backward" [x: WHOLE, y: WHOLE] (cpu, d, p) => cpu.binary(Binary::ReluBackward, x, y);
    "gelu backward" [x: WHOLE, y: WHOLE] (cpu, d, p) => cpu.binary(Binary::GeluBackward, x, y);
    "bounded tanh backward" [x: WHOLE, y: WHOLE] (cpu, d, p) => {
        cpu.binary(Binary::BoundedTanhBackward, x, y)
    };
    "multiply" [x: WHOLE, y: WHOLE] (cpu, d, p) => cpu.binary(Binary::Multiply, x, y);
    "axpby" [x: WHOLE, y: WHOLE] (cpu, d, p) => cpu.binary(Binary::Axpby { a: 2.0, b: 3.0 }, x, y);
    "copy" [x: WHOLE, y: WHOLE] (cpu, d, p) => cpu.binary(Binary::Copy, x, y);
    "gain update" [drive: 5, g: 5] (cpu, d, p) => cpu.gain_update(0.9, 0.1, 0.2, drive, g);
    "layer normalisation" [gamma: 5, beta: 5, x: WHOLE, statistics: ROWS, y: WHOLE] (cpu, d, p) => {
        cpu.layer_normalise(LayerNormalise {
            dimensions: d, epsilon: 1e-5, gamma: &**gamma, beta: &**beta, x: &**x,
        }, statistics, y)
    };
    "layer normalisation backward"
        [statistics: ROWS, gamma: 5, x: WHOLE, dy: WHOLE, dgamma: 5, dbeta: 5] (cpu, d, p) => {
        cpu.layer_normalise_backward(LayerNormaliseBackward {
            dimensions: d, statistics: &**statistics, gamma: &**gamma, x: &**x,
        }, dy, dgamma, dbeta)
    };
    "softmax" [x: WHOLE] (cpu, d, p) => cpu.softmax(d, x);
    "softmax backward" [y: WHOLE, x: WHOLE] (cpu, d, p) => cpu.softmax_backward(d, y, x);
    "product within samples" [a: 2 * 3 * 5 * 16, b: 2 * 5 * 4 * 16, c: 2 * 3 * 4 * 16] (cpu, d, p) => {
        cpu.sample_product(p, a, b, c)
    };
    "to rows" [x: FLAT, rows: 18 * 5] (cpu, d, p) => cpu.to_rows(d.samples, d.channels, x, rows);
    "to blocked" [rows: 18 * 5, x: FLAT] (cpu, d, p) => {
        cpu.to_blocked(d.samples, d.channels, rows, x)
    };
    "statistics of neurons" [x: WHOLE, statistics: 4 * 5] (cpu, d, p) => {
        cpu.neuron_statistics(d, x, statistics)
    };
    "attention among neurons"
        [q: WHOLE, k: WHOLE, v: WHOLE, shares: SHARES, log_sums: HEADS, out: WHOLE] (cpu, d, p) => {
        cpu.neuron_attention(
            neurons(d), AttentionInput { q: &**q, k: &**k, v: &**v },
            AttentionOutput { shares: &mut **shares, log_sums: &mut **log_sums, out: &mut **out },
        )
    };
    "attention among neurons backward"
        [q: WHOLE, k: WHOLE, v: WHOLE, shares: SHARES, out: WHOLE, dout: WHOLE, dlog_sums: HEADS, dq: WHOLE,
         dk: WHOLE, dv: WHOLE] (cpu, d, p) => {
        cpu.neuron_attention_backward(
            neurons(d), AttentionInput { q: &**q, k: &**k, v: &**v },
            AttentionKept { shares: &**shares, out: &**out },
            AttentionGiven { dout: &**dout, dlog_sums: &**dlog_sums },
            AttentionGradients { dq: &mut **dq, dk: &mut **dk, dv: &mut **dv },
        )
    };
    "attention to the input of all samples"
        [q: WHOLE, log_sums: HEADS, out: WHOLE, k: 15, v: 15, w: HEADS, mixed: WHOLE] (cpu, d, p) => {
        cpu.input_attention(input(d, false), InputAttentionInput {
            q: &**q, log_sums: &**log_sums, out: &**out, k: &**k, v: &**v,
        }, w, mixed)
    };
    "attention to the input of all samples backward"
        [q: WHOLE, out: WHOLE, k: 15, v: 15, w: HEADS, dmixed: WHOLE, dq: WHOLE, dout: WHOLE,
         dlog_sums: HEADS, dk: 15, dv: 15] (cpu, d, p) => {
        cpu.input_attention_backward(input(d, false), InputAttentionKept {
            q: &**q, out: &**out, k: &**k, v: &**v, w: &**w, dmixed: &**dmixed,
        }, InputAttentionGradients {
            dq: &mut **dq, dout: &mut **dout, dlog_sums: &mut **dlog_sums, dk: &mut **dk, dv: &mut **dv,
        })
    };
    "attention to the input of each sample"
        [q: WHOLE, log_sums: HEADS, out: WHOLE, k: WHOLE, v: WHOLE, w: 2 * 18 * 3 * 16, mixed: 2 * 18 * 15 * 16] (cpu, d, p) => {
        cpu.input_attention(input(d, true), InputAttentionInput {
            q: &**q, log_sums: &**log_sums, out: &**out, k: &**k, v: &**v,
        }, w, mixed)
    };
    "attention to the input of each sample backward"
        [q: WHOLE, out: WHOLE, k: WHOLE, v: WHOLE, w: 2 * 18 * 3 * 16, dmixed: 2 * 18 * 15 * 16, dq: WHOLE, dout: WHOLE,
         dlog_sums: HEADS, dk: WHOLE, dv: WHOLE] (cpu, d, p) => {
        cpu.input_attention_backward(input(d, true), InputAttentionKept {
            q: &**q, out: &**out, k: &**k, v: &**v, w: &**w, dmixed: &**dmixed,
        }, InputAttentionGradients {
            dq: &mut **dq, dout: &mut **dout, dlog_sums: &mut **dlog_sums, dk: &mut **dk, dv: &mut **dv,
        })
    };
    "modulation of all samples" [signals: SIGNALS, u: WHOLE, v: WHOLE, z: WHOLE, h: WHOLE] (cpu, d, p) => {
        cpu.modulation(modulation(d, false), signals, u, v, z, Some(&mut **h))
    };
    "modulation of all samples backward"
        [signals: SIGNALS, u: WHOLE, v: WHOLE, z: WHOLE, dh: WHOLE, du: WHOLE, dv: WHOLE, dsignals: SIGNALS]
        (cpu, d, p) => {
        cpu.modulation_backward(modulation(d, false), ModulationKept {
            signals: &**signals, u: &**u, v: &**v, z: &**z, dh: &**dh,
        }, du, dv, dsignals)
    };
    "modulation of each sample" [signals: OWN_SIGNALS, u: WHOLE, v: WHOLE, z: WHOLE, h: WHOLE] (cpu, d, p) => {
        cpu.modulation(modulation(d, true), signals, u, v, z, Some(&mut **h))
    };
    "modulation of each sample backward"
        [signals: OWN_SIGNALS, u: WHOLE, v: WHOLE, z: WHOLE, dh: WHOLE, du: WHOLE, dv: WHOLE, dsignals: OWN_SIGNALS]
        (cpu, d, p) => {
        cpu.modulation_backward(modulation(d, true), ModulationKept {
            signals: &**signals, u: &**u, v: &**v, z: &**z, dh: &**dh,
        }, du, dv, dsignals)
    };
    "absolute sum" [sum: 1] (cpu, d, p) => cpu.absolute_sum(&cpu.zeros(7)?, sum);
    "squared sum" [sum: 1] (cpu, d, p) => cpu.squared_sum(&cpu.zeros(7)?, sum);
};

/// Calls a function with operands of these lengths, all ones.
fn call(call: Call, d: NormDims, p: SampleProduct, lengths: &[usize]) -> Result<Vec<Floats>> {
    let cpu = Cpu::new()?;
    let one = |&length: &usize| {
        let mut floats = cpu.zeros(length)?;
        cpu.upload(&vec![1.0; length], &mut floats)?;
        Ok(floats)
    };
    let mut operands = lengths.iter().map(one).collect::<Result<Vec<_>>>()?;
    let result = call(&cpu, d, p, &mut operands.iter_mut().collect::<Vec<_>>());
    if result.is_err() {
        for floats in &operands {
            let mut host = vec![0.0; cpu.length(floats)];
            cpu.download(floats, &mut host)?;
            assert!(
                host.iter().all(|x| *x == 1.0),
                "a refused operand is written"
            );
        }
    }
    result.map(|()| operands)
}

#[test]
fn operands_of_the_right_length_are_taken() {
    for (name, operands, of) in CALLS {
        let lengths: Vec<usize> = operands.iter().map(|(_, length)| *length).collect();
        call(*of, D, P, &lengths).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn operands_of_another_length() {
    for (name, operands, of) in CALLS {
        for (which, (operand, length)) in operands.iter().enumerate() {
            // One drive may serve all gains.
            for found in [0, length - 1, length + 1, 2 * length + 16] {
                let mut lengths: Vec<usize> = operands.iter().map(|(_, length)| *length).collect();
                lengths[which] = found;
                let error = call(*of, D, P, &lengths)
                    .expect_err(&format!("{name}: {operand} of {found} numbers was taken"));
                let fits = matches!(error, Error::Shape { .. });
                assert!(fits, "{name}, {operand} of {found}: {error:?}");
            }
        }
    }
}

#[test]
fn dimensions_that_cannot_be() {
    let most = usize::MAX;
    let huge = [
        NormDims { samples: most, ..D },
        NormDims { pixels: most, ..D },
        NormDims {
            channels: most,
            ..D
        },
        NormDims {
            samples: most,
            pixels: most,
            channels: most,
        },
    ];
    let products = [
        SampleProduct { blocks: most, ..P },
        SampleProduct { rows: most, ..P },
        SampleProduct { columns: most, ..P },
        SampleProduct { terms: most, ..P },
    ];
    let nothing = NormDims { samples: 0, ..D };
    // These have no dimensions apart from their operands' lengths.
    let plain = [
        "relu backward",
        "gelu backward",
        "bounded tanh backward",
        "multiply",
        "axpby",
        "copy",
        "gain update",
        "absolute sum",
        "squared sum",
    ];
    for (name, operands, of) in CALLS.iter().filter(|(name, ..)| !plain.contains(name)) {
        let lengths: Vec<usize> = operands.iter().map(|(_, length)| *length).collect();
        let refused = |d: NormDims, p: SampleProduct| {
            let error = call(*of, d, p, &lengths).expect_err(name);
            assert!(matches!(error, Error::Shape { .. }), "{name}: {error:?}");
        };
        match *name {
            "product within samples" => products.iter().for_each(|p| refused(D, *p)),
            // Rows have no pixels.
            "to rows" | "to blocked" => [huge[0], huge[2], huge[3], nothing]
                .into_iter()
                .for_each(|d| refused(d, P)),
            _ => huge
                .into_iter()
                .chain([nothing, NormDims { pixels: 0, ..D }])
                .for_each(|d| refused(d, P)),
        }
    }
}

/// Dimensions of attention and modulation that fit no operands.
#[test]
fn neurons_that_cannot_be() {
    let cpu = Cpu::new().expect("an instruction set");
    let (x, mut y, mut z) = (
        cpu.zeros(WHOLE).expect("memory"),
        cpu.zeros(WHOLE).expect("memory"),
        cpu.zeros(WHOLE).expect("memory"),
    );
    let signals = cpu.zeros(SIGNALS).expect("memory");
    let right = modulation(D, false);
    let mut modulate = |dims: Modulation, h: bool| {
        let h = h.then_some(&mut z);
        cpu.modulation(dims, &signals, &x, &x, &mut y, h)
    };
    modulate(right, true).expect("it fits");
    let refused = [
        (Modulation { first: 20, ..right }, true),
        (
            Modulation {
                neurons: 23,
                ..right
            },
            true,
        ),
        (
            Modulation {
                first: usize::MAX,
                ..right
            },
            true,
        ),
        (
            Modulation {
                neurons: usize::MAX,
                ..right
            },
            true,
        ),
        (
            Modulation {
                activity: None,
                ..right
            },
            true,
        ),
        (right, false),
    ];
    for (dims, h) in refused {
        let error = modulate(dims, h).expect_err("it does not fit");
        assert!(matches!(error, Error::Shape { .. }), "{dims:?}: {error:?}");
    }
    let samples = Some(0);
    let dims = InputAttention {
        samples,
        ..input(D, true)
    };
    let (heads, nothing) = (cpu.zeros(HEADS).expect("memory"), Floats::default());
    let given = InputAttentionInput {
        q: &x,
        log_sums: &heads,
        out: &x,
        k: &nothing,
        v: &nothing,
    };
    let [mut w, mut mixed] = [nothing.clone(), nothing.clone()];
    let error = cpu.input_attention(dims, given, &mut w, &mut mixed);
    assert!(matches!(error, Err(Error::Shape { .. })), "{error:?}");
}

/// Functions with a single operand accept any length, including 0.
#[test]
fn unary_operations_of_any_length() {
    let cpu = Cpu::new().expect("an instruction set");
    for length in [0, 1, 15, 16, 17] {
        let mut x = cpu.zeros(length).expect("memory");
        for f in [
            Unary::Relu,
            Unary::Gelu,
            Unary::BoundedTanh,
            Unary::Scale(2.0),
        ] {
            cpu.unary(f, &mut x).expect("any length");
        }
    }
}

/// A copy of blocks stays within x and y.
#[test]
fn blocks_outside_of_the_operands() {
    let cpu = Cpu::new().unwrap();
    let x = cpu.zeros(50).unwrap();
    let mut y = cpu.zeros(40).unwrap();
    cpu.upload(&[1.0; 40], &mut y).unwrap();
    // Blocks are whole: x has 3, y 2.
    for (range, at) in [
        (0..3, 0),
        (2..4, 0),
        (0..2, 1),
        (0..1, usize::MAX),
        (3..usize::MAX, 0),
        (core::ops::Range { start: 2, end: 1 }, 0),
    ] {
        let error = cpu.copy_blocks(&x, range.clone(), &mut y, at).unwrap_err();
        assert!(
            matches!(error, Error::Shape { .. }),
            "{range:?} to {at}: {error}"
        );
    }
    assert_eq!(y.as_slice(), [1.0; 40]);
    cpu.copy_blocks(&x, 2..3, &mut y, 1).unwrap();
    assert_eq!(
        y.as_slice()[15..33],
        [&[1.0][..], &[0.0; 16], &[1.0]].concat()
    );
}
