//! Event files: TensorBoard reads what was recorded.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use neurogain::learn::History;
use neurogain::run::RunDirectory;
use neurogain::systems::StabilityGap;
use tempfile::TempDir;

use super::python::python;
use super::synthetic;

/// The scalars of a tag: step, time and the bits of the value.
type Scalars = BTreeMap<String, Vec<(i64, f64, u32)>>;

/// `history` as scalars.
fn expected(history: &History) -> Scalars {
    let mut scalars = Scalars::new();
    for record in &history.records {
        let (train, test) = (record.train, record.test);
        let mut put = |tag: String, value: f64| {
            let step = record.iteration as i64;
            let scalar = (step, step as f64, (value as f32).to_bits());
            scalars.entry(tag).or_default().push(scalar);
        };
        put("train/loss".into(), train.loss);
        put("train/accuracy".into(), train.accuracy);
        if let Some(test) = test {
            put("test/loss".into(), test.loss);
            put("test/accuracy".into(), test.accuracy);
        }
        put("entropy".into(), record.entropy);
        for (at, test) in record.later_tasks.iter().enumerate() {
            put(format!("test/loss_task{}", at + 2), test.loss);
            put(format!("test/accuracy_task{}", at + 2), test.accuracy);
        }
        for (at, layer) in history.layers.iter().enumerate() {
            put(format!("gain/{layer}"), record.gain[at]);
            let weight = record.mean_absolute_weight[at];
            put(format!("mean_absolute_weight/{layer}"), weight);
        }
    }
    scalars
}

/// The events of an irregular run in a new directory.
fn event_file(folder: &TempDir) -> PathBuf {
    let dir = folder.path().join("run");
    let settings = synthetic::small();
    let directory = RunDirectory::<StabilityGap>::create(&dir, &settings).unwrap();
    let directory = directory.with_tensorboard(true);
    directory.write_records(&synthetic::odd_run()).unwrap();
    let place = "tensorboard/ngm-sgd-42/events.out.tfevents.0.neurogain";
    dir.join(place)
}

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

#[test]
fn an_event_an_iteration_after_the_version() {
    let folder = TempDir::new().unwrap();
    let bytes = fs::read(event_file(&folder)).unwrap();
    let records = records(&bytes);
    assert_eq!(records.len(), 1 + 3);
    assert!(records[0].ends_with(b"brain.Event:2"));
    // Field 1, a double: the time; field 2, a number: the step.
    let third = [&[9][..], &3f64.to_le_bytes(), &[16, 3]].concat();
    assert!(records[3].starts_with(&third), "{:?}", records[3]);
    let folder = TempDir::new().unwrap();
    assert!(fs::read(event_file(&folder)).unwrap() == bytes);
}

#[test]
fn tensorboard_reads_every_scalar() {
    let script = "
import json, struct, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0})
events.Reload()
bits = lambda value: struct.unpack('<I', struct.pack('<f', value))[0]
print(json.dumps({
    tag: [(scalar.step, scalar.wall_time, bits(scalar.value)) for scalar in events.Scalars(tag)]
    for tag in events.Tags()['scalars']
}))
";
    let folder = TempDir::new().unwrap();
    let file = event_file(&folder);
    let Some(printed) = python("tensorboard", script, file.parent().unwrap()) else {
        return;
    };
    let read: Scalars = serde_json::from_str(&printed).unwrap();
    assert_eq!(read, expected(&synthetic::odd_run().history));
}
