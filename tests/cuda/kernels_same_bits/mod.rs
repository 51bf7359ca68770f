//! Every CUDA kernel gives the same bits as the CPU backend. The kernels run on the CPU, through the launch code
//! used for a GPU, with threads in several orders.

mod edges;
mod image_kernels;

use crate::emulated::devices;
use crate::kernel_support::{KERNELS, Numbers, case, runner, same_bits};
use neurogain::{Backend, Cpu};
use proptest::prelude::*;

type Results = Vec<Vec<f32>>;

/// Fails unless the results are the same in bits.
fn agree(expected: &Results, found: &Results) -> Result<(), TestCaseError> {
    for (which, (expected, found)) in expected.iter().zip(found).enumerate() {
        same_bits(expected, found)
            .map_err(|problem| TestCaseError::fail(format!("result {which}: {problem}")))?;
    }
    prop_assert_eq!(expected.len(), found.len());
    Ok(())
}

fn cpu() -> Cpu {
    Cpu::new().expect("an instruction set")
}

#[test]
fn products_updates_loss_and_sums() {
    let devices = devices("products");
    for kernel in KERNELS {
        for (numbers, cases) in [(Numbers::Finite, 24), (Numbers::Any, 8)] {
            let cases = if devices.is_empty() { 0 } else { cases };
            runner(cases)
                .run(&case(kernel, numbers, 1 << 16), |case| {
                    let expected = case.run(&cpu()).expect("it fits");
                    for device in &devices {
                        let found = case.run(device);
                        let found =
                            found.map_err(|error| TestCaseError::fail(error.to_string()))?;
                        agree(&expected.results, &found.results)?;
                    }
                    Ok(())
                })
                .unwrap_or_else(|problem| panic!("{kernel:?}: {problem}"));
        }
    }
}

/// Computations on a backend, from host numbers to host numbers.
struct On<'a, B: Backend>(&'a B);

impl<B: Backend> On<'_, B> {
    fn upload(&self, host: &[f32]) -> B::Floats {
        let mut floats = self.0.zeros(host.len()).expect("memory");
        self.0.upload(host, &mut floats).expect("as many numbers");
        floats
    }

    /// An output, initially NaN so that an element that is not written shows.
    fn unwritten(&self, length: usize) -> B::Floats {
        self.upload(&vec![f32::NAN; length])
    }

    fn download(&self, floats: &B::Floats) -> Vec<f32> {
        let mut host = vec![0.0; self.0.length(floats)];
        self.0.download(floats, &mut host).expect("as many numbers");
        host
    }
}
