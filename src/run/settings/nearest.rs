//! Suggestions for mistyped names.

use crate::error::Error;

/// [`Error::Unknown`] for the unrecognised `name`, with the nearest of `known`; `kind` is a noun such as "benchmark".
pub fn unknown(kind: &'static str, name: &str, known: &[String]) -> Error {
    Error::Unknown {
        kind,
        name: name.to_string(),
        nearest: nearest(name, known)
            .or_else(|| abbreviated(name, known))
            .or_else(|| without_its_table(name, known)),
        known: listed(name, known),
    }
}

/// More settings than this are not listed in one line.
const MOST_LISTED: usize = 20;

/// All known names; of many settings, those of the same table as `name`, or else the tables.
fn listed(name: &str, known: &[String]) -> String {
    let have_tables = known.iter().any(|candidate| candidate.contains('.'));
    if known.len() <= MOST_LISTED || !have_tables {
        return known.join(", ");
    }
    if let Some((table, _)) = name.rsplit_once('.') {
        let table = format!("{table}.");
        let same: Vec<&str> = known
            .iter()
            .map(String::as_str)
            .filter(|candidate| candidate.starts_with(&table))
            .collect();
        if !same.is_empty() {
            return same.join(", ");
        }
    }
    let mut tables: Vec<&str> = known
        .iter()
        .map(|candidate| candidate.split('.').next().unwrap_or(candidate))
        .collect();
    tables.dedup();
    format!("{}; `neurogain list --keys` prints all", tables.join(", "))
}

/// The name in the same table whose words begin with the letters of `name`: `training.learning_rate` for `training.lr`.
fn abbreviated(name: &str, known: &[String]) -> Option<String> {
    let parts = |name: &str| {
        let (table, last) = name.rsplit_once('.').unwrap_or(("", name));
        (table.to_string(), last.to_lowercase())
    };
    let (table, letters) = parts(name);
    let of_words = |last: &str| {
        last.split('_')
            .filter_map(|word| word.chars().next())
            .collect()
    };
    known
        .iter()
        .find(|candidate| {
            let (other, last) = parts(candidate);
            let words: String = of_words(&last);
            other == table && last.contains('_') && words == letters
        })
        .cloned()
}

/// The name whose last part is nearest to a name without a table: `training.batch` for `bacth`.
fn without_its_table(name: &str, known: &[String]) -> Option<String> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_string();
    let parts: Vec<String> = known.iter().map(|candidate| last(candidate)).collect();
    let part = nearest(name, &parts).filter(|_| !name.contains('.'))?;
    known
        .iter()
        .find(|candidate| last(candidate) == part)
        .cloned()
}

/// The name at the smallest edit distance, if the distance is at most a third of the length or one name contains the
/// other (`mnist` and `split-mnist`, `eta` and `gain.eta`).
fn nearest(name: &str, known: &[String]) -> Option<String> {
    // Edit distance takes quadratic time; a name this long is not a typing error.
    if name.is_empty() || name.len() > 200 {
        return None;
    }
    let name = name.to_lowercase();
    known
        .iter()
        .map(|candidate| {
            let lower = candidate.to_lowercase();
            let distance = strsim::osa_distance(&name, &lower);
            let allowed = (name.chars().count() / 3).max(1);
            let contained = name.len() >= 3 && (lower.contains(&name) || name.contains(&lower));
            (distance <= allowed || contained, distance, candidate)
        })
        .filter(|(near, ..)| *near)
        .min_by_key(|(_, distance, _)| *distance)
        .map(|(.., candidate)| candidate.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    fn keys() -> Vec<String> {
        let training = ["learning_rate", "batch", "seeds"].map(|key| format!("training.{key}"));
        let data = (0..30).map(|i| format!("data.key{i}"));
        training.into_iter().chain(data).collect()
    }

    #[test]
    fn an_abbreviation_is_understood_in_its_own_table() {
        let Error::Unknown { nearest, .. } = unknown("setting", "training.lr", &keys()) else {
            panic!("an unknown name");
        };
        assert_eq!(nearest.as_deref(), Some("training.learning_rate"));
        assert_eq!(abbreviated("data.lr", &keys()), None);
        let batch = without_its_table("bacth", &keys());
        assert_eq!(batch.as_deref(), Some("training.batch"));
        assert_eq!(without_its_table("data.bacth", &keys()), None);
    }

    #[test]
    fn of_many_names_those_of_the_table_are_listed_or_the_tables() {
        assert_eq!(
            listed("training.zzz", &keys()),
            "training.learning_rate, training.batch, training.seeds"
        );
        assert_eq!(
            listed("zzz", &keys()),
            "training, data; `neurogain list --keys` prints all"
        );
        assert_eq!(
            listed("zzz", &keys()[..2]),
            "training.learning_rate, training.batch"
        );
    }
}
