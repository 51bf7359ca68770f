//! Tables as aligned text and as CSV.

use std::borrow::Cow;

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

/// A cell of CSV that no spreadsheet program takes for a formula: text that begins like one gets an apostrophe before it,
/// as OWASP recommends. Numbers stay.
fn no_formula(cell: &str) -> Cow<'_, str> {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err() {
        true => Cow::Owned(format!("'{cell}")),
        false => Cow::Borrowed(cell),
    }
}

/// `lines` as CSV; `name` is the file's name in errors.
pub(crate) fn csv<Line: AsRef<[String]>>(name: &str, lines: &[Line]) -> Result<String> {
    let failed = |reason: &dyn std::fmt::Display| Error::encoding(name, "CSV", reason);
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        let cells = line
            .as_ref()
            .iter()
            .map(|cell| no_formula(cell).into_owned());
        writer.write_record(cells).map_err(|e| failed(&e))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(&e))?;
    String::from_utf8(bytes).map_err(|e| failed(&e))
}

#[cfg(test)]
mod tests {
    use super::csv;

    #[test]
    fn no_cell_is_a_formula() {
        let cells = [
            "=1+1", "+a", "-b", "@c", "\td", "-1.5", "+2", "a=b", "−3", "",
        ];
        let text = csv("t", &[cells.map(String::from)]).expect("text");
        assert_eq!(text, "'=1+1,'+a,'-b,'@c,'\td,-1.5,+2,a=b,−3,\n");
    }
}
