//! Folders of images: `DIR/train/CLASS/*` and `DIR/test/CLASS/*`, PNG or JPEG; or Tiny ImageNet as it is published.
//!
//! The classes are the folders of `train`, sorted by name byte by byte; the images of a class are the files of its
//! folder, sorted in the same way. `test` must have the same classes. Files whose name begins with a dot are ignored.
//! Any other file that is not named `.png`, `.jpg` or `.jpeg` (in any case) is an error, so that nothing is lost
//! silently.
//!
//! An image is stored as `[height][width][3]`: red, green and blue. Grey is copied to all three, transparency is
//! ignored, 16 bits are rounded to 8; colour and orientation are not corrected. An image of another size is resized to
//! the requested size, whatever its aspect ratio, with the triangle filter: linear interpolation, widened by the
//! factor of reduction so that every pixel of the original counts (what Pillow and torchvision call bilinear with
//! antialiasing).
//!
//! Versions of the decoders may round differently. For the same bits everywhere, [`pack`](super::pack) a folder once
//! and use the packed file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use image::RgbImage;
use image::imageops::{self, FilterType};
use rayon::prelude::*;

use super::collection::is_tiny_imagenet;
use super::decode::{LARGEST_SIDE, decode};
use super::{Dataset, ImageShape, NamedClasses, TrainTest, tiny_imagenet};
use crate::backend::cpu::on_all_cores;
use crate::error::{Error, Result};

/// Maximum number of classes: a label is a byte.
const MOST_CLASSES: usize = 256;

/// Reads the images of `directory` as `height` × `width` × 3; mini-ImageNet is 84 × 84.
///
/// # Errors
/// [`Error::File`] if a folder or file cannot be read; [`Error::Format`] for a folder without images or classes, with
/// more than 256 classes, or with a file that is not an image, for a class that only one half has, and for a damaged
/// image; [`Error::Setting`] for a size of 0 or above 16,384; [`Error::Memory`] if the images do not fit.
pub fn load(directory: &Path, height: u32, width: u32) -> Result<NamedClasses> {
    check_side("height", height)?;
    check_side("width", width)?;
    let (train, test) = (directory.join("train"), directory.join("test"));
    let shape = ImageShape {
        height: height as usize,
        width: width as usize,
        channels: 3,
    };
    if is_tiny_imagenet(directory) {
        let names = classes(&train)?;
        let [train_files, test_files] = tiny_imagenet::list(directory, &names)?;
        return read_both(directory, names, shape, [train_files, test_files]);
    }
    if directory.is_dir() && !(train.is_dir() && test.is_dir()) {
        let problem =
            "does not have both folders train and test; expected train/CLASS and test/CLASS";
        return Err(Error::format(directory, problem));
    }
    let names = classes(&train)?;
    let test_names = classes(&test)?;
    let both = [(&names, &test_names, &test), (&test_names, &names, &train)];
    for (some, others, half) in both {
        if let Some(lacking) = some.iter().find(|name| !others.contains(name)) {
            let problem =
                format!("has no class {lacking}; train and test must have the same classes");
            return Err(Error::format(half, problem));
        }
    }
    let files = [list(&train, &names)?, list(&test, &names)?];
    read_both(directory, names, shape, files)
}

/// Decodes the training and the test images, all of which are listed before, because decoding takes long.
fn read_both(
    directory: &Path,
    names: Vec<String>,
    shape: ImageShape,
    [train, test]: [Vec<Labelled>; 2],
) -> Result<NamedClasses> {
    let samples = TrainTest {
        test: read(directory, &test, shape, names.len())?,
        train: read(directory, &train, shape, names.len())?,
    };
    Ok(NamedClasses { names, samples })
}

/// Checks the number of rows or columns to resize images to.
pub(super) fn check_side(name: &str, side: u32) -> Result<()> {
    match (1..=LARGEST_SIDE).contains(&side) {
        true => Ok(()),
        false => {
            let range = format!("1 to {LARGEST_SIDE} pixels");
            Err(Error::setting(name, side, range))
        }
    }
}

