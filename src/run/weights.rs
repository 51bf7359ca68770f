//! Reading of external weights in the safetensors format.

use std::path::Path;

use byteorder::{ByteOrder, LittleEndian};
use safetensors::tensor::{Dtype, SafeTensors};

use crate::error::{Error, Result};
use crate::run::files;
use crate::tensor::NamedTensor;

/// Reads the tensors of a safetensors file, in the order of their names. What no backbone uses is skipped, whatever it
/// holds: torchvision's classifier `fc.*` and the counts `num_batches_tracked`.
///
/// # Errors
/// [`Error::File`] if it cannot be read; [`Error::Format`] if it is not a safetensors file, or holds numbers of
/// another type than f32, or one that is not finite.
pub fn read_weights(path: &Path) -> Result<Vec<NamedTensor>> {
    let bytes = files::read(path)?;
    let bytes = bytes.ok_or_else(|| Error::file(path, "read", "it does not exist"))?;
    check_header(&bytes).map_err(|problem| Error::format(path, problem))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| {
        let problem = match &bytes[..] {
            [b'P', b'K', ..] => {
                "it is a file of PyTorch or a ZIP archive; save the weights with safetensors".into()
            }
            _ if bytes.starts_with(b"version https://git-lfs") => {
                "it is a pointer of Git LFS; fetch the file with git lfs pull".into()
            }
            _ => error.to_string(),
        };
        Error::format(path, format!("is not a safetensors file: {problem}"))
    })?;
    let mut found = Vec::new();
    let is_used = |name: &str| !name.starts_with("fc.") && !name.ends_with("num_batches_tracked");
    for (name, view) in tensors.tensors() {
        if !is_used(&name) {
            continue;
        }
        match view.dtype() {
            Dtype::F32 => {
                let mut numbers = vec![0.0; view.data().len() / 4];
                LittleEndian::read_f32_into(view.data(), &mut numbers);
                if let Some(number) = numbers.iter().find(|number| !number.is_finite()) {
                    let problem = format!("{name} holds {number}; expected finite numbers");
                    return Err(Error::format(path, problem));
                }
                found.push(NamedTensor {
                    name,
                    shape: view.shape().to_vec(),
                    numbers,
                });
            }
            kind => {
                let expected = format!("{name} has type {kind}; save the weights as F32");
                return Err(Error::format(path, expected));
            }
        }
    }
    // The safetensors library gives them in any order.
    found.sort_by(|a: &NamedTensor, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The largest header of a safetensors file that is read, in bytes: enough for a hundred thousand tensors. Reading a
/// header takes some ten times its size in memory.
const LARGEST_HEADER: u64 = 16 << 20;

/// Checks the length in the first eight bytes of a safetensors file, if its header can be that long.
pub(super) fn check_header(bytes: &[u8]) -> core::result::Result<(), String> {
    let Some(first) = bytes.first_chunk::<8>() else {
        return Ok(());
    };
    let length = u64::from_le_bytes(*first);
    match length > LARGEST_HEADER && length < bytes.len() as u64 {
        true => Err(format!(
            "has a header of {length} bytes; expected a safetensors file with a header of at most {LARGEST_HEADER} bytes"
        )),
        false => Ok(()),
    }
}
