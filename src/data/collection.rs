//! Collections of images with named classes, in one packed file or in folders.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{NamedClasses, pack};
use crate::error::{Error, Result};

/// The extension of a packed file; the collection NAME is in `NAME.packed`.
pub const EXTENSION: &str = "packed";

/// The collection that is also found as it is published, in the folder `tiny-imagenet-200`.
pub const TINY_IMAGENET: &str = "tiny-imagenet";

/// The file of Tiny ImageNet by which its published folder is recognised.
pub(super) const ANNOTATIONS: &str = "val/val_annotations.txt";

/// Where a collection was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file that `neurogain data pack` wrote.
    Packed(PathBuf),
    /// A folder with `train` and `test`, each with a folder of images for each class; or that of Tiny ImageNet as it is
    /// published.
    Folder(PathBuf),
}

/// The name of its published folder.
const PUBLISHED: &str = "tiny-imagenet-200";

/// Whether `folder` is a collection.
fn is_whole(folder: &Path) -> bool {
    is_tiny_imagenet(folder) || folder.join("train").is_dir() && folder.join("test").is_dir()
}

/// Whether `folder` has the files of Tiny ImageNet as they are published.
pub(super) fn is_tiny_imagenet(folder: &Path) -> bool {
    folder.join(ANNOTATIONS).is_file()
}

/// Looks for the collection `name`: `directory` itself if it is a file; else, in this order, the file `name.packed` in
/// it, the folder `name` in it, and `directory` itself. A folder must have `train` and `test`, or the published files of
/// Tiny ImageNet, whose folder may also be `tiny-imagenet-200`. Returns the first match and every place searched.
pub fn search(directory: &Path, name: &str) -> (Option<Place>, Vec<String>) {
    if directory.is_file() {
        let found = Place::Packed(directory.to_path_buf());
        return (Some(found), vec![directory.display().to_string()]);
    }
    let packed = directory.join(format!("{name}.{EXTENSION}"));
    let mut folders = vec![directory.join(name), directory.to_path_buf()];
    if name == TINY_IMAGENET {
        folders.insert(1, directory.join(PUBLISHED));
    }
    let mut looked = vec![packed.display().to_string()];
    for folder in &folders {
        let second = if folder.ends_with(PUBLISHED) {
            "val"
        } else {
            "test"
        };
        looked.push(format!("{}/train and {second}", folder.display()));
    }
    if packed.is_file() {
        return (Some(Place::Packed(packed)), looked);
    }
    let found = folders.into_iter().find(|folder| is_whole(folder));
    (found.map(Place::Folder), looked)
}

/// The names of the collections in `directory`: of packed files, and of folders that [`search`] takes. A directory that
/// cannot be read has none.
pub fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| {
        let path = entry.path();
        let is_packed = path.is_file() && path.extension().is_some_and(|e| e == EXTENSION);
        let name = match is_packed {
            true => path.file_stem(),
            false => path.file_name().filter(|_| is_whole(&path)),
        };
        match name?.to_str()? {
            PUBLISHED if !is_packed => Some(TINY_IMAGENET.into()),
            name => Some(name.into()),
        }
    });
    named.collect()
}

/// Reads the collection `name` that [`search`] finds. Images in folders are resized to `side` × `side`; those in a
/// packed file must have that size.
///
/// # Errors
/// [`Error::File`] if it is not found, or consists of folders and the feature `images` is off; [`Error::Format`] if a
/// packed file has images of another size; errors of [`pack::read`] and, for folders, of `folder::load`.
pub fn load(directory: &Path, name: &str, side: u32) -> Result<NamedClasses> {
    let (found, looked) = search(directory, name);
    match found {
        Some(Place::Packed(path)) => {
            let collection = pack::read(&path)?;
            let shape = collection.samples.train.shape();
            if [shape.height, shape.width] != [side as usize; 2] {
                let problem = format!("holds images of {shape}; expected {side} × {side} pixels");
                return Err(Error::format(&path, problem));
            }
            Ok(collection)
        }
        #[cfg(feature = "images")]
        Some(Place::Folder(folder)) => super::folder::load(&folder, side, side),
        #[cfg(not(feature = "images"))]
        Some(Place::Folder(folder)) => Err(undecodable(&folder)),
        None => Err(missing(directory, &looked)),
    }
}

/// Reads the names of the classes of the collection `name`, in the order of their labels.
///
/// # Errors
/// As [`load`], without those of images.
pub fn class_names(directory: &Path, name: &str) -> Result<Vec<String>> {
    let (found, looked) = search(directory, name);
    match found {
        Some(Place::Packed(path)) => pack::read_names(&path),
        #[cfg(feature = "images")]
        Some(Place::Folder(folder)) => super::folder::classes(&folder.join("train")),
        #[cfg(not(feature = "images"))]
        Some(Place::Folder(folder)) => Err(undecodable(&folder)),
        None => Err(missing(directory, &looked)),
    }
}

#[cfg(not(feature = "images"))]
fn undecodable(folder: &Path) -> Error {
    let reason = "this build cannot decode images: the feature `images` is off";
    Error::file(folder, "read", reason)
}

fn missing(directory: &Path, looked: &[String]) -> Error {
    let looked = looked.join("; ");
    let reason = format!(
        "looked for {looked}; expected a packed file, or folders train/CLASS and test/CLASS of PNG or JPEG images"
    );
    Error::file(directory, "find images", reason)
}
