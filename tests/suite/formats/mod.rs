//! Files of samples: valid files are read exactly; invalid ones give an error that names the file, its
//! contents and what would be right; nothing panics.
//! `tests/other_programs` reads the real MNIST and CIFAR-10.
#![cfg(feature = "std")]

#[cfg(feature = "images")]
mod celeba;
mod cifar;
mod collection;
#[cfg(feature = "images")]
mod folder;
#[cfg(feature = "report")]
mod gzip;
mod idx;
mod mnist;
mod pack;
#[cfg(feature = "report")]
mod tiny_imagenet;

use std::fs;
use std::path::{Path, PathBuf};

use neurogain::data::idx::{self as reader, Images};
use neurogain::{Error, Result};
use proptest::prelude::*;
use tempfile::TempDir;

/// Two images of 2 rows and 3 columns, byte for byte by the format's definition.
const IMAGES: [u8; 28] = [
    0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 255,
];
/// Their labels.
const LABELS: [u8; 10] = [0, 0, 8, 1, 0, 0, 0, 2, 9, 0];

/// An IDX file of u8.
fn encode(dimensions: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    bytes.extend(dimensions.iter().flat_map(|d| d.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn read_images(bytes: &[u8]) -> Result<Images> {
    let folder = folder();
    reader::read_images(&write(folder.path(), "images", bytes))
}

fn read_labels(bytes: &[u8]) -> Result<Vec<u8>> {
    let folder = folder();
    reader::read_labels(&write(folder.path(), "labels", bytes), 10)
}

/// Checks that `result` is a format error of the file `name` that contains all of `parts`.
#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T>, name: &str, parts: &[&str]) {
    let error = result.unwrap_err();
    let message = error.to_string();
    let Error::Format { path, .. } = &error else {
        panic!("not a format error: {error:?}");
    };
    assert_eq!(Path::new(path).file_name().unwrap(), name, "{message}");
    assert!(!error.is_usage());
    for part in parts {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
}

/// Images of any small shape.
fn images() -> impl Strategy<Value = Images> {
    (1_usize..5, 1_usize..5, 1_usize..5).prop_flat_map(|(count, rows, columns)| {
        prop::collection::vec(any::<u8>(), count * rows * columns).prop_map(move |pixels| Images {
            count,
            rows,
            columns,
            pixels,
        })
    })
}

fn encode_images(images: &Images) -> Vec<u8> {
    let dimensions = [images.count, images.rows, images.columns].map(|d| d as u32);
    encode(&dimensions, &images.pixels)
}

/// A valid file and a shorter length.
fn truncated(encoded: fn(&[u8]) -> Vec<u8>) -> impl Strategy<Value = (Vec<u8>, usize)> {
    images().prop_flat_map(move |images| {
        let bytes = encoded(&encode_images(&images));
        let length = bytes.len();
        (Just(bytes), 0..length)
    })
}
