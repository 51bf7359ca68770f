//! The known name that a mistyped one most likely meant.

use crate::error::Error;

/// [`Error::Unknown`] for `name`, which stands for no `kind` (a noun: "benchmark"), with the nearest of `known`.
pub fn unknown(kind: &'static str, name: &str, known: &[String]) -> Error {
    Error::Unknown {
        kind,
        name: name.to_string(),
        nearest: nearest(name, known),
        known: known.join(", "),
    }
}

/// The name at the smallest edit distance, if that is at most a third of the length or if one name
/// contains the other (`mnist` for `split-mnist`, `eta` for `gain.eta`).
fn nearest(name: &str, known: &[String]) -> Option<String> {
    // Edit distance is quadratic; nobody mistypes a name this long.
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
