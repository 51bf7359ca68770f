//! The lengths that the kernels' operands must have, on every backend.

use alloc::format;

use super::{
    Backend, Convolution, Normalisation, Normalise, NormaliseBackward, PixelMaps, Placement,
    Pooling, Product, sums,
};
use crate::error::{Error, Result};
use crate::shape::LANES;

/// Fails unless each `(name, found, expected)` has the length it should.
pub fn lengths(operation: &'static str, lengths: &[(&str, usize, usize)]) -> Result<()> {
    for (name, found, expected) in lengths {
        if found != expected {
            return Err(Error::shape(
                operation,
                format!("{name} of {expected} numbers"),
                format!("{found}"),
            ));
        }
    }
    Ok(())
}

/// The product of sizes, unless it overflows.
fn numbers(operation: &'static str, sizes: &[usize]) -> Result<usize> {
    sizes
        .iter()
        .try_fold(1, |product: usize, size| product.checked_mul(*size))
        .ok_or_else(|| {
            Error::shape(
                operation,
                "sizes that memory can hold",
                format!("{sizes:?}"),
            )
        })
}

/// Fails unless each operand `(name, floats, expected)` that is given has the length it should.
fn operands<B: Backend>(
    backend: &B,
    operation: &'static str,
    operands: &[(&str, Option<&B::Floats>, usize)],
) -> Result<()> {
    for (name, floats, expected) in operands {
        if let Some(floats) = floats {
            lengths(operation, &[(name, backend.length(floats), *expected)])?;
        }
    }
    Ok(())
}

/// The operands of what goes number by number: each as long as the first that is read.
pub fn as_long_as<B: Backend>(
    backend: &B,
    operation: &'static str,
    read: &B::Floats,
    others: &[(&str, &B::Floats)],
) -> Result<()> {
    let length = backend.length(read);
    for (name, floats) in others {
        lengths(operation, &[(name, backend.length(floats), length)])?;
    }
    Ok(())
}

/// An operand that is one number.
pub fn one_number<B: Backend>(
    backend: &B,
    operation: &'static str,
    name: &str,
    floats: &B::Floats,
) -> Result<()> {
    lengths(operation, &[(name, backend.length(floats), 1)])
}

/// The operands of a mean entropy.
pub fn mean_entropy<B: Backend>(backend: &B, totals: &B::Floats, drive: &B::Floats) -> Result<()> {
    operands(
        backend,
        "mean entropy",
        &[
            ("totals", Some(totals), sums::COUNT),
            ("drive", Some(drive), 1),
        ],
    )
}

/// The operands of a download of several.
pub fn download_each<'a, B: Backend>(
    backend: &B,
    parts: impl Iterator<Item = &'a B::Floats>,
    host: usize,
) -> Result<()> {
    let length = parts.map(|part| backend.length(part)).sum();
    lengths("download of several", &[("host", host, length)])
}

/// The operands of an update of gains: one drive for all of them, or one for each.
pub fn gain_update<B: Backend>(backend: &B, drive: &B::Floats, g: &B::Floats) -> Result<()> {
    match backend.length(drive) {
        1 => Ok(()),
        drives => lengths("gain update", &[("drive", drives, backend.length(g))]),
    }
}

/// The operands of a product: `x` and `y` as forward.
pub fn product<B: Backend>(
    backend: &B,
    operation: &'static str,
    dimensions: Product,
    gain: Option<&B::Floats>,
    operands: [&B::Floats; 3],
) -> Result<()> {
    let Product {
        blocks,
        outputs,
        inputs,
    } = dimensions;
    let expected = [
        numbers(operation, &[outputs, inputs])?,
        numbers(operation, &[blocks, inputs, LANES])?,
        numbers(operation, &[blocks, outputs, LANES])?,
    ];
    weighted(backend, operation, (gain, outputs), operands, expected)
}

/// The operands of a convolution, `x` and `y` as forward; gives rows and columns of y.
pub fn convolution<B: Backend>(
    backend: &B,
    operation: &'static str,
    dimensions: Convolution,
    gain: Option<&B::Floats>,
    operands: [&B::Floats; 3],
) -> Result<[usize; 2]> {
    let (outputs, expected) = (dimensions.outputs, dimensions.lengths()?);
    weighted(backend, operation, (gain, outputs), operands, expected)?;
    dimensions.output()
}

/// Gains, if there are any, one for each output, and w, x and y of the expected lengths.
fn weighted<B: Backend>(
    backend: &B,
    operation: &'static str,
    (gain, outputs): (Option<&B::Floats>, usize),
    [w, x, y]: [&B::Floats; 3],
    [w_length, x_length, y_length]: [usize; 3],
) -> Result<()> {
    operands(
        backend,
        operation,
        &[
            ("gain", gain, outputs),
            ("w", Some(w), w_length),
            ("x", Some(x), x_length),
            ("y", Some(y), y_length),
        ],
    )
}

/// The operands of a pooling, with their names: those of x's length, then the one of y's.
pub fn pooling<B: Backend>(
    backend: &B,
    operation: &'static str,
    dimensions: Pooling,
    of_x: &[(&str, &B::Floats)],
    (name, y): (&str, &B::Floats),
) -> Result<()> {
    let [x_length, y_length] = dimensions.lengths()?;
    for (name, x) in of_x {
        lengths(operation, &[(name, backend.length(x), x_length)])?;
    }
    lengths(operation, &[(name, backend.length(y), y_length)])
}

