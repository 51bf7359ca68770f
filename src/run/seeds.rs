//! Parsing of seeds.

use crate::error::{Error, Result};

/// Each seed is a run; a longer range is a typing error and would fill memory.
const MOST: u64 = 100_000;

/// Parses seeds such as `1,2,3`, a range such as `42..46` (both ends included: five seeds), or a mixture.
///
/// # Errors
/// [`Error::Setting`] for anything else.
pub fn parse_seeds(text: &str) -> Result<Vec<u64>> {
    let wrong = || {
        let expected = format!(
            "seeds such as 1,2,3 or a range such as 42..46 (five seeds: both ends included), at most {MOST}"
        );
        Error::setting("seeds", text, expected)
    };
    let number = |part: &str| part.trim().parse::<u64>().map_err(|_| wrong());
    let mut seeds = Vec::new();
    for part in text.split(',') {
        let (first, last) = match part.split_once("..") {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        let room = MOST - seeds.len() as u64;
        if last.checked_sub(first).is_none_or(|span| span >= room) {
            return Err(wrong());
        }
        seeds.extend(first..=last);
    }
    Ok(seeds)
}

/// Checks that TOML can represent the seeds.
pub(crate) fn check_seeds(seeds: &[u64]) -> Result<()> {
    let large = seeds.iter().find(|&&seed| i64::try_from(seed).is_err());
    large.map_or(Ok(()), |seed| {
        Err(Error::setting("training.seeds", seed, "seeds below 2⁶³"))
    })
}
