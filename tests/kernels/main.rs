//! The promises of the kernels, one module per promise. They need only the core and its feature `parallel`, so
//! this crate also builds where the program does not.

#[path = "../shared/kernel_support/mod.rs"]
mod kernel_support;

mod against_f64;
mod math_functions;
mod modulations;
mod operations;
mod refuse;
mod same_bits;
