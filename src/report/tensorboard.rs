//! One run's history as an event file of TensorBoard: a record an event, an event an iteration.
//!
//! A record is the length of its data (u64, little-endian), that length's checksum, the data, the data's
//! checksum. A checksum is the CRC-32C, rotated right by 15 bits, plus 0xa282ead8 (TensorFlow,
//! `lib/io/record_writer`). The data is a protocol-buffer message `Event` (`util/event.proto`).
//!
//! Its time, where others write the clock's, is the iteration, in seconds: the same run gives the same
//! bytes.

use crc::{CRC_32_ISCSI, Crc};
use prost::Message;

use super::records::{BEFORE_LAYERS, header, rows};
use crate::error::Result;
use crate::learn::History;

/// What every event file begins with.
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
    // Optional, because a 0 that may be left out is, and then there is no value.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// `history` as an event file: `train/loss`, `train/accuracy`, `test/loss` and `test/accuracy` where there
/// was an evaluation, `entropy`, `gain/LAYER` and `mean_absolute_weight/LAYER`, and where every task is
/// evaluated `test/loss_task2` and so on, at the iteration as step.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a record does not have one gain and one weight for each layer.
pub(super) fn to_events(history: &History) -> Result<Vec<u8>> {
    let tags = tags(history);
    let mut bytes = Vec::new();
    let first = Event {
        file_version: Some(VERSION.into()),
        ..Event::default()
    };
    write_record(&first, &mut bytes);
    for (record, row) in history.records.iter().zip(rows(history)?) {
        let values = tags.iter().zip(row).filter_map(|(tag, number)| {
            Some(Value {
                tag: tag.clone(),
                simple_value: Some(number? as f32),
            })
        });
        let event = Event {
            wall_time: record.iteration as f64,
            step: record.iteration as i64,
            file_version: None,
            summary: Some(Summary {
                value: values.collect(),
            }),
        };
        write_record(&event, &mut bytes);
    }
    Ok(bytes)
}

/// The columns' names as tags: what is before the slash is a group on the page.
fn tags(history: &History) -> Vec<String> {
    let layers = &history.layers;
    let of_layers = ["gain", "mean_absolute_weight"]
        .into_iter()
        .flat_map(|group| layers.iter().map(move |layer| format!("{group}/{layer}")));
    let tag = |name: &String| name.replacen('_', "/", 1);
    let names = header(history);
    let (before, others) = names[2..].split_at(BEFORE_LAYERS);
    let before = before.iter().map(tag);
    let later = others.iter().skip(2 * layers.len()).map(tag);
    before.chain(of_layers).chain(later).collect()
}

fn write_record(event: &Event, bytes: &mut Vec<u8>) {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    bytes.extend(length);
    bytes.extend(checksum(&length).to_le_bytes());
    bytes.extend(&data);
    bytes.extend(checksum(&data).to_le_bytes());
}

/// The masked CRC-32C: a checksum of data that itself holds checksums would otherwise be weak.
fn checksum(data: &[u8]) -> u32 {
    CRC_32C
        .checksum(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}
