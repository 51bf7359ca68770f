//! Operands and dimensions that do not fit give an error that names the operand, never a panic, and change
//! nothing: scale and shift, element-wise operations, layer normalisation, attention, statistics of neurons.

use neurogain::backend::{
    Affine, Attention, Binary, Cpu, Elementwise, LayerNormalise, LayerNormaliseBackward, Memory,
    NormDims, Normalisations, Reductions, SampleProduct, ScaleGradient, ScaleShift, Unary,
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
    "absolute sum" [sum: 1] (cpu, d, p) => cpu.absolute_sum(&cpu.zeros(7)?, sum);
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
        "multiply",
        "axpby",
        "copy",
        "gain update",
        "absolute sum",
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

/// Functions with a single operand accept any length, including 0.
#[test]
fn unary_operations_of_any_length() {
    let cpu = Cpu::new().expect("an instruction set");
    for length in [0, 1, 15, 16, 17] {
        let mut x = cpu.zeros(length).expect("memory");
        for f in [Unary::Relu, Unary::Gelu, Unary::Scale(2.0)] {
            cpu.unary(f, &mut x).expect("any length");
        }
    }
}
