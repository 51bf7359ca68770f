//! exp, ln, tanh and 1/√x against f64, over a dense sample of all f32 inputs, or all of them:
//! `cargo test --release --test suite math_functions -- --ignored --nocapture` prints the documented table.

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
}

/// Each function with its documented largest error, in ulp.
const FUNCTIONS: [(Function, f64); 5] = [
    (Function::Exp, 0.780),
    (Function::Ln, 0.864),
    (Function::Tanh, 1.349),
    (Function::Rsqrt, 0.501),
    (Function::Gelu, 10.92),
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
        }
    }

    /// The result to f64's precision.
    fn exact(self, x: f64) -> f64 {
        match self {
            Function::Exp => x.exp(),
            Function::Ln => x.ln(),
            Function::Tanh => x.tanh(),
            Function::Rsqrt => 1.0 / x.sqrt(),
            Function::Gelu if x.is_infinite() => x.max(-0.0),
            Function::Gelu => {
                let linear = 2.0 * (2.0 / std::f64::consts::PI).sqrt();
                let z = linear * (x + 0.044715 * x * x * x);
                let e = (-z.abs()).exp();
                x * if x < 0.0 { e } else { 1.0 } / (1.0 + e)
            }
        }
    }
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
/// the smallest normal number, where that is subnormal: their units are equal).
fn error(found: f32, exact: f64) -> f64 {
    if exact.is_nan() {
        return if found.is_nan() { 0.0 } else { f64::INFINITY };
    }
    // What rounds to ∞ is ∞; the unit of what overflows is the largest number's.
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
            let error = error(*y, function.exact(f64::from(*x)));
            if error > worst.0 {
                worst = (error, *x);
            }
        }
        if inputs.peek().is_none() {
            return worst;
        }
    }
}

fn check(step: usize) {
    for (function, documented) in FUNCTIONS {
        let halves = [(0, 1 << 31), (1 << 31, 1 << 32)];
        let (error, at) = std::thread::scope(|scope| {
            let found =
                halves.map(|(from, to)| scope.spawn(move || largest(function, from, to, step)));
            let found = found.map(|half| half.join().expect("a half of the inputs"));
            if found[0].0 >= found[1].0 {
                found[0]
            } else {
                found[1]
            }
        });
        eprintln!("{function:?}: {error:.4} ulp at {at:e}");
        assert!(error <= documented, "{function:?}: {error} ulp at {at:e}");
    }
}

#[test]
fn accurate_over_a_sample_of_all_inputs() {
    check(1021);
}

#[test]
#[ignore = "minutes: all 2^32 inputs of each function"]
fn accurate_over_all_inputs() {
    check(1);
}

/// A sample of all inputs, and those around every special one.
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
