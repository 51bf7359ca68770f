//! The kernels on images, with an allocator that guards the memory around every buffer.

#[path = "../shared/images/mod.rs"]
mod images;

mod convolution;
mod normalisation;
mod pooling;

use proptest::prelude::ProptestConfig;

#[global_allocator]
static GUARDED: images::Guarded = images::Guarded;

/// This many cases, or fewer if `PROPTEST_CASES` is smaller.
fn cases_at_most(cases: u32) -> ProptestConfig {
    ProptestConfig::with_cases(cases.min(ProptestConfig::default().cases))
}
