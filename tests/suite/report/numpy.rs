//! Histories as `.npz` hold the bits of the records. `tests/other_programs` reads them with NumPy.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use neurogain::run::RunDirectory;
use neurogain::systems::StabilityGap;
use tempfile::TempDir;

use super::synthetic::arrays::{Array, expected};
use super::synthetic::{odd_arrays, odd_run};

/// An array's type, shape and the bytes of its values, given the type letter of NumPy's format 1.0.
fn array(bytes: &[u8]) -> (String, Vec<usize>, &[u8]) {
    let (magic, rest) = bytes.split_at(8);
    assert_eq!(magic, b"\x93NUMPY\x01\x00");
    let (length, rest) = rest.split_first_chunk::<2>().unwrap();
    let (header, values) = rest.split_at(usize::from(u16::from_le_bytes(*length)));
    assert_eq!((bytes.len() - values.len()) % 64, 0);
    let header = str::from_utf8(header).unwrap();
    assert!(header.ends_with('\n'));
    let header = header.trim_end();
    let header = header.strip_prefix("{'descr': '").unwrap();
    let header = header.strip_suffix("), }").unwrap();
    let (kind, shape) = header
        .split_once("', 'fortran_order': False, 'shape': (")
        .unwrap();
    let shape = shape
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty());
    let shape = shape.map(|size| size.parse().unwrap()).collect();
    (kind.to_string(), shape, values)
}

/// Letters of four bytes, without the zeros at the end.
fn text(bytes: &[u8]) -> String {
    let (letters, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    let letters = letters.iter().map(|bytes| u32::from_le_bytes(*bytes));
    let letters = letters.map(|letter| char::from_u32(letter).unwrap());
    letters
        .collect::<String>()
        .trim_end_matches('\0')
        .to_string()
}

/// The arrays of the archive `path` without `layers`, and `layers`, as read by Rust.
fn read(path: &Path) -> (BTreeMap<String, Array>, Vec<String>) {
    let bytes = fs::read(path).unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut arrays = BTreeMap::new();
    let mut layers = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let name = entry
            .name()
            .unwrap()
            .strip_suffix(".npy")
            .unwrap()
            .to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let (kind, shape, values) = array(&bytes);
        if name == "layers" {
            let length = kind.strip_prefix("<U").unwrap().parse::<usize>().unwrap();
            layers = values.chunks(4 * length).map(text).collect();
            continue;
        }
        let (values, rest) = values.as_chunks::<8>();
        assert!(rest.is_empty());
        let bits = values
            .iter()
            .map(|bytes| u64::from_le_bytes(*bytes))
            .collect();
        arrays.insert(name, Array { kind, shape, bits });
    }
    (arrays, layers)
}

/// Every column of a history is in its `.npz` file with its exact bits.
#[test]
fn every_column_reads_back_to_the_bit() {
    let folder = TempDir::new().unwrap();
    let history = odd_run().history;
    let path = odd_arrays(&folder);
    let (arrays, layers) = read(&path);
    assert_eq!(arrays, expected(&history));
    assert_eq!(layers, history.layers);
}

/// The `.npz` file depends on the history alone, and a deleted one is written again from the records.
#[test]
fn the_same_history_gives_the_same_bytes() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let [first, second] = folders
        .each_ref()
        .map(|folder| fs::read(odd_arrays(folder)).unwrap());
    assert!(first == second);
    // If deleted, it is rebuilt with the report, from the records.
    let path = folders[0].path().join("run/runs/ngm-sgd-42.npz");
    fs::remove_file(&path).unwrap();
    let directory = RunDirectory::<StabilityGap>::open(&folders[0].path().join("run"));
    directory.unwrap().rebuild().unwrap();
    assert!(fs::read(path).unwrap() == first);
}
