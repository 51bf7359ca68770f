//! PNG and JPEG files, through a folder of images.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurogain::data::folder;

fuzz_target!(|bytes: &[u8]| {
    for name in ["train/a/image.png", "test/a/image.png"] {
        neurogain_fuzz::file(name, bytes);
    }
    if let Ok(loaded) = folder::load(&neurogain_fuzz::folder(), 3, 5) {
        assert_eq!(loaded.samples.train, loaded.samples.test);
    }
});
