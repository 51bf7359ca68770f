//! Settings of every system. Accepted settings survive writing and reading.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurogain::systems::comodulation::ComodulationSettings;
use neurogain::systems::plasticity::PlasticitySettings;
use neurogain::systems::stability_gap;

fuzz_target!(|text: &str| {
    macro_rules! check {
        ($type:ty) => {
            if let Ok(settings) = <$type>::from_toml(text, "fuzzed") {
                let written = settings.to_toml().expect("valid settings");
                let again = <$type>::from_toml(&written, "written").expect("written settings");
                assert_eq!(again, settings);
            }
        };
    }
    check!(stability_gap::Settings);
    check!(ComodulationSettings);
    check!(PlasticitySettings);
});
