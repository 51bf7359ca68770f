//! The package safetensors of Python reads the exported weights.

use std::fs;

use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

use crate::program::{ended, folder, program};
use crate::python::python;

/// Prints each tensor's name, type, shape and SHA-256, and the steps in the metadata.
const SCRIPT: &str = r#"
import hashlib, json, sys
import numpy, safetensors, safetensors.numpy
for name, tensor in sorted(safetensors.numpy.load_file(sys.argv[1]).items()):
    assert tensor.dtype == numpy.float32
    print(name, list(tensor.shape), hashlib.sha256(tensor.tobytes()).hexdigest())
with safetensors.safe_open(sys.argv[1], "np") as file:
    print(json.loads(file.metadata()["neurogain"])["steps"])
"#;

/// Python reads the same names, shapes and bytes as Rust, and the number of steps.
pub fn python_reads_the_same_numbers() {
    let folder = folder();
    let mut run = program(&folder, &["run", "split-digits", "--quiet", "--out", "run"]);
    run.args(["--methods", "sgd", "--seeds", "3"]);
    run.args(["--set", "stream.contexts=[[0,1],[0,1,2,3]]"]);
    run.args(["--set", "stream.iterations=2"]);
    ended(&mut run, 0);
    let path = folder.path().join("run/weights/sgd-3.safetensors");
    let bytes = fs::read(&path).expect("weights");
    let tensors = SafeTensors::deserialize(&bytes).expect("the format");
    let mut names = tensors.names();
    names.sort_unstable();
    let mut expected = String::new();
    for name in names {
        let view = tensors.tensor(name).expect("listed");
        let digest = Sha256::digest(view.data());
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        expected += &format!("{name} {:?} {digits}\n", view.shape());
    }
    assert_eq!(python(SCRIPT, &[&path], b""), expected + "4\n");
}