/// The operands of the statistics of a batch.
pub fn batch_statistics<B: Backend>(
    backend: &B,
    dimensions: Normalisation,
    x: &B::Floats,
    running: &B::Floats,
    statistics: &B::Floats,
) -> Result<()> {
    let operation = "batch statistics";
    let channels = dimensions.channels;
    operands(
        backend,
        operation,
        &[
            ("x", Some(x), dimensions.length()?),
            ("running", Some(running), 2 * channels),
            ("statistics", Some(statistics), 2 * channels),
        ],
    )?;
    if dimensions.samples * dimensions.pixels < 2 {
        let expected = "more than one number in a channel, for a variance";
        return Err(Error::shape(operation, expected, format!("{dimensions:?}")));
    }
    Ok(())
}

/// The operands of a normalisation.
pub fn normalise<B: Backend>(
    backend: &B,
    given: &Normalise<'_, B::Floats>,
    y: &B::Floats,
) -> Result<()> {
    let length = given.dimensions.length()?;
    let channels = given.dimensions.channels;
    operands(
        backend,
        "normalise",
        &[
            ("statistics", Some(given.statistics), 2 * channels),
            ("gamma", Some(given.gamma), channels),
            ("beta", Some(given.beta), channels),
            ("x", Some(given.x), length),
            ("residual", given.residual, length),
            ("y", Some(y), length),
        ],
    )
}

/// The operands of a normalisation's gradient.
pub fn normalise_backward<B: Backend>(
    backend: &B,
    given: &NormaliseBackward<'_, B::Floats>,
    dy: &B::Floats,
    residual: Option<&B::Floats>,
    dgamma: &B::Floats,
    dbeta: &B::Floats,
) -> Result<()> {
    let length = given.dimensions.length()?;
    let channels = given.dimensions.channels;
    operands(
        backend,
        "normalise backward",
        &[
            ("statistics", Some(given.statistics), 2 * channels),
            ("gamma", Some(given.gamma), channels),
            ("x", Some(given.x), length),
            ("y", given.y, length),
            ("dy", Some(dy), length),
            ("residual", residual, length),
            ("dgamma", Some(dgamma), channels),
            ("dbeta", Some(dbeta), channels),
        ],
    )
}

/// The operands of the loss but the labels' values, which are for [`labels`].
pub fn softmax_cross_entropy<B: Backend>(
    backend: &B,
    [samples, classes]: [usize; 2],
    logits: &B::Floats,
    labels: usize,
    gradient: Option<&B::Floats>,
    totals: &B::Floats,
) -> Result<()> {
    let operation = "softmax cross-entropy";
    let stored = numbers(operation, &[samples.div_ceil(LANES), LANES, classes])?;
    operands(
        backend,
        operation,
        &[
            ("logits", Some(logits), stored),
            ("gradient", gradient, stored),
            ("totals", Some(totals), sums::COUNT),
        ],
    )?;
    lengths(operation, &[("labels", labels, samples)])?;
    if classes == 0 || samples == 0 {
        return Err(Error::shape(
            operation,
            "at least one class and one sample",
            format!("{classes} classes, {samples} samples"),
        ));
    }
    Ok(())
}

/// Refuses labels that are not below `classes`.
pub fn labels(labels: &[u8], classes: usize) -> Result<()> {
    match labels.iter().find(|label| usize::from(**label) >= classes) {
        Some(label) => {
            let expected = format!("labels below {classes}");
            Err(Error::shape("softmax cross-entropy", expected, label))
        }
        None => Ok(()),
    }
}

/// The maps of a gathering; `sources` is the length of their list.
pub fn pixel_maps<B>(
    operation: &'static str,
    maps: &PixelMaps<'_, B>,
    sources: usize,
    samples: usize,
    features: usize,
) -> Result<()> {
    lengths(operation, &[("maps", maps.of.len(), samples)])?;
    let map = numbers(operation, &[maps.pixels, 4])?;
    if map == 0 || !features.is_multiple_of(maps.pixels) || !sources.is_multiple_of(map) {
        let expected = format!("maps of pixels that divide {features} features, four bytes each");
        let found = format!("{} pixels, {sources} bytes", maps.pixels);
        return Err(Error::shape(operation, expected, found));
    }
    indices(operation, maps.of, sources / map)
}

/// The operands of a gathering of rows.
pub fn gather(
    pixels: usize,
    table: usize,
    indices: &[u32],
    features: usize,
    out: usize,
) -> Result<()> {
    let stored = numbers("gather", &[indices.len().div_ceil(LANES), LANES, features])?;
    lengths("gather", &[("out", out, stored)])?;
    if table == 0 || !table.is_multiple_of(256) {
        return Err(Error::shape("gather", "a table of channels × 256", table));
    }
    let rows = pixels.checked_div(features).unwrap_or(0);
    self::indices("gather", indices, rows)
}

/// The operands of a gathering of images; gives the number of tables: one may serve all channels.
pub fn gather_images(
    pixels: usize,
    shape: [usize; 3],
    table: usize,
    indices: &[u32],
    placements: &[Placement],
    out: usize,
) -> Result<usize> {
    let operation = "gather images";
    let features = numbers(operation, &shape)?;
    let tables = if table == 256 { 1 } else { shape[2] };
    let blocks = indices.len().div_ceil(LANES);
    lengths(
        operation,
        &[
            ("table", table, numbers(operation, &[tables, 256])?),
            ("placements", placements.len(), indices.len()),
            ("out", out, numbers(operation, &[blocks, LANES, features])?),
        ],
    )?;
    let images = pixels.checked_div(features).unwrap_or(0);
    self::indices(operation, indices, images)?;
    Ok(tables)
}

/// Refuses an index that is not below `count`.
pub fn indices(operation: &'static str, indices: &[u32], count: usize) -> Result<()> {
    match indices.iter().find(|&&index| index as usize >= count) {
        Some(index) => {
            let expected = format!("an index below {count}");
            Err(Error::shape(operation, expected, index))
        }
        None => Ok(()),
    }
}
