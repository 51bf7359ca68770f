//! Windows that slide over images.

use alloc::format;

use crate::error::{Error, Result};

/// A square window that slides over an image in steps of `stride`, beginning `padding` pixels
/// outside of it.
///
/// Window number o of an axis covers the pixels `o·stride − padding + t`, t in `0..size`, as far as
/// they lie inside the image. What lies outside takes no part: it is skipped, not multiplied by zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Pixels a side.
    pub size: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Pixels that the first window begins outside of the image.
    pub padding: usize,
}

impl Window {
    /// Windows along an axis of `pixels`: `⌊(pixels + 2·padding − size)/stride⌋ + 1`; `None` if the
    /// window has no size or stride, if one of its numbers exceeds 65,535, or if not one window fits.
    pub fn outputs(&self, pixels: usize) -> Option<usize> {
        let largest = self.size.max(self.stride).max(self.padding);
        if self.size == 0 || pixels == 0 || largest > usize::from(u16::MAX) {
            return None;
        }
        let padded = pixels.checked_add(2 * self.padding)?;
        (padded.checked_sub(self.size)?)
            .checked_div(self.stride)?
            .checked_add(1)
    }

    /// Windows along both axes of an image.
    pub(super) fn outputs_of(
        &self,
        operation: &'static str,
        height: usize,
        width: usize,
    ) -> Result<[usize; 2]> {
        match (self.outputs(height), self.outputs(width)) {
            (Some(rows), Some(columns)) => Ok([rows, columns]),
            _ => Err(Error::shape(
                operation,
                "a window of 1 to 65,535 pixels and stride that fits into the padded image",
                format!("{self:?} on {height}×{width}"),
            )),
        }
    }
}
