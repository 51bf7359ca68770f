//! Sweeps of every system. The cells of an accepted sweep survive writing and reading.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurogain::run::{Sweep, SweepSource};
use neurogain::run::settings::Document;
use neurogain::systems::comodulation::ComodulationSettings;
use neurogain::systems::plasticity::PlasticitySettings;
use neurogain::systems::stability_gap;

fn check<D: Document + PartialEq>(source: &SweepSource) {
    if let Ok(sweep) = Sweep::<D>::read(source) {
        let written = sweep.to_toml().expect("a valid sweep");
        let path = neurogain_fuzz::file("written.toml", written.as_bytes());
        let again = SweepSource::from_file(&path).expect("a written sweep");
        let again = Sweep::<D>::read(&again).expect("a written sweep");
        assert_eq!(again.cells().len(), sweep.cells().len());
        let pairs = again.cells().iter().zip(sweep.cells());
        assert!(pairs.into_iter().all(|(a, b)| a.settings == b.settings));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let path = neurogain_fuzz::file("sweep.toml", bytes);
    if let Ok(source) = SweepSource::from_file(&path) {
        check::<stability_gap::Settings>(&source);
        check::<ComodulationSettings>(&source);
        check::<PlasticitySettings>(&source);
    }
});
