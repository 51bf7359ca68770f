//! exp, ln, tanh, 1/√x, GELU and its derivative against f64, over a dense sample of all f32 inputs, or all of
//! them: `cargo test --release --test kernels math_functions -- --ignored --nocapture` prints the documented table.

use neurogain::backend::cpu::InstructionSet;
use neurogain::backend::cpu::math;
use neurogain::backend::cpu::simd::{Arithmetic, Block, Kernel, Scalar, Simd};

#[derive(Debug, Clone, Copy)]
enum Function {
    Exp,
    Ln,
    Tanh,
    Rsqrt,
    Gelu,
    GeluSlope,
}

/// Each function with its documented largest error, in ulp or, for [`Function::GeluSlope`], in the unit of
/// [`slope_error`].
const FUNCTIONS: [(Function, f64); 6] = [
    (Function::Exp, 0.780),
    (Function::Ln, 0.864),
    (Function::Tanh, 1.349),
    (Function::Rsqrt, 0.501),
    (Function::Gelu, 10.92),
    (Function::GeluSlope, 7.32),
];

impl Function {
    #[inline(always)]
    fn of<A: Arithmetic>(self, s: A, x: A::Vector) -> A::Vector {
        match self {
            Function::Exp => math::exp(s, x),
            Function::Ln => math::ln(s, x),
            Function::Tanh => math::tanh(s, x),
            Function::Rsqrt => math::rsqrt(s, x),
            Function::Gelu => math::gelu(s, x),
            Function::GeluSlope => math::gelu_slope(s, x),
        }
    }

    /// The error of a result, in the unit of [`FUNCTIONS`].
    #[inline(always)]
    fn error(self, x: f32, found: f32) -> f64 {
        match self {
            Function::GeluSlope => slope_error(x, found),
            _ => ulps(found, self.exact(f64::from(x))),
        }
    }

    /// The result to f64's precision.
    #[inline(always)]
    fn exact(self, x: f64) -> f64 {
        match self {
            Function::Exp => x.exp(),
            Function::Ln => x.ln(),
            Function::Tanh => x.tanh(),
            Function::Rsqrt => 1.0 / x.sqrt(),
            Function::Gelu if x.is_infinite() => x.max(-0.0),
            Function::Gelu => {
                let (e, _) = gelu_terms(x);
                x * if x < 0.0 { e } else { 1.0 } / (1.0 + e)
            }
            Function::GeluSlope => {
                let (value, change) = gelu_slope_terms(x);
                value + change
            }
        }
    }
}

/// exp(−|z|) of z = 2·√(2/π)·(x + 0.044715·x³), and the derivative z′.
#[inline(always)]
fn gelu_terms(x: f64) -> (f64, f64) {
    let linear = 2.0 * (2.0 / std::f64::consts::PI).sqrt();
    let z = linear * (x + 0.044715 * x * x * x);
    ((-z.abs()).exp(), linear * (1.0 + 3.0 * 0.044715 * x * x))
}

/// The two terms of GELU's derivative: σ(z) and x·z′·σ(z)·(1 − σ(z)), whose limits at ±∞ are 0 or 1, and 0.
#[inline(always)]
fn gelu_slope_terms(x: f64) -> (f64, f64) {
    if x.is_infinite() {
        return (if x > 0.0 { 1.0 } else { 0.0 }, 0.0);
    }
    let (e, slope) = gelu_terms(x);
    let logistic = if x < 0.0 { e } else { 1.0 } / (1.0 + e);
    (logistic, x * slope * e / ((1.0 + e) * (1.0 + e)))
}

/// The error of GELU's derivative beyond 10⁻⁴² in units of u·(σ + |t|), u = 2⁻²⁴, for its terms σ and t. The
/// derivative is zero near −0.75, where the terms cancel, so an error in ulp would be meaningless.
#[inline(always)]
fn slope_error(x: f32, found: f32) -> f64 {
    if x.is_nan() || found.is_nan() {
        return if x.is_nan() && found.is_nan() {
            0.0
        } else {
            f64::INFINITY
        };
    }
    let (logistic, change) = gelu_slope_terms(f64::from(x));
    let error = (f64::from(found) - (logistic + change)).abs() - 1e-42;
    if error <= 0.0 {
        return 0.0;
    }
    error / (2f64.powi(-24) * (logistic + change.abs()))
}

/// A function on blocks of numbers, in place.
struct Map<'a>(Function, &'a mut [Block]);

impl Kernel for Map<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for x in self.1 {
            s.store(self.0.of(s, s.load(x)), x);
        }
    }
}

