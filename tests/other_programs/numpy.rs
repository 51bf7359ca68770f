//! NumPy reads the histories.

use std::collections::BTreeMap;

use serde::Deserialize;
use tempfile::TempDir;

use crate::python::python;
use crate::synthetic::arrays::{Array, expected};
use crate::synthetic::{odd_arrays, odd_run};

/// NumPy reads every array of a history with its type, its shape and its exact bits.
pub fn reads_the_same() {
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
    let printed = python(script, &[&odd_arrays(&folder)], b"");
    #[derive(Deserialize)]
    struct Printed {
        arrays: BTreeMap<String, Array>,
        layers: Vec<String>,
    }
    let printed: Printed = serde_json::from_str(&printed).unwrap();
    let history = odd_run().history;
    assert_eq!(printed.arrays, expected(&history));
    assert_eq!(printed.layers, history.layers);
}
