//! Settings: presets are consistent, every value is checked, and errors name what is wrong and where.
#![cfg(feature = "report")]

mod base;
mod declared;
mod files;
mod memory;
mod together;
mod values;

use neurogain::Error;
use neurogain::systems::stability_gap::Settings;

fn digits() -> Settings {
    Settings::preset("split-digits").expect("the preset is valid")
}

fn overridden(assignment: &str) -> Result<Settings, Error> {
    digits().with_overrides(&[assignment])
}

/// The name, value and expectation in the error for `assignment`.
fn refused(assignment: &str) -> (String, String, String) {
    match overridden(assignment) {
        Err(Error::Setting {
            name,
            value,
            expected,
        }) => (name, value, expected),
        other => panic!("{assignment}: {other:?}"),
    }
}
