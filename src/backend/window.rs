//! Windows that slide over images.

use alloc::format;

use crate::error::{Error, Result};

/// A square window that slides over an image in steps of `stride`, starting `padding` pixels
/// outside it.
///
/// Window o along an axis covers the pixels `o·stride − padding + t`, t in `0..size`, that
/// lie inside the image. Positions outside are skipped, not multiplied by zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Side length in pixels.
    pub size: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Pixels by which the first window starts outside the image.
    pub padding: usize,
}

impl Window {
    /// The number of windows along an axis of `pixels`: `⌊(pixels + 2·padding − size)/stride⌋ + 1`; `None` if
    /// size or stride is 0, if one of the numbers exceeds 65,535, or if no window fits.
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

    /// The number of windows along both axes of an image.
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
