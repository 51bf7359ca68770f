//! Launches of `kernels/attention.cu`.
#![allow(unsafe_code)]

use super::Cuda;
use super::buffer::Floats;
use super::launch::Argument;
use crate::backend::attention::{check_rows, check_sample_product, check_softmax};
use crate::backend::{Attention, NormDims, SampleProduct};
use crate::error::Result;
use crate::shape::LANES;

impl Attention for Cuda {
    fn softmax(&self, dimensions: NormDims, x: &mut Floats) -> Result<()> {
        check_softmax(self, dimensions, None, x)?;
        let threads = dimensions.all_pixels() * LANES;
        let arguments = &[dimensions.try_into()?, Argument::written(x)?];
        // SAFETY: x has the length that the dimensions give, as checked; one thread per pixel of a sample.
        unsafe { self.each("softmax", threads, arguments) }
    }

    fn softmax_backward(&self, dimensions: NormDims, y: &Floats, dy: &mut Floats) -> Result<()> {
        check_softmax(self, dimensions, Some(y), dy)?;
        let threads = dimensions.all_pixels() * LANES;
        let arguments = &[dimensions.try_into()?, y.into(), Argument::written(dy)?];
        // SAFETY: both have the length that the dimensions give, as checked; one thread per pixel of a sample.
        unsafe { self.each("softmax_backward", threads, arguments) }
    }

    fn sample_product(
        &self,
        dimensions: SampleProduct,
        a: &Floats,
        b: &Floats,
        c: &mut Floats,
    ) -> Result<()> {
        check_sample_product(self, dimensions, [a, b, c])?;
        let length = c.length();
        let [row_step, a_step] = dimensions.steps_a();
        let [b_step, column_step] = dimensions.steps_b();
        let arguments = &[
            Argument::count(length)?,
            Argument::count(dimensions.rows)?,
            Argument::count(dimensions.columns)?,
            Argument::count(dimensions.terms)?,
            Argument::count(row_step)?,
            Argument::count(a_step)?,
            Argument::count(b_step)?,
            Argument::count(column_step)?,
            a.into(),
            b.into(),
            Argument::written(c)?,
        ];
        // SAFETY: a, b and c have the lengths that the dimensions give, as checked; the steps stay within them.
        unsafe { self.each("sample_product", length, arguments) }
    }

    fn to_rows(
        &self,
        samples: usize,
        features: usize,
        x: &Floats,
        rows: &mut Floats,
    ) -> Result<()> {
        check_rows(self, [samples, features], x, rows)?;
        let length = rows.length();
        let arguments = &[
            Argument::count(length)?,
            Argument::count(features)?,
            x.into(),
            Argument::written(rows)?,
        ];
        // SAFETY: both have the lengths that samples and features give, as checked.
        unsafe { self.each("to_rows", length, arguments) }
    }

    fn to_blocked(
        &self,
        samples: usize,
        features: usize,
        rows: &Floats,
        x: &mut Floats,
    ) -> Result<()> {
        check_rows(self, [samples, features], x, rows)?;
        let length = x.length();
        let arguments = &[
            Argument::count(length)?,
            Argument::count(samples)?,
            Argument::count(features)?,
            rows.into(),
            Argument::written(x)?,
        ];
        // SAFETY: both have the lengths that samples and features give, as checked.
        unsafe { self.each("to_blocked", length, arguments) }
    }
}
