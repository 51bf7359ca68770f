//! IDX files: an image file or a label file, plain or compressed with gzip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurogain::data::idx;

fuzz_target!(|bytes: &[u8]| {
    let path = neurogain_fuzz::file("idx", bytes);
    if let Ok(images) = idx::read_images(&path) {
        assert!(images.shape().features().is_some());
    }
    if let Ok(labels) = idx::read_labels(&path, 10) {
        assert!(labels.iter().all(|&label| label < 10));
    }
});
