//! Records as NumPy's `.npz`, for analyses in Python:
//!
//! ```python
//! run = numpy.load("runs/ngm-sgd-42.npz")
//! pyplot.plot(run["iteration"], run["test_accuracy"])
//! pyplot.plot(run["iteration"], run["gain"], label=run["layers"])
//! ```
//!
//! | array | holds |
//! | --- | --- |
//! | a column of counts, such as `iteration` | `int64`, one per step |
//! | another column, such as `train_loss` | `float64`, one per step; NaN for a missing number |
//! | a group of columns, such as `gain` | `float64`, `[steps][layers]` |
//! | `layers` | the layers' names, if there is a group |
//!
//! Every entry of the archive has the format's earliest time and the same operating system, so that equal records
//! give equal bytes.

use std::io::{self, Cursor, Seek, Write};
use std::iter;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::Records;
use crate::error::{Error, Result};

/// The format's magic and its version, 1.0.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// Encodes `records` as an archive of arrays.
///
/// # Errors
/// [`Error::Encoding`] if an array is too large for the format.
pub(super) fn to_npz(records: &Records) -> Result<Vec<u8>> {
    let failed = |e: io::Error| Error::encoding("records", ".npz", e);
    archive(records).map_err(failed)
}

fn archive(records: &Records) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let Records { columns, rows } = records;
    let steps = rows.len();
    let mut groups: Vec<(&str, Vec<usize>, Vec<String>)> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let Some(layer) = &column.layer else {
            let values = rows.iter().map(|row| row[at]);
            match column.counts {
                true => {
                    let whole = values.map(|value| (value.unwrap_or(0.0) as i64).to_le_bytes());
                    array(&mut zip, &column.name, ("<i8", &[steps]), whole)?;
                }
                false => array(&mut zip, &column.name, ("<f8", &[steps]), values.map(bytes))?,
            }
            continue;
        };
        match groups.iter_mut().find(|(name, ..)| *name == column.name) {
            Some((_, places, layers)) => {
                places.push(at);
                layers.push(layer.clone());
            }
            None => groups.push((&column.name, vec![at], vec![layer.clone()])),
        }
    }
    for (name, places, _) in &groups {
        let values = rows
            .iter()
            .flat_map(|row| places.iter().map(|&at| bytes(row[at])));
        array(&mut zip, name, ("<f8", &[steps, places.len()]), values)?;
    }
    if let Some((_, _, layers)) = groups.first() {
        text(&mut zip, "layers", layers)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// All NaNs become one bit pattern: CSV, from which a report can be rebuilt, has only one.
fn bytes(value: Option<f64>) -> [u8; 8] {
    let value = value.filter(|value| !value.is_nan());
    value.unwrap_or(f64::NAN).to_le_bytes()
}

/// Writes the array `name` of eight-byte numbers, last dimension fastest; `kind` is NumPy's type code.
fn array(
    zip: &mut ZipWriter<impl Write + Seek>,
    name: &str,
    (kind, shape): (&str, &[usize]),
    values: impl Iterator<Item = [u8; 8]>,
) -> io::Result<()> {
    begin(zip, name)?;
    zip.write_all(&header_of(kind, shape)?)?;
    zip.write_all(&values.flatten().collect::<Vec<u8>>())
}

/// Writes the array `name` of strings, each padded to the longest, four bytes per character.
fn text(zip: &mut ZipWriter<impl Write + Seek>, name: &str, texts: &[String]) -> io::Result<()> {
    begin(zip, name)?;
    let longest = texts.iter().map(|text| text.chars().count()).max();
    let longest = longest.unwrap_or(0).max(1);
    zip.write_all(&header_of(&format!("<U{longest}"), &[texts.len()])?)?;
    for text in texts {
        let padded = text.chars().chain(iter::repeat('\0')).take(longest);
        let bytes = padded.flat_map(|letter| u32::from(letter).to_le_bytes());
        zip.write_all(&bytes.collect::<Vec<u8>>())?;
    }
    Ok(())
}

/// The header of an array in NumPy's format 1.0: magic, version, the length of the rest in two bytes, and a Python
/// dictionary, padded so that the values begin at a multiple of 64 bytes.
fn header_of(kind: &str, shape: &[usize]) -> io::Result<Vec<u8>> {
    // The comma after the last size makes a tuple even of one size.
    let sizes: Vec<String> = shape.iter().map(|size| format!("{size},")).collect();
    let mut dictionary = format!(
        "{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}",
        sizes.join(" ")
    );
    let before = MAGIC.len() + size_of::<u16>();
    let end = (before + dictionary.len() + 1).next_multiple_of(64);
    dictionary.push_str(&" ".repeat(end - before - dictionary.len() - 1));
    dictionary.push('\n');
    let length = u16::try_from(dictionary.len()).map_err(io::Error::other)?;
    Ok([MAGIC, &length.to_le_bytes(), dictionary.as_bytes()].concat())
}

fn begin(zip: &mut ZipWriter<impl Write + Seek>, name: &str) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .system(System::Unix)
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default());
    Ok(zip.start_file(format!("{name}.npy"), options)?)
}
