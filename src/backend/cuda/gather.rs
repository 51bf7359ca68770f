//! Launches of `kernels/gather.cu`.
#![allow(unsafe_code)]

use alloc::vec::Vec;

use super::buffer::{Bytes, Floats};
use super::launch::Argument;
use super::{Cuda, Scratch};
use crate::backend::gathers::{check_gather, check_gather_images, check_indices};
use crate::backend::{Gathers, Placement};
use crate::error::Result;

/// Makes a buffer hold 32-bit words of the host.
fn upload(cuda: &Cuda, to: &mut Floats, words: &[u32]) -> Result<()> {
    to.resize(&cuda.owner, words.len())?;
    to.own()?.write(bytemuck::cast_slice(words))
}

impl Gathers for Cuda {
    fn gather(
        &self,
        pixels: &Bytes,
        table: &Floats,
        indices: &[u32],
        features: usize,
        out: &mut Floats,
    ) -> Result<()> {
        let (tables, length) = (table.length(), out.length());
        check_gather(pixels.length(), tables, indices, features, length)?;
        self.with_scratch(|scratch| {
            upload(self, &mut scratch.indices, indices)?;
            let arguments = &[
                Argument::count(length)?,
                Argument::count(indices.len())?,
                Argument::count(features)?,
                Argument::count(tables / 256)?,
                pixels.into(),
                table.into(),
                (&scratch.indices).into(),
                Argument::written(out)?,
            ];
            // SAFETY: out and table have the lengths that samples, features and tables give, and every
            // index is of a row that pixels has, as was checked.
            unsafe { self.each("gather", length, arguments) }
        })
    }

    fn gather_images(
        &self,
        pixels: &Bytes,
        shape: [usize; 3],
        table: &Floats,
        indices: &[u32],
        placements: &[Placement],
        out: &mut Floats,
    ) -> Result<()> {
        let length = out.length();
        let tables = check_gather_images(
            pixels.length(),
            shape,
            table.length(),
            indices,
            placements,
            length,
        )?;
        let words: Vec<u32> = placements
            .iter()
            .flat_map(|placement| {
                let offsets =
                    [placement.down, placement.right].map(|offset| i32::from(offset) as u32);
                [offsets[0], offsets[1], placement.mirrored.into()]
            })
            .collect();
        self.with_scratch(|scratch| {
            let Scratch {
                indices: on_device,
                placements,
                ..
            } = scratch;
            upload(self, on_device, indices)?;
            upload(self, placements, &words)?;
            let [height, width, channels] = shape;
            let arguments = &[
                Argument::count(length)?,
                Argument::count(indices.len())?,
                Argument::count(height)?,
                Argument::count(width)?,
                Argument::count(channels)?,
                Argument::count(tables)?,
                pixels.into(),
                table.into(),
                (&*on_device).into(),
                (&*placements).into(),
                Argument::written(out)?,
            ];
            // SAFETY: out, table and placements have the lengths that samples, shape and tables give, and
            // every index is of an image that pixels has, as was checked.
            unsafe { self.each("gather_images", length, arguments) }
        })
    }

    fn gather_labels(&self, labels: &Bytes, indices: &[u32], out: &mut Bytes) -> Result<()> {
        check_indices("gather labels", indices, labels.length())?;
        let to = out.renew(&self.owner, indices.len(), labels.largest())?;
        self.with_scratch(|scratch| {
            upload(self, &mut scratch.indices, indices)?;
            let arguments = &[
                Argument::count(indices.len())?,
                labels.into(),
                (&scratch.indices).into(),
                Argument::address(to),
            ];
            // SAFETY: out has room for as many labels as there are indices, each of which is of a label
            // that is there, as was checked.
            unsafe { self.each("gather_labels", indices.len(), arguments) }
        })
    }
}
