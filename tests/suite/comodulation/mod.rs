//! Comodulation is what it says: gains of mean 1 from a covariance without bias, attention and nothing more
//! where they are 1, weights that stay frozen, and errors for what cannot be.

mod average;
mod controller;
mod draws;
mod estimator;
mod frozen;
mod gains;
mod learner;
mod refusals;
mod resume;
mod sources;
