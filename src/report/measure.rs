//! Measures, declared as rows of a table. Tables, CSV, JSON, differences, sweeps, charts and pages are made from the
//! rows: to add a measure, add a function and a row.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::format::{NONE, Unit};
use crate::metrics::{PairedDifference, Summary, paired_difference, summarize};

/// The better direction of a measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Higher.
    Higher,
    /// Lower.
    Lower,
    /// Neither.
    Neither,
}

/// Where a measure is shown. All measures are in files and on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// In the terminal's table and in charts.
    TableAndChart,
    /// In the terminal's table.
    Table,
    /// In charts, including those of sweeps.
    Chart,
    /// In the charts of a page.
    PageChart,
    /// On the page only.
    PageOnly,
}

/// A number that is computed from an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Its name in files.
    pub name: &'static str,
    /// Its name in tables, without the unit.
    pub label: &'static str,
    /// How it is printed.
    pub unit: Unit,
    /// The better direction.
    pub better: Better,
    /// The group of measures that share a table on the page.
    pub group: &'static str,
    /// Where it is shown.
    pub shown: Shown,
    /// Its definition on the page; empty if the page's text defines it.
    pub definition: &'static str,
}

/// A row of the table of measures: a measure, and the function that computes it from an outcome.
pub(crate) struct MeasureOf<Outcome> {
    pub(crate) measure: Measure,
    /// The value; `None` if the outcome does not have it.
    pub(crate) of: fn(&Outcome) -> Option<f64>,
}

impl<Outcome> MeasureOf<Outcome> {
    /// A row of the table.
    pub(crate) const fn new(
        name: &'static str,
        label: &'static str,
        unit: Unit,
        better: Better,
        group: &'static str,
        shown: Shown,
        of: fn(&Outcome) -> Option<f64>,
    ) -> Self {
        MeasureOf {
            measure: Measure {
                name,
                label,
                unit,
                better,
                group,
                shown,
                definition: "",
            },
            of,
        }
    }

    /// The row with a definition for the page.
    pub(crate) const fn defined(mut self, definition: &'static str) -> Self {
        self.measure.definition = definition;
        self
    }
}

impl Measure {
    pub(crate) fn in_table(&self) -> bool {
        matches!(self.shown, Shown::Table | Shown::TableAndChart)
    }

    pub(crate) fn in_charts(&self) -> bool {
        matches!(self.shown, Shown::Chart | Shown::TableAndChart)
    }

    pub(crate) fn in_page_charts(&self) -> bool {
        self.in_charts() || self.shown == Shown::PageChart
    }

    /// The heading of its column, such as `ECE %`.
    pub(crate) fn heading(&self) -> String {
        match self.unit {
            Unit::Percent => format!("{} %", self.label),
            _ => self.label.into(),
        }
    }

    /// The heading with an arrow in the better direction.
    pub(crate) fn heading_with_arrow(&self) -> String {
        let arrow = match self.better {
            Better::Higher => " ↑",
            Better::Lower => " ↓",
            Better::Neither => "",
        };
        self.heading() + arrow
    }

    /// The title of its axis, such as `ECE (%)`.
    pub(crate) fn axis_title(&self) -> String {
        format!("{}{}", self.label, self.unit.suffix())
    }

    /// Its mean and standard deviation in `measured`; `None` if missing, or for a gain that does not move.
    pub(crate) fn summary<'a>(&self, measured: &'a ByMeasure<Summary>) -> Option<&'a Summary> {
        let moves = |summary: &&Summary| self.unit != Unit::Gain || summary.mean != 1.0;
        measured.get(self.name).filter(moves)
    }

    /// Mean ± standard deviation over seeds as text; a dash if missing.
    pub(crate) fn cell(&self, measured: &ByMeasure<Summary>) -> String {
        let summary = self.summary(measured);
        summary.map_or(NONE.into(), |s| self.unit.mean_and_spread(s))
    }

    /// A difference, with its interval if it has one; a dash if missing.
    pub(crate) fn difference(&self, measured: &ByMeasure<PairedDifference>) -> String {
        let Some(found) = measured.get(self.name) else {
            return NONE.into();
        };
        let [mean, low, high] = match found.interval {
            Some([low, high]) => [found.mean, low, high].map(|v| self.unit.difference(v)),
            None => return self.unit.difference(found.mean),
        };
        format!("{mean} [{low}, {high}]")
    }
}

/// Values of measures by name; only measures with a value are present. In JSON, a map.
#[derive(Debug, Clone, PartialEq)]
pub struct ByMeasure<T>(Vec<(&'static str, T)>);

impl<T> ByMeasure<T> {
    /// The value of the measure called `name`.
    pub fn get(&self, name: &str) -> Option<&T> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value)
    }

    /// Collects the values of `of` for each of `measures`.
    pub(crate) fn new(measures: &[Measure], of: impl Fn(&Measure) -> Option<T>) -> Self {
        let found = measures.iter();
        ByMeasure(found.filter_map(|m| Some((m.name, of(m)?))).collect())
    }
}

impl ByMeasure<f64> {
    /// Computes the measures of `outcome`.
    pub(crate) fn of<Outcome>(rows: &[MeasureOf<Outcome>], outcome: &Outcome) -> Self {
        Self::of_each(rows, |of| of(outcome))
    }

    /// Collects the values of `value` for each row's function.
    pub(crate) fn of_each<Outcome>(
        rows: &[MeasureOf<Outcome>],
        value: impl Fn(fn(&Outcome) -> Option<f64>) -> Option<f64>,
    ) -> Self {
        let found = rows.iter();
        let found = found.filter_map(|row| Some((row.measure.name, value(row.of)?)));
        ByMeasure(found.collect())
    }
}

impl<T> Default for ByMeasure<T> {
    fn default() -> Self {
        ByMeasure(Vec::new())
    }
}

impl<T: Serialize> Serialize for ByMeasure<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Mean and standard deviation over `seeds` of each of `measures` that all seeds have.
pub(crate) fn over_seeds(measures: &[Measure], seeds: &[&ByMeasure<f64>]) -> ByMeasure<Summary> {
    ByMeasure::new(measures, |measure| {
        let values = seeds.iter().map(|seed| seed.get(measure.name).copied());
        let values: Vec<f64> = values.collect::<Option<_>>()?;
        (!values.is_empty()).then(|| summarize(&values))
    })
}

/// The common seeds, and the paired difference, first minus second, of each of `measures` over them.
pub(crate) fn differences(
    measures: &[Measure],
    first: &[(u64, &ByMeasure<f64>)],
    second: &[(u64, &ByMeasure<f64>)],
) -> (Vec<u64>, ByMeasure<PairedDifference>) {
    let mut seeds = Vec::new();
    let mut pairs = Vec::new();
    for (seed, own) in first {
        if let Some((_, other)) = second.iter().find(|(other, _)| other == seed) {
            seeds.push(*seed);
            pairs.push((own, other));
        }
    }
    let differences = ByMeasure::new(measures, |measure| {
        let both = pairs.iter();
        let values = both.map(|(a, b)| Some((*a.get(measure.name)?, *b.get(measure.name)?)));
        let values: Vec<(f64, f64)> = values.collect::<Option<_>>()?;
        (!values.is_empty()).then(|| paired_difference(&values))
    });
    (seeds, differences)
}
