//! A step of NGM-SGD without the standard library.
#![no_std]

use core::alloc::{GlobalAlloc, Layout};

use neurogain::gain::GainDynamics;
use neurogain::models::{Mlp, MlpConfig};
use neurogain::nn::LossLog;
use neurogain::optim::Optimizer;
use neurogain::learn::{Batch, GradientDescent, Learner, OptimizerConfig};
use neurogain::{Cpu, Memory, Shape, Tensor};

struct Nothing;

// SAFETY: it never returns memory, so no memory can be misused.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Nothing = Nothing;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

fn step() -> neurogain::Result<f64> {
    let cpu = Cpu::new()?;
    let shape = MlpConfig {
        neurons: [2, 3, 2].into(),
        hidden_standard_deviation: 0.1,
        output_standard_deviation: 0.1,
    };
    let network = Mlp::new(&cpu, &shape, 1)?;
    let dynamics = GainDynamics::new(0.9, 1.0, 0.4)?;
    let sgd = OptimizerConfig::new(Optimizer::Sgd, 0.01);
    let mut learner = GradientDescent::new(&cpu, network, sgd, Some(dynamics.into()))?;
    let batch = Batch {
        inputs: Tensor::zeros(&cpu, Shape::features(1, 2))?,
        labels: cpu.bytes(&[1])?,
    };
    let mut loss = LossLog::new();
    learner.step(&cpu, &batch, &mut loss)?;
    Ok(loss.last(&cpu)?.mean_cross_entropy())
}

/// The step's loss, or NaN.
#[unsafe(no_mangle)]
pub extern "C" fn neurogain_step() -> f64 {
    step().unwrap_or(f64::NAN)
}
