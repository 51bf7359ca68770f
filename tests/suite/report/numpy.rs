//! Histories as `.npz`: NumPy reads what was recorded, to the bit.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use neurogain::learn::History;
use neurogain::run::RunDirectory;
use neurogain::systems::StabilityGap;
use neurogain::systems::stability_gap::Results;
use serde::Deserialize;
use tempfile::TempDir;

use super::python::python;
use super::synthetic;

/// An array as its shape and its numbers' bits.
#[derive(Debug, PartialEq, Deserialize)]
struct Array {
    kind: String,
    shape: Vec<usize>,
    bits: Vec<u64>,
}

/// The expected arrays of `history`.
fn expected(history: &History) -> BTreeMap<String, Array> {
    let records = &history.records;
    let whole = |of: fn(&neurogain::learn::Record) -> usize| Array {
        kind: "<i8".into(),
        shape: vec![records.len()],
        bits: records.iter().map(|record| of(record) as u64).collect(),
    };
    let floats = |shape: &[usize], values: Vec<f64>| Array {
        kind: "<f8".into(),
        shape: shape.to_vec(),
        bits: values.into_iter().map(f64::to_bits).collect(),
    };
    let column = |of: &dyn Fn(&neurogain::learn::Record) -> f64| {
        floats(&[records.len()], records.iter().map(of).collect())
    };
    let block = |of: &dyn Fn(&neurogain::learn::Record) -> Vec<f64>| {
        let shape = [records.len(), history.layers.len()];
        floats(&shape, records.iter().flat_map(of).collect())
    };
    BTreeMap::from(
        [
            ("iteration", whole(|record| record.iteration)),
            ("context", whole(|record| record.context)),
            ("train_loss", column(&|record| record.train.loss)),
            ("train_accuracy", column(&|record| record.train.accuracy)),
            (
                "test_loss",
                column(&|record| record.test.map_or(f64::NAN, |test| test.loss)),
            ),
            (
                "test_accuracy",
                column(&|record| record.test.map_or(f64::NAN, |test| test.accuracy)),
            ),
            (
                "test_loss_task2",
                column(&|record| {
                    record
                        .later_tasks
                        .first()
                        .map_or(f64::NAN, |test| test.loss)
                }),
            ),
            (
                "test_accuracy_task2",
                column(&|record| {
                    let test = record.later_tasks.first();
                    test.map_or(f64::NAN, |test| test.accuracy)
                }),
            ),
            ("entropy", column(&|record| record.entropy)),
            ("gain", block(&|record| record.gain.clone())),
            (
                "mean_absolute_weight",
                block(&|record| record.mean_absolute_weight.clone()),
            ),
        ]
        .map(|(name, array)| (name.to_string(), array)),
    )
}

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

/// A finished directory with one irregular run.
fn directory(folder: &TempDir) -> PathBuf {
    let dir = folder.path().join("run");
    let run = synthetic::odd_run();
    let results = Results {
        settings: synthetic::small(),
        runs: vec![run],
    };
    synthetic::write_all(&dir, &results);
    dir
}

#[test]
fn every_column_reads_back_to_the_bit() {
    let folder = TempDir::new().unwrap();
    let history = synthetic::odd_run().history;
    let path = directory(&folder).join("runs/ngm-sgd-42.npz");
    let (arrays, layers) = read(&path);
    assert_eq!(arrays, expected(&history));
    assert_eq!(layers, history.layers);
}

#[test]
fn numpy_reads_the_same() {
    let script = "
import json, sys
import numpy
run = numpy.load(sys.argv[1])
arrays = {
    name: {'kind': run[name].dtype.str, 'shape': run[name].shape,
           'bits': run[name].view('u8').ravel().tolist()}
    for name in run.files if name != 'layers'
}
print(json.dumps({'arrays': arrays, 'layers': run['layers'].tolist()}))
";
    let folder = TempDir::new().unwrap();
    let path = directory(&folder).join("runs/ngm-sgd-42.npz");
    let Some(printed) = python("numpy", script, &path) else {
        return;
    };
    #[derive(Deserialize)]
    struct Printed {
        arrays: BTreeMap<String, Array>,
        layers: Vec<String>,
    }
    let printed: Printed = serde_json::from_str(&printed).unwrap();
    let history = synthetic::odd_run().history;
    assert_eq!(printed.arrays, expected(&history));
    assert_eq!(printed.layers, history.layers);
}

#[test]
fn the_same_history_gives_the_same_bytes() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let [first, second] = folders.each_ref().map(|folder| {
        let path = directory(folder).join("runs/ngm-sgd-42.npz");
        fs::read(path).unwrap()
    });
    assert!(first == second);
    // If deleted, it is rebuilt with the report, from the records.
    let path = folders[0].path().join("run/runs/ngm-sgd-42.npz");
    fs::remove_file(&path).unwrap();
    let directory = RunDirectory::<StabilityGap>::open(&folders[0].path().join("run"));
    directory.unwrap().rebuild().unwrap();
    assert!(fs::read(path).unwrap() == first);
}
