//! Lists the files that the crate contains, so that a new preset or kernel file needs no line of code elsewhere.
//!
//! Each list is a file in `OUT_DIR` that holds an array of (name, text): `SYSTEM-presets.rs`, `SYSTEM-variants.rs` and
//! `SYSTEM-sweeps.rs` for each folder `data/SYSTEM`, and `kernels.rs`.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Systems built on the continual loop. They share the documents of `data/continual`.
const CONTINUAL: [&str; 2] = ["stability-gap", "plasticity"];

fn main() -> io::Result<()> {
    // A new system: its folder in `data` is not watched, because users keep data sets beside it.
    println!("cargo::rerun-if-changed=src/systems/mod.rs");
    println!("cargo::rerun-if-changed=build.rs");
    for system in fs::read_dir("data")? {
        let system = stem(&system?.path());
        for kind in ["presets", "variants", "sweeps"] {
            let mut files = of_type(&format!("data/{system}/{kind}"), "toml")?;
            if CONTINUAL.contains(&system.as_str()) {
                files.extend(of_type(&format!("data/continual/{kind}"), "toml")?);
            }
            files.sort_by_key(|file| stem(file));
            let named = files.into_iter().map(|file| (stem(&file), file));
            write(&format!("{system}-{kind}.rs"), named.collect())?;
        }
    }
    // The declarations of common.cuh come before the kernels that use them.
    let files = ["cuh", "cu"].map(|extension| of_type("kernels", extension));
    let mut kernels = Vec::new();
    for files in files {
        kernels.extend(files?.into_iter().map(|file| (name(&file), file)));
    }
    write("kernels.rs", kernels)
}

/// The files of a folder with this extension, in alphabetical order; none if there is no such folder. Cargo runs this
/// program again when the folder changes.
fn of_type(folder: &str, extension: &str) -> io::Result<Vec<PathBuf>> {
    if !Path::new(folder).is_dir() {
        return Ok(Vec::new());
    }
    println!("cargo::rerun-if-changed={folder}");
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut files = entries.collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    Ok(files)
}

fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    name.to_string_lossy().into()
}

fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into()
}

/// Writes an expression: a reference to the array of each file's name and text.
fn write(list: &str, files: Vec<(String, PathBuf)>) -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut text = String::from("&[\n");
    for (name, file) in files {
        let path = root.join(file);
        text.push_str(&format!("    ({name:?}, include_str!({path:?})),\n"));
    }
    text.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join(list), text)
}