/// The distance of a result from the exact one, in units in the last place of the exact one (of
/// the smallest normal number, if that is subnormal: the units are equal).
#[inline(always)]
fn ulps(found: f32, exact: f64) -> f64 {
    if exact.is_nan() {
        return if found.is_nan() { 0.0 } else { f64::INFINITY };
    }
    // A result that rounds to ∞ must be ∞; the unit of an overflow is that of the largest number.
    let nearest = exact as f32;
    if nearest.is_infinite() || found.is_infinite() || found.is_nan() {
        let step = f64::from(f32::MAX) * (1.0 + 2f64.powi(-23));
        let near = found.is_infinite() && exact.abs() >= f64::from(f32::MAX)
            || found == f32::MAX && exact <= step;
        return match nearest.to_bits() == found.to_bits() {
            true => 0.0,
            false if near => 1.0,
            false => f64::INFINITY,
        };
    }
    if exact == 0.0 {
        let same = found.to_bits() == nearest.to_bits();
        return if same { 0.0 } else { f64::INFINITY };
    }
    let exponent = ((exact.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    (f64::from(found) - exact).abs() / 2f64.powi(exponent.max(-126) - 23)
}

/// The largest error over every `step`-th of the inputs `from..to` (bits), and where it is.
fn largest(function: Function, from: u64, to: u64, step: usize) -> (f64, f32) {
    let sets: Vec<_> = InstructionSet::available().collect();
    let fastest = sets[sets.len() - 1];
    let mut worst = (0.0, 0.0);
    let mut inputs = (from..to).step_by(step).peekable();
    loop {
        let x: Vec<Block> = (0..256)
            .map(|_| core::array::from_fn(|_| f32::from_bits(inputs.next().unwrap_or(from) as u32)))
            .collect();
        let mut y = x.clone();
        fastest.run(Map(function, &mut y));
        for (x, y) in x.as_flattened().iter().zip(y.as_flattened()) {
            let error = function.error(*x, *y);
            if error > worst.0 {
                worst = (error, *x);
            }
        }
        if inputs.peek().is_none() {
            return worst;
        }
    }
}

/// Checks the documented errors over every `step`-th input, on as many threads as there are cores.
fn check(functions: &[(Function, f64)], step: usize) {
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    for &(function, documented) in functions {
        let part = (1u64 << 32).div_ceil(threads).next_multiple_of(step as u64);
        let (error, at) = std::thread::scope(|scope| {
            let parts: Vec<_> = (0..threads)
                .map(|i| (i * part, ((i + 1) * part).min(1 << 32)))
                .filter(|(from, to)| from < to)
                .map(|(from, to)| scope.spawn(move || largest(function, from, to, step)))
                .collect();
            let found = parts
                .into_iter()
                .map(|part| part.join().expect("a part of the inputs"));
            found.fold((0.0, 0.0), |a, b| if a.0 >= b.0 { a } else { b })
        });
        eprintln!("{function:?}: {error:.4} at {at:e}");
        assert!(error <= documented, "{function:?}: {error} at {at:e}");
    }
}

#[test]
fn accurate_over_a_sample_of_all_inputs() {
    check(&FUNCTIONS, 1021);
}

#[test]
#[ignore = "minutes: all 2^32 inputs of each function"]
fn accurate_over_all_inputs() {
    check(&FUNCTIONS[..4], 1);
}

#[test]
#[ignore = "minutes: all 2^32 inputs of GELU and of its derivative"]
fn gelu_accurate_over_all_inputs() {
    check(&FUNCTIONS[4..], 1);
}

/// A sample of all inputs, and the neighbourhoods of all special ones.
fn inputs() -> Vec<Block> {
    let specials = [
        0.0f32,
        1.0,
        2.0,
        0.5,
        0.625,
        9.01,
        88.722_84,
        89.0,
        87.336_55,
        103.972_08,
        104.0,
        1e-45,
        f32::MIN_POSITIVE,
        f32::MAX,
        f32::INFINITY,
        f32::NAN,
        core::f32::consts::LN_2,
        core::f32::consts::SQRT_2,
        core::f32::consts::FRAC_1_SQRT_2,
    ];
    let near = specials.iter().flat_map(|x| {
        (-3i32..=3).flat_map(|off| {
            let bits = x.to_bits().wrapping_add_signed(off);
            [bits, bits ^ 0x8000_0000]
        })
    });
    let sample = (0..=u32::MAX).step_by(100_003);
    let mut all: Vec<f32> = near.chain(sample).map(f32::from_bits).collect();
    all.resize(all.len().next_multiple_of(16), 1.0);
    let (blocks, _) = all.as_chunks::<16>();
    blocks.to_vec()
}

#[test]
fn the_same_bits_on_every_instruction_set_and_as_scalars() {
    let x = inputs();
    for (function, _) in FUNCTIONS {
        for set in InstructionSet::available() {
            let mut y = x.clone();
            set.run(Map(function, &mut y));
            for (x, y) in x.as_flattened().iter().zip(y.as_flattened()) {
                let scalar = function.of(Scalar, *x);
                let same = scalar.to_bits() == y.to_bits() || scalar.is_nan() && y.is_nan();
                assert!(
                    same,
                    "{function:?}({x:e}): {y:e} on {}, {scalar:e}",
                    set.name()
                );
            }
        }
    }
}

#[test]
fn special_values() {
    let inf = f32::INFINITY;
    let exp = |x| math::exp(Scalar, x);
    let ln = |x| math::ln(Scalar, x);
    let tanh = |x| math::tanh(Scalar, x);
    let rsqrt = |x| math::rsqrt(Scalar, x);
    for (found, expected) in [
        (exp(0.0), 1.0),
        (exp(-0.0), 1.0),
        (exp(inf), inf),
        (exp(-inf), 0.0),
        (exp(89.0), inf),
        (exp(-103.9), 1e-45),
        (exp(-104.0), 0.0),
        (ln(1.0), 0.0),
        (ln(0.0), -inf),
        (ln(-0.0), -inf),
        (ln(inf), inf),
        (tanh(0.0), 0.0),
        (tanh(-0.0), -0.0),
        (tanh(inf), 1.0),
        (tanh(-inf), -1.0),
        (tanh(1e-45), 1e-45),
        (tanh(-1e-45), -1e-45),
        (rsqrt(0.0), inf),
        (rsqrt(-0.0), -inf),
        (rsqrt(inf), 0.0),
        (rsqrt(4.0), 0.5),
    ] {
        assert_eq!(
            found.to_bits(),
            f32::to_bits(expected),
            "{found}, not {expected}"
        );
    }
    for nan in [
        exp(f32::NAN),
        ln(f32::NAN),
        ln(-1.0),
        ln(-inf),
        ln(-1e-45),
        tanh(f32::NAN),
        rsqrt(-1.0),
        rsqrt(f32::NAN),
    ] {
        assert!(nan.is_nan());
    }
}
