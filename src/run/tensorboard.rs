//! Records as a TensorBoard event file, one event per step.
//!
//! A record is the length of its data (u64, little-endian), that length's checksum, the data, the data's
//! checksum. A checksum is the CRC-32C, rotated right by 15 bits, plus 0xa282ead8 (TensorFlow,
//! `lib/io/record_writer`). The data is a protocol-buffer message `Event` (`util/event.proto`).
//!
//! The event's time is the step number in seconds, not the clock's time, so that equal records give equal bytes.

use crc::{CRC_32_ISCSI, Crc};
use prost::Message;

use super::{Column, Records};

/// The first entry of every event file.
const VERSION: &str = "brain.Event:2";
static CRC_32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// The fields of `Event` that scalars need.
#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    // Optional, because the encoding omits a plain 0, and the value would then be missing.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// Encodes `records` as an event file. Each number of a column that is not a count becomes a scalar at the step of its
/// row: `train_loss` becomes `train/loss`, the gain of a layer `gain/LAYER`.
pub(super) fn to_events(records: &Records) -> Vec<u8> {
    let tags: Vec<Option<String>> = records.columns.iter().map(tag).collect();
    let mut bytes = Vec::new();
    let first = Event {
        file_version: Some(VERSION.into()),
        ..Event::default()
    };
    write_record(&first, &mut bytes);
    for (step, row) in (1..).zip(&records.rows) {
        let values = tags.iter().zip(row).filter_map(|(tag, number)| {
            Some(Value {
                tag: tag.clone()?,
                simple_value: Some((*number)? as f32),
            })
        });
        let event = Event {
            wall_time: f64::from(step),
            step: i64::from(step),
            file_version: None,
            summary: Some(Summary {
                value: values.collect(),
            }),
        };
        write_record(&event, &mut bytes);
    }
    bytes
}

/// A column's name as a tag; TensorBoard groups tags by the part before the slash. `None` for a column of counts.
fn tag(column: &Column) -> Option<String> {
    match (&column.layer, column.counts) {
        (_, true) => None,
        (Some(layer), false) => Some(format!("{}/{layer}", column.name)),
        (None, false) => Some(column.name.replacen('_', "/", 1)),
    }
}

fn write_record(event: &Event, bytes: &mut Vec<u8>) {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    bytes.extend(length);
    bytes.extend(checksum(&length).to_le_bytes());
    bytes.extend(&data);
    bytes.extend(checksum(&data).to_le_bytes());
}

/// The masked CRC-32C: unmasked, a checksum of data that contains checksums would be weak.
fn checksum(data: &[u8]) -> u32 {
    CRC_32C
        .checksum(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}
