//! What explains the results: the scalar two-timescale model, and the curvature of the loss.

pub mod two_timescale;

mod lanczos;
mod snapshot;
mod surface;
mod tridiagonal;

pub use lanczos::{Eigenpair, largest_eigenpairs};
pub use snapshot::{Snapshot, Watched};
pub use surface::{Coordinates, LayerWeights, LossSurface};
