//! Suggestions for mistyped names.

use crate::error::Error;

/// [`Error::Unknown`] for the unrecognised `name`, with the nearest of `known`; `kind` is a noun such as "benchmark".
pub fn unknown(kind: &'static str, name: &str, known: &[String]) -> Error {
    Error::Unknown {
        kind,
        name: name.to_string(),
        nearest: nearest(name, known),
        known: known.join(", "),
    }
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
