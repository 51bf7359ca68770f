//! The grid of a sweep: its lists, and the cells, which are the product of the lists.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::{Axis, Cell, Failure, Reading};
use crate::error::Error;
use crate::run::settings::{Document, changed, join, to_toml};

/// The size of a Slurm array unless its administrator raises it. Each cell is checked before any begins, which takes
/// some seconds for as many.
const MOST_CELLS: usize = 1000;
const LIST: &str = "a list of values, such as [0.1, 0.2]";

/// The lists of `table`, whether their paths are quoted (`"gain.eta" = […]`) or not (`gain.eta = […]`).
pub(super) fn flatten(prefix: &str, table: Table, grid: &mut Vec<Axis>) -> Reading<()> {
    for (name, value) in table {
        let key = join(prefix, &name);
        let values = match value {
            Value::Table(inner) => {
                flatten(&key, inner, grid)?;
                continue;
            }
            Value::Array(values) if !values.is_empty() => values,
            other => return Err(refused(&key, &other, LIST)),
        };
        if grid.iter().any(|axis: &Axis| axis.key == key) {
            let list = Value::Array(values);
            return Err(refused(&key, &list, "one list for each setting"));
        }
        grid.push(Axis { key, values });
    }
    Ok(())
}

fn refused(key: &str, value: &Value, expected: &str) -> Failure {
    Failure {
        key: join("grid", key),
        error: Error::setting(key, value, expected),
    }
}

/// The product of the lists, each cell checked.
pub(super) fn cells<D: Document>(base: &D, grid: &[Axis]) -> Reading<Vec<Cell<D>>> {
    let sizes = grid.iter().map(|axis| axis.values.len());
    let number = sizes
        .clone()
        .try_fold(1, usize::checked_mul)
        .filter(|&number| number <= MOST_CELLS)
        .ok_or_else(|| {
            // As f64, because a usize may not hold the product.
            let product: f64 = sizes.clone().map(|size| size as f64).product();
            let sizes: Vec<String> = sizes.clone().map(|size| size.to_string()).collect();
            let value = format!("{} = {product} cells", sizes.join(" × "));
            let expected = format!("at most {MOST_CELLS} cells");
            Failure::at("grid")(Error::setting("grid", value, expected))
        })?;
    let cells: Vec<Cell<D>> = (0..number)
        .map(|index| cell(base, grid, index))
        .collect::<Reading<_>>()?;
    each_once(&cells, grid)?;
    Ok(cells)
}

/// Refuses two values of a list that give the same settings, such as 1 and 1.0.
fn each_once<D: Document>(cells: &[Cell<D>], grid: &[Axis]) -> Reading<()> {
    let mut step = cells.len();
    for (place, axis) in grid.iter().enumerate() {
        // The cells with the first value of every other list.
        step /= axis.values.len();
        let mut known = BTreeSet::new();
        for cell in cells.iter().step_by(step).take(axis.values.len()) {
            let settings = to_toml(&cell.settings).map_err(Failure::at("grid"))?;
            if !known.insert(settings) {
                return Err(refused(&axis.key, &cell.values[place], "each value once"));
            }
        }
    }
    Ok(())
}

/// The cell with number `index` + 1.
fn cell<D: Document>(base: &D, grid: &[Axis], index: usize) -> Reading<Cell<D>> {
    let mut rest = index;
    let mut values = Vec::with_capacity(grid.len());
    for axis in grid.iter().rev() {
        values.push(axis.values[rest % axis.values.len()].clone());
        rest /= axis.values.len();
    }
    values.reverse();
    let chosen = grid.iter().zip(&values);
    let assignments: Vec<String> = chosen
        .map(|(axis, value)| format!("{}={value}", axis.key))
        .collect();
    let settings = changed(base, &assignments).map_err(|error| {
        let number = index + 1;
        match error {
            Error::Setting {
                name,
                value,
                expected,
            } => Failure {
                key: join("grid", &name),
                error: Error::Setting {
                    name,
                    value,
                    expected: format!("{expected} (cell {number}: {})", assignments.join(", ")),
                },
            },
            Error::Unknown { ref name, .. } => Failure {
                key: join("grid", name),
                error,
            },
            error => Failure::at("grid")(error),
        }
    })?;
    Ok(Cell {
        number: index + 1,
        settings,
        values,
    })
}
