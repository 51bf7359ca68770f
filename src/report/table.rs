//! Tables as aligned text and as CSV.

use crate::error::{Error, Result};

/// `rows` as lines of text; the first `left` columns are left-aligned, the others right-aligned. All rows have as many
/// columns as the first.
pub(crate) fn aligned(rows: &[Vec<String>], left: usize) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).filter_map(width).collect();
    let mut text = String::new();
    for row in rows {
        let padded = row.iter().zip(&widths).enumerate();
        let padded = padded.map(|(column, (cell, &width))| match column < left {
            true => format!("{cell:<width$}"),
            false => format!("{cell:>width$}"),
        });
        let line = padded.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `lines` as CSV; `name` is the file's name in errors.
pub(crate) fn csv<Line: AsRef<[String]>>(name: &str, lines: &[Line]) -> Result<String> {
    let failed = |reason: &dyn std::fmt::Display| Error::encoding(name, "CSV", reason);
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.write_record(line.as_ref()).map_err(|e| failed(&e))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(&e))?;
    String::from_utf8(bytes).map_err(|e| failed(&e))
}
