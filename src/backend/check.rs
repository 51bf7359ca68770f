//! Checks of the operands' lengths, shared by all backends.

use alloc::format;

use super::memory::Memory;
use crate::error::{Error, Result};

/// Fails unless `found` equals `expected` in each `(name, found, expected)`.
pub fn lengths(operation: &'static str, lengths: &[(&str, usize, usize)]) -> Result<()> {
    for (name, found, expected) in lengths {
        if found != expected {
            return Err(Error::shape(
                operation,
                format!("{name} of {expected} numbers"),
                format!("{found}"),
            ));
        }
    }
    Ok(())
}

/// The product of the sizes; fails if it overflows.
pub fn numbers(operation: &'static str, sizes: &[usize]) -> Result<usize> {
    sizes
        .iter()
        .try_fold(1, |product: usize, size| product.checked_mul(*size))
        .ok_or_else(|| {
            Error::shape(
                operation,
                "sizes that memory can hold",
                format!("{sizes:?}"),
            )
        })
}

/// Fails unless each operand that is present in `(name, floats, expected)` has the expected length.
pub fn operands<B: Memory>(
    backend: &B,
    operation: &'static str,
    operands: &[(&str, Option<&B::Floats>, usize)],
) -> Result<()> {
    for (name, floats, expected) in operands {
        if let Some(floats) = floats {
            lengths(operation, &[(name, backend.length(floats), *expected)])?;
        }
    }
    Ok(())
}

/// Checks the operands of an element-wise operation: each must be as long as the first input.
pub fn as_long_as<B: Memory>(
    backend: &B,
    operation: &'static str,
    read: &B::Floats,
    others: &[(&str, &B::Floats)],
) -> Result<()> {
    let length = backend.length(read);
    for (name, floats) in others {
        lengths(operation, &[(name, backend.length(floats), length)])?;
    }
    Ok(())
}

/// Checks an operand that holds one number.
pub fn one_number<B: Memory>(
    backend: &B,
    operation: &'static str,
    name: &str,
    floats: &B::Floats,
) -> Result<()> {
    lengths(operation, &[(name, backend.length(floats), 1)])
}

/// Checks w, x, y, and the gains if present: one gain for each output.
pub fn weighted<B: Memory>(
    backend: &B,
    operation: &'static str,
    (gain, outputs): (Option<&B::Floats>, usize),
    [w, x, y]: [&B::Floats; 3],
    [w_length, x_length, y_length]: [usize; 3],
) -> Result<()> {
    operands(
        backend,
        operation,
        &[
            ("gain", gain, outputs),
            ("w", Some(w), w_length),
            ("x", Some(x), x_length),
            ("y", Some(y), y_length),
        ],
    )
}

/// The product of dimensions; `None` if it, or its size in bytes, overflows. Dimensions of 0 count as 1 in this
/// check, so no partial product overflows either.
pub fn volume(dimensions: &[usize]) -> Option<usize> {
    let mut all = size_of::<f32>();
    for &dimension in dimensions {
        all = all.checked_mul(dimension.max(1))?;
    }
    Some(dimensions.iter().product())
}

pub fn too_large(operation: &'static str, found: alloc::string::String) -> Error {
    Error::shape(operation, "dimensions whose product fits in memory", found)
}
