//! Analyses that explain the results: the scalar two-timescale model, the curvature of the loss, and the spiking model
//! of neurons under a shared modulator.
//!
//! ```
//! use neurogain::analysis::largest_eigenpairs;
//! // The largest eigenvalue of diag(1, 2, 3), from matrix-vector products alone.
//! let multiply = |v: &[f64]| Ok(vec![v[0], 2.0 * v[1], 3.0 * v[2]]);
//! let found = largest_eigenpairs(3, 1, 1e-10, 10, multiply)?;
//! assert!((found[0].value - 3.0).abs() < 1e-12);
//! # Ok::<(), neurogain::Error>(())
//! ```

pub mod spiking;
pub mod two_timescale;

mod jacobi;
mod lanczos;
mod mlp_surface;
mod network_surface;
mod snapshot;
mod surface;
mod tridiagonal;

pub use jacobi::symmetric_eigen;
pub use lanczos::{Eigenpair, largest_eigenpairs};
pub use mlp_surface::MlpSurface;
pub use network_surface::{DIFFERENCE_STEP, NetworkSurface};
pub use snapshot::Snapshot;
pub use surface::{Coordinates, LayerWeights, LossSurface};
