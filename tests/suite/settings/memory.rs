//! Estimates of an experiment's memory.

use neurogain::Error;
use neurogain::run::System;
use neurogain::run::load_samples;
use neurogain::systems::StabilityGap;

use super::*;

#[test]
fn an_experiment_that_does_not_fit_into_memory_is_refused_by_its_sizes() {
    let samples = load_samples(&digits().data, "".as_ref()).expect("they ship inside");
    StabilityGap::memory(&digits(), &samples, 4)
        .check()
        .expect("the default fits");
    for assignment in [
        "training.batch=1000000000000",
        "training.batch=9223372036854775807",
        "network.hidden=[100000000, 100000000]",
        "network.hidden=[9223372036854775807, 9223372036854775807]",
        "stream.iterations=1000000000000",
    ] {
        let settings = overridden(assignment).expect(assignment);
        let error = StabilityGap::memory(&settings, &samples, 4)
            .check()
            .expect_err(assignment);
        assert!(
            matches!(error, Error::Memory { .. }),
            "{assignment}: {error:?}"
        );
        let (_, value) = assignment.split_once('=').expect("an assignment");
        assert!(error.to_string().contains(value), "{assignment}: {error}");
    }
}

#[test]
fn memory_grows_with_what_is_held() {
    let samples = load_samples(&digits().data, "".as_ref()).expect("they ship inside");
    let needed = |assignment: &str, runs: usize| {
        let settings = overridden(assignment).expect(assignment);
        StabilityGap::memory(&settings, &samples, runs).bytes
    };
    let one = needed("training.batch=32", 1);
    // Per sample, two more tensors of (64 + 200 + 200 + 10) numbers of 4 bytes.
    assert_eq!(needed("training.batch=48", 1) - one, 16 * 2 * 474 * 4);
    // A batch of 33 is padded to 48.
    assert_eq!(
        needed("training.batch=33", 1),
        needed("training.batch=48", 1)
    );
    // Every further run has its own weights, at least (64·200 + 200·200 + 200·10).
    assert!(needed("training.batch=32", 2) - one > 54_800 * 4);
    assert!(needed("training.batch=32", 3) - one == 2 * (needed("training.batch=32", 2) - one));
}
