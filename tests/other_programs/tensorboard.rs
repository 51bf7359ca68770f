//! TensorBoard reads the event files.

use std::collections::BTreeMap;

use neurogain::learn::History;
use tempfile::TempDir;

use crate::python::python;
use crate::synthetic::{odd_events, odd_run};

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

/// TensorBoard reads every scalar of a run with its step, its time and its exact bits.
pub fn reads_every_scalar() {
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
    let file = odd_events(&folder);
    let printed = python(script, &[file.parent().unwrap()], b"");
    let read: Scalars = serde_json::from_str(&printed).unwrap();
    assert_eq!(read, expected(&odd_run().history));
}
