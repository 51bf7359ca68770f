//! Every operation of an instruction set gives the bits of the same operation on one number, for any bits: zeros of
//! both signs, subnormal numbers, infinities and NaN among them. Names of sets are found or refused.

use crate::kernel_support::{Random, same_bits};
use neurogain::Error;
use neurogain::backend::cpu::InstructionSet;
use neurogain::backend::cpu::simd::{Arithmetic, Block, Kernel, Scalar, Simd};
use neurogain::backend::summation;

/// Every operation on three vectors, in this order.
const OPERATIONS: [&str; 18] = [
    "add",
    "sub",
    "mul",
    "div",
    "sqrt",
    "fma",
    "if less",
    "integer add",
    "integer sub",
    "<< 1",
    "<< 23",
    "<< 31",
    ">> 1",
    ">> 23",
    ">> 31",
    "and",
    "or",
    "splat bits",
];

/// The operations whose result is a number, so that the bits of a NaN are unspecified.
const NUMBERS: usize = 6;

#[inline(always)]
fn operations<A: Arithmetic>(s: A, [a, b, c]: [A::Vector; 3]) -> [A::Vector; OPERATIONS.len()] {
    [
        s.add(a, b),
        s.sub(a, b),
        s.mul(a, b),
        s.div(a, b),
        s.sqrt(a),
        s.fma(a, b, c),
        s.if_less(a, b, c, a),
        s.integer_add(a, b),
        s.integer_sub(a, b),
        s.shift_left::<1>(a),
        s.shift_left::<23>(a),
        s.shift_left::<31>(a),
        s.shift_right::<1>(a),
        s.shift_right::<23>(a),
        s.shift_right::<31>(a),
        s.and(a, b),
        s.or(a, b),
        s.splat_bits(0x7fa0_0001),
    ]
}

struct Operations([Block; 3]);

impl Kernel for Operations {
    type Output = [Block; OPERATIONS.len()];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let mut results = [[0.0; 16]; OPERATIONS.len()];
        let found = operations(s, self.0.map(|x| s.load(&x)));
        for (vector, result) in found.into_iter().zip(&mut results) {
            s.store(vector, result);
        }
        results
    }
}

/// Numbers of every kind, all bits, and pairs that are equal or differ in the sign.
fn awkward(random: &mut Random, like: Option<f32>) -> f32 {
    let special = [
        0.0,
        -0.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::from_bits(1),
        -f32::MIN_POSITIVE,
        f32::MAX,
    ];
    match (random.below(8), like) {
        (0, Some(like)) => like,
        (1, Some(like)) => -like,
        (0..=2, _) => special[random.below(special.len())],
        (3, _) => random.number(),
        _ => f32::from_bits(random.bits()),
    }
}

#[test]
fn give_the_bits_of_scalars() {
    let mut random = Random::new(5);
    for _ in 0..20_000 {
        let lanes: [[f32; 3]; 16] = core::array::from_fn(|_| {
            let a = awkward(&mut random, None);
            let b = awkward(&mut random, Some(a));
            [a, b, awkward(&mut random, Some(a * b))]
        });
        let expected = lanes.map(|x| operations(Scalar, x));
        let x: [Block; 3] = core::array::from_fn(|operand| lanes.map(|x| x[operand]));
        for set in InstructionSet::available() {
            for (operation, found) in set.run(Operations(x)).iter().enumerate() {
                for (lane, found) in found.iter().enumerate() {
                    let expected = expected[lane][operation];
                    let nan = operation < NUMBERS && expected.is_nan() && found.is_nan();
                    assert!(
                        nan || expected.to_bits() == found.to_bits(),
                        "{} on {}, of {:x?}: {:x}, not {:x}",
                        OPERATIONS[operation],
                        set.name(),
                        lanes[lane].map(f32::to_bits),
                        found.to_bits(),
                        expected.to_bits(),
                    );
                }
            }
        }
    }
}

struct Sums([Block; 16]);

impl Kernel for Sums {
    type Output = Block;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Block {
        let mut result = [0.0; 16];
        s.store(s.sums(self.0.map(|x| s.load(&x))), &mut result);
        result
    }
}

#[test]
fn sums_have_the_order_of_the_contract() {
    let mut random = Random::new(6);
    for _ in 0..2_000 {
        let x: [Block; 16] = core::array::from_fn(|_| core::array::from_fn(|_| random.number()));
        for set in InstructionSet::available() {
            same_bits(&x.map(summation::lanes), &set.run(Sums(x)))
                .unwrap_or_else(|problem| panic!("{}: {problem}", set.name()));
        }
    }
}

#[test]
fn a_set_of_another_processor_is_refused() {
    let available: Vec<_> = InstructionSet::available().map(|set| set.name()).collect();
    assert_eq!(available[0], "portable");
    for name in ["portable", "avx2", "avx512", "neon", "AVX2", "sse"] {
        match InstructionSet::named(name) {
            Ok(set) => assert!(set.name() == name && available.contains(&name)),
            Err(Error::InstructionSet {
                name: refused,
                available: listed,
            }) => {
                assert!(refused == name && !available.contains(&name));
                assert_eq!(listed, available.join(", "));
            }
            Err(error) => panic!("{error}"),
        }
    }
    let x86 = available.contains(&"avx2");
    assert_eq!(available.contains(&"neon"), cfg!(target_arch = "aarch64"));
    assert!(!x86 || cfg!(target_arch = "x86_64"));
}
