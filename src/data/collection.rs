//! Collections of images with named classes, in one packed file or in folders.

use std::path::{Path, PathBuf};

use super::{NamedClasses, pack};
use crate::error::{Error, Result};

/// The extension of a packed file; the collection NAME is in `NAME.packed`.
pub const EXTENSION: &str = "packed";

/// Where a collection was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file that `neurogain data pack` wrote.
    Packed(PathBuf),
    /// A folder with `train` and `test`, each with a folder of images for each class.
    Folder(PathBuf),
}

/// Looks for the collection `name`: `directory` itself if it is a file; else, in this order, the file `name.packed` in
/// it, the folder `name` in it, and `directory` itself. A folder must have `train` and `test`. Returns the first match
/// and every place searched.
pub fn search(directory: &Path, name: &str) -> (Option<Place>, Vec<String>) {
    if directory.is_file() {
        let found = Place::Packed(directory.to_path_buf());
        return (Some(found), vec![directory.display().to_string()]);
    }
    let packed = directory.join(format!("{name}.{EXTENSION}"));
    let folders = [directory.join(name), directory.to_path_buf()];
    let mut looked = vec![packed.display().to_string()];
    for folder in &folders {
        looked.push(format!("{}/train and test", folder.display()));
    }
    if packed.is_file() {
        return (Some(Place::Packed(packed)), looked);
    }
    let whole = |folder: &PathBuf| folder.join("train").is_dir() && folder.join("test").is_dir();
    (folders.into_iter().find(whole).map(Place::Folder), looked)
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
