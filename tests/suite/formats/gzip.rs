//! Gzipped IDX files.

use super::mnist::{assert_is_the_written_mnist, write_mnist};
use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn gzipped_files_are_read_whatever_their_name() {
    for suffix in [".gz", ""] {
        let folder = folder();
        write_mnist(folder.path(), |file| format!("{file}{suffix}"), gzip);
        assert_is_the_written_mnist(folder.path());
    }
    let unpacked_by_a_browser = folder();
    write_mnist(
        unpacked_by_a_browser.path(),
        |file| format!("{file}.gz"),
        <[u8]>::to_vec,
    );
    assert_is_the_written_mnist(unpacked_by_a_browser.path());
}

#[test]
fn a_plain_file_is_taken_before_a_gzipped_one() {
    let folder = folder();
    write_mnist(folder.path(), str::to_string, <[u8]>::to_vec);
    write_mnist(
        folder.path(),
        |file| format!("{file}.gz"),
        |_| b"damaged".to_vec(),
    );
    assert_is_the_written_mnist(folder.path());
}

#[test]
fn a_changed_byte_of_the_data_or_the_checksum_is_found() {
    let whole = gzip(&IMAGES);
    // After the ten bytes of gzip's header, some of which (time, system) have no effect here.
    for at in 10..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        assert!(read_images(&damaged).is_err(), "byte {at}");
    }
    let mut damaged = whole.clone();
    let checksum = whole.len() - 8;
    damaged[checksum] ^= 1;
    assert_refused(read_images(&damaged), "images", &["gzip data are damaged"]);
}

#[test]
fn what_follows_the_gzip_data_is_found() {
    let trailing = [&gzip(&IMAGES)[..], b"trailing"].concat();
    assert_refused(read_images(&trailing), "images", &["gzip data are damaged"]);
    let inside = gzip(&[&IMAGES[..], &[0]].concat());
    assert_refused(read_images(&inside), "images", &["continues", "12 bytes"]);
    let short = gzip(&IMAGES[..27]);
    assert_refused(read_images(&short), "images", &["truncated", "11 bytes"]);
}

#[test]
fn a_bomb_is_not_unpacked_and_a_gzipped_claim_not_believed() {
    let bomb = gzip(&encode(&[2, 2, 3], &vec![0; 1 << 24]));
    assert!(bomb.len() < 1 << 15, "16 MiB in {} bytes", bomb.len());
    assert_refused(
        read_images(&bomb),
        "images",
        &["continues after the 12 bytes"],
    );
    // No gzip file this short can hold what the header claims.
    let claims = gzip(&encode(&[u32::MAX; 3], &[1; 12]));
    assert_refused(
        read_images(&claims),
        "images",
        &["truncated", "4294967295 × "],
    );
}

proptest! {
    #[test]
    fn a_truncated_gzip_file_is_an_error((bytes, keep) in truncated(gzip)) {
        prop_assert!(read_images(&bytes[..keep]).is_err());
    }
}
