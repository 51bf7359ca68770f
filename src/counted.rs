//! Numbers of things in messages.

use alloc::format;
use alloc::string::String;

/// A number of things whose singular is `one`: `1 seed`, `2 seeds`, `2 classes`.
pub(crate) fn counted(number: usize, one: &str) -> String {
    let ending = match number {
        1 => "",
        _ if one.ends_with('s') => "es",
        _ => "s",
    };
    format!("{number} {one}{ending}")
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_singular() {
        let texts = [0, 1, 2].map(|number| counted(number, "seed"));
        assert_eq!(texts, ["0 seeds", "1 seed", "2 seeds"]);
        assert_eq!(
            [counted(1, "class"), counted(3, "class")],
            ["1 class", "3 classes"]
        );
    }
}
