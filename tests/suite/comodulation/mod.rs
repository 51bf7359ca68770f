//! Properties of comodulation: gains of mean 1 from an unbiased covariance, exactly attention if the gains
//! are 1, frozen weights that stay unchanged, and errors for invalid input.

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
