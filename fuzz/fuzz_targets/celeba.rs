//! CelebA's lists, separated by a zero byte. There are no images: a list that can be read ends in that error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurogain::data::celeba;

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let (attributes, partition) = bytes.split_at(end);
    let partition = partition.get(1..).unwrap_or_default();
    for (name, text) in celeba::FILES.iter().zip([attributes, partition]) {
        neurogain_fuzz::file(name, text);
    }
    neurogain_fuzz::file("img_align_celeba/other.txt", b"");
    assert!(celeba::load(&neurogain_fuzz::folder(), 2, None).is_err());
});
