//! The shipped digits are the original's, split by the rule in their documentation.

use neurogain::data::{Dataset, digits};

const RECORDS: &[u8] = include_bytes!("../../data/digits/digits.bin");

/// CRC-32 as in gzip and zlib, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

fn per_class(dataset: &Dataset) -> Vec<usize> {
    (0..10).map(|c| dataset.of_classes(&[c]).len()).collect()
}

#[test]
fn the_bytes_are_the_ones_that_were_converted() {
    assert_eq!(
        crc32(b"123456789"),
        0xcbf4_3926,
        "the check value of CRC-32"
    );
    assert_eq!(RECORDS.len(), 1797 * 65);
    assert_eq!(crc32(RECORDS), 0xe7d8_9aa3);
    let readme = include_str!("../../data/digits/README.md");
    assert!(readme.contains("e7d89aa3"), "the README names the checksum");
}

#[test]
fn every_class_has_the_published_number_of_images_and_a_third_of_them_is_test() {
    let digits = digits::load();
    // The class distribution that the data set's own description gives.
    let published = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];
    let test: Vec<usize> = published.iter().map(|n| n / 3).collect();
    let train: Vec<usize> = published.iter().map(|n| n - n / 3).collect();
    assert_eq!(per_class(&digits.test), test);
    assert_eq!(per_class(&digits.train), train);
    for half in [&digits.train, &digits.test] {
        assert_eq!((half.features(), half.classes()), (64, 10));
        assert_eq!(half.pixels().iter().max(), Some(&digits::MAXIMUM));
    }
}

#[test]
fn the_third_sixth_ninth_of_each_class_are_test_and_nothing_is_lost_or_moved() {
    let digits = digits::load();
    for class in 0..10 {
        let mut train = digits.train.of_classes(&[class]).into_iter();
        let mut test = digits.test.of_classes(&[class]).into_iter();
        let records = RECORDS.chunks(65).filter(|record| record[64] == class);
        for (number, record) in (1..).zip(records) {
            let (half, index) = match number % 3 {
                0 => (&digits.test, test.next()),
                _ => (&digits.train, train.next()),
            };
            let start = 64 * index.expect("a sample for every record") as usize;
            assert_eq!(half.pixels()[start..start + 64], record[..64]);
        }
        assert_eq!((train.next(), test.next()), (None, None));
    }
}

#[test]
fn a_known_image_is_upright() {
    // The eighth sample is a seven with a bar, which looks different when rotated or flipped.
    let digits = digits::load();
    assert_eq!(digits.train.labels()[7], 7);
    let rows: Vec<String> = digits.train.pixels()[7 * 64..8 * 64]
        .chunks(8)
        .map(|row| row.iter().map(|&p| if p > 4 { '#' } else { '.' }).collect())
        .collect();
    let expected = [
        "..#####.", "..##.##.", "....##..", "..#####.", "..###...", "...##...", "..##....",
        "..##....",
    ];
    assert_eq!(rows, expected);
}
