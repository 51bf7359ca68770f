//! Launches of `kernels/gather.cu`.
#![allow(unsafe_code)]

use alloc::vec::Vec;

use super::buffer::{Bytes, Floats};
use super::launch::Argument;
use super::{Cuda, Scratch};
use crate::backend::gathers::{check_gather, check_gather_images, check_pixel_maps};
use crate::backend::{CropFlip, Gathers, PixelMaps};
use crate::error::Result;

/// Fills a buffer with 32-bit words from the host.
fn upload(cuda: &Cuda, to: &mut Floats, words: &[u32]) -> Result<()> {
    to.resize(&cuda.owner, words.len())?;
    to.own()?.write(bytemuck::cast_slice(words))
}

/// The addresses of the maps' sources and of the uploaded `of`; null without maps.
fn pixel_maps(
    cuda: &Cuda,
    operation: &'static str,
    maps: &Option<PixelMaps<'_, Bytes>>,
    [samples, features]: [usize; 2],
    of: &mut Floats,
) -> Result<[Argument; 2]> {
    let Some(maps) = maps else {
        return Ok([Argument::address(0); 2]);
    };
    check_pixel_maps(operation, maps, maps.sources.length(), samples, features)?;
    upload(cuda, of, maps.of)?;
    Ok([maps.sources.into(), (&*of).into()])
}

impl Gathers for Cuda {
    fn gather(
        &self,
        pixels: &Bytes,
        table: &Floats,
        indices: &[u32],
        maps: Option<PixelMaps<'_, Bytes>>,
        features: usize,
        out: &mut Floats,
    ) -> Result<()> {
        let (tables, length) = (table.length(), out.length());
        check_gather(pixels.length(), tables, indices, features, length)?;
        let size = maps.as_ref().map_or(features, |maps| maps.pixels);
        self.with_scratch(|scratch| {
            let samples = [indices.len(), features];
            let [sources, of] = pixel_maps(self, "gather", &maps, samples, &mut scratch.maps)?;
            upload(self, &mut scratch.indices, indices)?;
            let arguments = &[
                Argument::count(length)?,
                Argument::count(indices.len())?,
                Argument::count(features)?,
                Argument::count(size)?,
                Argument::count(tables / 256)?,
                pixels.into(),
                table.into(),
                (&scratch.indices).into(),
                sources,
                of,
                Argument::written(out)?,
            ];
            // SAFETY: out and table have the lengths that samples, features and tables give; every index is of a row of
            // pixels, and every map is one of sources, as checked.
            unsafe { self.each("gather", length, arguments) }
        })
    }

    fn gather_images(
        &self,
        pixels: &Bytes,
        shape: [usize; 3],
        table: &Floats,
        indices: &[u32],
        maps: Option<PixelMaps<'_, Bytes>>,
        placements: &[CropFlip],
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
                maps: of,
                ..
            } = scratch;
            let samples = [indices.len(), shape.iter().product()];
            let [sources, of] = pixel_maps(self, "gather images", &maps, samples, of)?;
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
                sources,
                of,
                (&*placements).into(),
                Argument::written(out)?,
            ];
            // SAFETY: out, table and placements have the lengths that samples, shape and tables give; every index is of
            // an image of pixels, and every map is one of sources, as checked.
            unsafe { self.each("gather_images", length, arguments) }
        })
    }
}
