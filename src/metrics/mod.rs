//! Pure functions from histories, predictions and activity to numbers, in f64.

mod calibration;
mod classification;
mod continual;
mod geometry;
mod paired;
mod representation;
mod stability_gap;
mod statistics;
mod transfer;

pub use calibration::{
    CALIBRATION_BINS, Calibration, CalibrationBin, calibration, merged_calibration,
    softmax_confidences,
};
pub use classification::{Classification, Decisions, Scores, classification};
pub use continual::{ContinualMetrics, continual};
pub use geometry::{ClassGeometry, class_geometry, informativeness, shares_near_zero};
pub use paired::{LEAST_PAIRS, PairedDifference, RESAMPLES, paired_difference};
pub use representation::{DORMANT, FeatureRank, dormant_share, feature_rank};
pub use stability_gap::{RECOVERED_SHARE, StabilityGap, stability_gap, stability_gap_of_mean};
pub use statistics::{Summary, summarize};
pub use transfer::{LearningCurves, Transfer, transfer};
