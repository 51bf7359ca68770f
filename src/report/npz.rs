//! One run's history as NumPy's `.npz`, for those who go on in Python:
//!
//! ```python
//! run = numpy.load("runs/ngm-sgd-42.npz")
//! pyplot.plot(run["iteration"], run["test_accuracy"])
//! pyplot.plot(run["iteration"], run["gain"], label=run["layers"])
//! ```
//!
//! | array | holds |
//! | --- | --- |
//! | `iteration`, `context` | `int64`, one an iteration |
//! | `train_loss`, … `entropy` | `float64`, the CSV's column of that name; NaN where not evaluated |
//! | `gain`, `mean_absolute_weight` | `float64`, `[iterations][layers]` |
//! | `layers` | the layers' names |
//!
//! Every entry of the archive bears the oldest time that the format knows, and the same system, so that
//! the same history gives the same bytes.

use std::io::{self, Cursor, Seek, Write};
use std::iter;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::records::{BEFORE_LAYERS, header, rows};
use crate::error::{Error, Result};
use crate::learn::History;

/// The format's magic and its version, 1.0.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// `history` as an archive of arrays.
///
/// # Errors
/// [`Error::Shape`] where a record does not have one gain and one weight for each layer, or an array is too
/// large for the format.
pub(super) fn to_npz(history: &History) -> Result<Vec<u8>> {
    let rows = rows(history)?;
    let failed = |e: io::Error| Error::shape("finish", "a history that .npz can hold", e);
    archive(history, &rows).map_err(failed)
}

fn archive(history: &History, rows: &[Vec<Option<f64>>]) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let records = &history.records;
    let (iterations, layers) = (records.len(), history.layers.len());
    let whole = |value: usize| (value as i64).to_le_bytes();
    let column = records.iter().map(|record| whole(record.iteration));
    array(&mut zip, "iteration", ("<i8", &[iterations]), column)?;
    let column = records.iter().map(|record| whole(record.context));
    array(&mut zip, "context", ("<i8", &[iterations]), column)?;

    let number = |value: &Option<f64>| value.unwrap_or(f64::NAN).to_le_bytes();
    let of_layers = BEFORE_LAYERS..BEFORE_LAYERS + 2 * layers;
    for (at, name) in header(history).iter().skip(2).enumerate() {
        if !of_layers.contains(&at) {
            let column = rows.iter().map(|row| number(&row[at]));
            array(&mut zip, name, ("<f8", &[iterations]), column)?;
        }
    }
    let shape = [iterations, layers];
    for (name, from) in [
        ("gain", BEFORE_LAYERS),
        ("mean_absolute_weight", BEFORE_LAYERS + layers),
    ] {
        let block = rows.iter().flat_map(|row| &row[from..from + layers]);
        array(&mut zip, name, ("<f8", &shape), block.map(number))?;
    }
    text(&mut zip, "layers", &history.layers)?;
    Ok(zip.finish()?.into_inner())
}

/// Writes the array `name`, last dimension fastest, of numbers of eight bytes that NumPy calls `kind`.
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

/// Writes the array `name` of texts, each as long as the longest, four bytes a letter.
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

/// What an array begins with in NumPy's format 1.0: magic, version, the length of the rest in two bytes, and a
/// Python dictionary, padded so that the values begin at a multiple of 64 bytes.
fn header_of(kind: &str, shape: &[usize]) -> io::Result<Vec<u8>> {
    // The comma behind the last size makes a tuple of one size too.
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
