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

use npyz::{AutoSerialize, DType, WriteOptions, WriterBuilder};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::records::{BEFORE_LAYERS, header, rows};
use crate::error::{Error, Result};
use crate::train::History;

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
    let (iterations, layers) = (records.len() as u64, history.layers.len());
    let whole = |value: usize| value as i64;
    let column = records.iter().map(|record| whole(record.iteration));
    array(&mut zip, "iteration", &[iterations], column)?;
    let column = records.iter().map(|record| whole(record.context));
    array(&mut zip, "context", &[iterations], column)?;

    let number = |value: &Option<f64>| value.unwrap_or(f64::NAN);
    let of_layers = BEFORE_LAYERS..BEFORE_LAYERS + 2 * layers;
    for (at, name) in header(history).iter().skip(2).enumerate() {
        if !of_layers.contains(&at) {
            let column = rows.iter().map(|row| number(&row[at]));
            array(&mut zip, name, &[iterations], column)?;
        }
    }
    let shape = [iterations, layers as u64];
    for (name, from) in [
        ("gain", BEFORE_LAYERS),
        ("mean_absolute_weight", BEFORE_LAYERS + layers),
    ] {
        let block = rows.iter().flat_map(|row| &row[from..from + layers]);
        array(&mut zip, name, &shape, block.map(number))?;
    }
    text(&mut zip, "layers", &history.layers)?;
    Ok(zip.finish()?.into_inner())
}

/// Writes the array `name`, last dimension fastest.
fn array<T: AutoSerialize>(
    zip: &mut ZipWriter<impl Write + Seek>,
    name: &str,
    shape: &[u64],
    values: impl Iterator<Item = T>,
) -> io::Result<()> {
    begin(zip, name)?;
    let options = WriteOptions::new().default_dtype().shape(shape);
    let mut writer = options.writer(zip).begin_nd()?;
    writer.extend(values)?;
    writer.finish()
}

/// Writes the array `name` of texts, each as long as the longest.
fn text(zip: &mut ZipWriter<impl Write + Seek>, name: &str, texts: &[String]) -> io::Result<()> {
    begin(zip, name)?;
    let longest = texts.iter().map(|text| text.chars().count()).max();
    let kind = format!("<U{}", longest.unwrap_or(0).max(1));
    let kind = DType::Plain(kind.parse().map_err(io::Error::other)?);
    let options = WriteOptions::<str>::new()
        .dtype(kind)
        .shape(&[texts.len() as u64]);
    let mut writer = options.writer(zip).begin_nd()?;
    for text in texts {
        writer.push(text)?;
    }
    writer.finish()
}

fn begin(zip: &mut ZipWriter<impl Write + Seek>, name: &str) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .system(System::Unix)
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default());
    Ok(zip.start_file(format!("{name}.npy"), options)?)
}
