//! Event files: one event for each iteration. `tests/other_programs` reads them with TensorBoard.

use std::fs;

use tempfile::TempDir;

use super::synthetic::odd_events;

/// The data of the records in an event file, with lengths and checksums checked bit by bit.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    /// CRC-32C one bit at a time, then masked.
    fn checksum(data: &[u8]) -> u32 {
        let mut crc = u32::MAX;
        for byte in data {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
            }
        }
        (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_at(8);
        let (length_sum, rest) = rest.split_at(4);
        assert_eq!(length_sum, checksum(length).to_le_bytes());
        let length = u64::from_le_bytes(length.try_into().unwrap());
        let (data, rest) = rest.split_at(length as usize);
        let (data_sum, rest) = rest.split_at(4);
        assert_eq!(data_sum, checksum(data).to_le_bytes());
        found.push(data);
        bytes = rest;
    }
    found
}

/// The first record is the version; each iteration then has one event, and the bytes never change.
#[test]
fn an_event_an_iteration_after_the_version() {
    let folder = TempDir::new().unwrap();
    let bytes = fs::read(odd_events(&folder)).unwrap();
    let records = records(&bytes);
    assert_eq!(records.len(), 1 + 3);
    assert!(records[0].ends_with(b"brain.Event:2"));
    // Field 1, a double: the time; field 2, a number: the step.
    let third = [&[9][..], &3f64.to_le_bytes(), &[16, 3]].concat();
    assert!(records[3].starts_with(&third), "{:?}", records[3]);
    let folder = TempDir::new().unwrap();
    assert!(fs::read(odd_events(&folder)).unwrap() == bytes);
}
