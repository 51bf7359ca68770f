//! Tiny ImageNet as it is published: 200 classes of 64 × 64 pixels in the folder `tiny-imagenet-200`.
//!
//! | file | contents |
//! | --- | --- |
//! | `train/CLASS/images/*.JPEG` | 500 training images of each class |
//! | `val/images/*.JPEG` | 50 validation images of each class |
//! | `val/val_annotations.txt` | a line for each of them: its name, its class and its box, separated by tabs |
//!
//! The labels of the images in `test` are not published, so the validation images are the test images, as is usual.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::collection::ANNOTATIONS;
use super::folder::{Labelled, images};
use crate::error::{Error, Result};

/// The training and the validation images of `directory`, class by class.
pub(super) fn list(directory: &Path, names: &[String]) -> Result<[Vec<Labelled>; 2]> {
    let mut train = Vec::new();
    for (label, name) in (0_u8..=u8::MAX).zip(names) {
        let folder = directory.join("train").join(name).join("images");
        train.extend(images(&folder)?.into_iter().map(|path| (label, path)));
    }
    Ok([train, annotated(directory, names)?])
}

/// The validation images, in the order of their classes and names.
fn annotated(directory: &Path, names: &[String]) -> Result<Vec<Labelled>> {
    let path = directory.join(ANNOTATIONS);
    let text = fs::read_to_string(&path).map_err(|e| Error::file(&path, "read", e))?;
    let mut labels: BTreeMap<&str, u8> = BTreeMap::new();
    for (line, number) in text.lines().zip(1..) {
        let mut fields = line.split('\t');
        let (Some(image), Some(class)) = (fields.next(), fields.next()) else {
            let problem =
                format!("line {number}: expected an image and its class, separated by a tab");
            return Err(Error::format(&path, problem));
        };
        let label = (0_u8..=u8::MAX).zip(names).find(|(_, name)| *name == class);
        let Some((label, _)) = label else {
            let problem = format!("line {number}: train has no class {class}");
            return Err(Error::format(&path, problem));
        };
        if labels.insert(image, label).is_some() {
            let problem = format!("line {number}: {image} is there twice");
            return Err(Error::format(&path, problem));
        }
    }
    if let Some((_, name)) = (0_u8..=u8::MAX)
        .zip(names)
        .find(|(label, _)| !labels.values().any(|of| of == label))
    {
        return Err(Error::format(
            &path,
            format!("has no image of class {name}"),
        ));
    }
    let folder = directory.join("val").join("images");
    let mut found: Vec<Labelled> = Vec::new();
    for image in images(&folder)? {
        let name = image.file_name().and_then(|name| name.to_str());
        let Some(label) = name.and_then(|name| labels.remove(name)) else {
            let problem = format!("has no line in {ANNOTATIONS}");
            return Err(Error::format(&image, problem));
        };
        found.push((label, image));
    }
    if let Some(missing) = labels.keys().next() {
        let problem = format!("{missing} is not in val/images");
        return Err(Error::format(&path, problem));
    }
    found.sort();
    Ok(found)
}