/// The names of the folders in `half`, sorted.
pub(super) fn classes(half: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for (name, path) in entries(half)? {
        if !path.is_dir() {
            let problem = "is not a folder; expected only folders of images, one per class";
            return Err(Error::format(&path, problem));
        }
        names.push(name);
    }
    match names.len() {
        0 => Err(Error::format(
            half,
            "has no classes; expected one folder of images per class",
        )),
        count if count > MOST_CLASSES => Err(Error::format(
            half,
            format!("has {count} classes; expected 1 to {MOST_CLASSES}"),
        )),
        _ => Ok(names),
    }
}

/// An image with its label.
pub(super) type Labelled = (u8, PathBuf);

/// Every image of `half` with its label, class by class.
fn list(half: &Path, names: &[String]) -> Result<Vec<Labelled>> {
    let mut files = Vec::new();
    for (label, name) in (0_u8..=u8::MAX).zip(names) {
        let images = images(&half.join(name))?.into_iter();
        files.extend(images.map(|path| (label, path)));
    }
    Ok(files)
}

/// The images in `folder`, sorted by name.
pub(super) fn images(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for (name, path) in entries(folder)? {
        let extension = Path::new(&name).extension().and_then(|e| e.to_str());
        let extension = extension.unwrap_or("").to_ascii_lowercase();
        if path.is_symlink() && !path.exists() {
            let problem = "is a link to a file that does not exist";
            return Err(Error::format(&path, problem));
        }
        if !["png", "jpg", "jpeg"].contains(&extension.as_str()) || !path.is_file() {
            let problem = "is not an image; expected only files named .png, .jpg or .jpeg";
            return Err(Error::format(&path, problem));
        }
        files.push(path);
    }
    match files.is_empty() {
        false => Ok(files),
        true => {
            let problem = "has no images; expected files named .png, .jpg or .jpeg";
            Err(Error::format(folder, problem))
        }
    }
}

/// The entries of `folder`, sorted by name, except those that begin with a dot.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let refused = |error: io::Error| Error::file(folder, "read", error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        let name = entry.file_name().into_string();
        let name = name.map_err(|_| {
            let problem = "has a name that is not UTF-8; rename it";
            Error::format(&entry.path(), problem)
        })?;
        if !name.starts_with('.') {
            entries.push((name, entry.path()));
        }
    }
    entries.sort();
    Ok(entries)
}

fn read(
    directory: &Path,
    files: &[Labelled],
    shape: ImageShape,
    classes: usize,
) -> Result<Dataset> {
    let pixels = read_pixels(directory, files, shape, |(_, path)| decode(path))?;
    let labels = files.iter().map(|&(label, _)| label).collect();
    Dataset::images(shape, classes, pixels, labels)
}

/// Decodes `files` in parallel with `decode` and resizes each image to `shape`. The pixels are in the order of
/// `files`; `place` is for messages.
pub(super) fn read_pixels<T: Sync>(
    place: &Path,
    files: &[T],
    shape: ImageShape,
    decode: impl Fn(&T) -> Result<RgbImage> + Sync,
) -> Result<Vec<u8>> {
    let features = shape.height * shape.width * shape.channels;
    let bytes = features.saturating_mul(files.len());
    let mut pixels = Vec::new();
    pixels.try_reserve_exact(bytes).map_err(|_| Error::Memory {
        purpose: format!("reading {}", place.display()),
        bytes: bytes as u64,
        remedy: "use fewer or smaller images".to_string(),
    })?;
    pixels.resize(bytes, 0);
    let work = pixels.par_chunks_exact_mut(features).zip(files);
    let work = work.map(|(pixels, file)| {
        resize(decode(file)?, shape, pixels);
        Ok(())
    });
    let done: Vec<Result<()>> = on_all_cores(|| work.collect());
    // The first error in the order of the files, whichever happened first.
    done.into_iter().collect::<Result<()>>()?;
    Ok(pixels)
}

/// Copies `image` to `pixels`, resized if it has another size.
fn resize(image: RgbImage, shape: ImageShape, pixels: &mut [u8]) {
    let (height, width) = (shape.height as u32, shape.width as u32);
    let image = match image.dimensions() == (width, height) {
        true => image,
        false => imageops::resize(&image, width, height, FilterType::Triangle),
    };
    pixels.copy_from_slice(image.as_raw());
}
