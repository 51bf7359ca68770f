//! Initialisation of the controller.

use neurogain::Cpu;
use neurogain::models::{Controller, CouplingStart};

/// Couplings start near 0, but not at 0, where the gradient vanishes: c = z² with z of about N(0, 0.1²), so
/// their mean is about 0.01.
///
/// A table has 20 000 squares, whose mean has a relative standard deviation of √(2/20000) = 1 %. After a
/// hidden layer, the variance of z differs between tasks: the sum of squares of the 64 hidden neurons has a relative
/// standard deviation of √(5/64) = 28 %, and the mean over 100 tasks 3 %. The tasks share the second layer, which
/// raises it to 4.5 % (4,000 simulations). The bounds are about five standard deviations.
#[test]
fn couplings_start_at_about_a_hundredth() {
    let backend = Cpu::new().unwrap();
    for (hidden, bound) in [(0, 0.05), (64, 0.23)] {
        let (tasks, neurons) = (100, 200);
        let mut controller =
            Controller::new(&backend, tasks, hidden, neurons, CouplingStart::Small, 1).unwrap();
        let mut all = Vec::new();
        for task in 0..tasks {
            all.extend(controller.forward(&backend, task).unwrap());
        }
        assert_eq!(all.len(), tasks * neurons);
        assert!(all.iter().all(|c| *c > 0.0), "{hidden} hidden neurons");
        let mean = all.iter().copied().map(f64::from).sum::<f64>() / all.len() as f64;
        let off = (mean / 0.01 - 1.0).abs();
        assert!(off < bound, "{hidden} hidden neurons: {mean}");
    }
}
