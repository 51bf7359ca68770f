//! Weights in the safetensors format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurogain::run::read_weights;

fuzz_target!(|bytes: &[u8]| {
    let path = neurogain_fuzz::file("weights.safetensors", bytes);
    for tensor in read_weights(&path).into_iter().flatten() {
        assert_eq!(tensor.shape.iter().product::<usize>(), tensor.numbers.len());
        assert!(tensor.numbers.iter().all(|number| number.is_finite()));
    }
});
