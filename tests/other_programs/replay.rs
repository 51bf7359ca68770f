//! PyTorch gives the losses that `tests/suite/replayed_losses.rs` compares with.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use safetensors::{Dtype, SafeTensors};
use tempfile::TempDir;

/// Numbers that another PyTorch or another number of threads may round differently; the ResNet amplifies one rounding of
/// f64 to some 10⁻¹³.
const BOUND: f64 = 1e-9;

/// The tensors of a file: the numbers of losses and gains, and the bytes of weights and batches.
fn read(path: &Path) -> BTreeMap<String, (Vec<f64>, Vec<u8>)> {
    let bytes = std::fs::read(path).expect("a file");
    let file = SafeTensors::deserialize(&bytes).expect("the format");
    let tensors = file.tensors().into_iter().map(|(name, view)| {
        let data = view.data();
        let found = match view.dtype() {
            Dtype::F64 => {
                let numbers = data.as_chunks().0.iter();
                (numbers.map(|n| f64::from_le_bytes(*n)).collect(), vec![])
            }
            _ => (vec![], data.to_vec()),
        };
        (name, found)
    });
    tensors.collect()
}

/// The committed file, made again: equal weights and batches, and losses and gains within [`BOUND`].
pub fn pytorch_gives_the_same_losses() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay");
    let made = TempDir::new().expect("a temporary directory");
    let made = made.path().join("losses.safetensors");
    let output = Command::new("python3")
        .args([&folder.join("replay.py"), &made])
        .output()
        .expect("python3 starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let (found, expected) = (read(&made), read(&folder.join("losses.safetensors")));
    assert!(found.keys().eq(expected.keys()), "{:?}", found.keys());
    for (name, (numbers, bytes)) in &expected {
        assert_eq!(found[name].1, *bytes, "{name}");
        assert_eq!(found[name].0.len(), numbers.len(), "{name}");
        for (at, (f, e)) in found[name].0.iter().zip(numbers).enumerate() {
            assert!(
                (f - e).abs() <= BOUND,
                "{name}, iteration {at}: {f}, not {e}"
            );
        }
    }
    assert_eq!(expected["resnet.loss"].0.len(), 40);
}
