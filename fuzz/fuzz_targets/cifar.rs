//! CIFAR's binary files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurogain::data::cifar;

fuzz_target!(|bytes: &[u8]| {
    for name in cifar::FILES_10.iter().chain(&cifar::FILES_100) {
        neurogain_fuzz::file(name, bytes);
    }
    let folder = neurogain_fuzz::folder();
    for (loaded, classes) in [(cifar::load_10(&folder), 10), (cifar::load_100(&folder), 100)] {
        if let Ok(loaded) = loaded {
            assert!(loaded.train.labels().iter().all(|&label| label < classes));
        }
    }
});
