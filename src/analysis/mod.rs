//! What explains the results: the scalar two-timescale model, and the curvature of the loss.
//!
//! ```
//! use neurogain::analysis::largest_eigenpairs;
//! // The largest eigenvalue of diag(1, 2, 3), from products with it alone.
//! let multiply = |v: &[f64]| Ok(vec![v[0], 2.0 * v[1], 3.0 * v[2]]);
//! let found = largest_eigenpairs(3, 1, 1e-10, 10, multiply)?;
//! assert!((found[0].value - 3.0).abs() < 1e-12);
//! # Ok::<(), neurogain::Error>(())
//! ```

pub mod two_timescale;

mod lanczos;
mod snapshot;
mod surface;
mod tridiagonal;

pub use lanczos::{Eigenpair, largest_eigenpairs};
pub use snapshot::{Snapshot, Watched};
pub use surface::{Coordinates, LayerWeights, LossSurface};
