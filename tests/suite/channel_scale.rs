//! Scaling of channels: y and dx in every bit, ds within the proved bound of its sum.

use crate::kernel_support::{self, Random};
use crate::reference::{dot, exact};
use neurogain::nn::ChannelScale;
use neurogain::{Cpu, Error, Memory, Shape, Tensor};
use proptest::prelude::*;

const LANES: usize = 16;

/// Images and the seed of their numbers: enough to repeat a case.
#[derive(Debug, Clone, Copy)]
struct Case {
    samples: usize,
    height: usize,
    width: usize,
    channels: usize,
    residual: bool,
    relu: bool,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let samples = prop_oneof![1usize..=50, Just(16), Just(512), Just(513), Just(1100)];
    let sizes = (samples, 1usize..=4, 1usize..=3, 1usize..=20);
    let flags = (any::<bool>(), any::<bool>(), any::<u64>());
    (sizes, flags).prop_map(
        |((samples, height, width, channels), (residual, relu, seed))| Case {
            samples,
            height,
            width,
            channels,
            residual,
            relu,
            seed,
        },
    )
}

impl Case {
    fn shape(&self) -> Shape {
        Shape::images(self.samples, self.height, self.width, self.channels)
    }

    fn numbers(&self, random: &mut Random) -> Vec<f32> {
        let count = self.samples * self.shape().columns();
        (0..count).map(|_| random.number()).collect()
    }

    fn scale(&self, backend: &Cpu, random: &mut Random) -> (ChannelScale, Vec<f32>) {
        let mut layer = ChannelScale::new(backend, self.channels).unwrap();
        let scale: Vec<f32> = (0..self.channels).map(|_| random.number()).collect();
        backend.upload(&scale, layer.scale.floats_mut()).unwrap();
        (layer, scale)
    }

    fn tensor(&self, backend: &Cpu, rows: &[f32]) -> Tensor {
        Tensor::from_rows(backend, self.shape(), rows).unwrap()
    }

    /// A buffer for a result, filled with NaN including the padding.
    fn room(&self, backend: &Cpu) -> Tensor {
        let mut room = Tensor::zeros(backend, self.shape()).unwrap();
        let nan = vec![f32::NAN; backend.length(room.floats())];
        backend.upload(&nan, room.floats_mut()).unwrap();
        room
    }

    /// Fails unless `found` has the bits of `expected`, and +0 in the padding lanes.
    fn same(
        &self,
        backend: &Cpu,
        found: &Tensor,
        expected: &[f32],
        what: &str,
    ) -> Result<(), TestCaseError> {
        prop_assert_eq!(found.shape(), self.shape());
        let rows = found.to_rows(backend).unwrap();
        kernel_support::same_bits(expected, &rows)
            .map_err(|problem| TestCaseError::fail(format!("{what} {problem}; {self:?}")))?;
        let mut stored = vec![f32::NAN; backend.length(found.floats())];
        backend.download(found.floats(), &mut stored).unwrap();
        let columns = self.shape().columns();
        for (i, number) in stored.iter().enumerate() {
            let sample = i / LANES / columns * LANES + i % LANES;
            if sample >= self.samples {
                prop_assert_eq!(number.to_bits(), 0, "{} padding at {}; {:?}", what, i, self);
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    /// y = fl(s·x); a −0 becomes +0, because 0 is added in the same rounding. Then the
    /// residual is added, with one more rounding, and ReLU applied.
    #[test]
    fn forward_is_one_rounding(case in cases()) {
        let backend = Cpu::new().unwrap();
        let random = &mut Random::new(case.seed);
        let (layer, scale) = case.scale(&backend, random);
        let (x, residual) = (case.numbers(random), case.numbers(random));
        let expected: Vec<f32> = x.iter().zip(&residual).enumerate().map(|(i, (x, residual))| {
            let mut y = scale[i % case.channels].mul_add(*x, 0.0);
            if case.residual {
                y += residual;
            }
            if case.relu && y <= 0.0 { 0.0 } else { y }
        }).collect();
        let residual = case.residual.then(|| case.tensor(&backend, &residual));
        let mut y = case.room(&backend);
        let x = case.tensor(&backend, &x);
        layer.forward(&backend, &x, residual.as_ref(), case.relu, &mut y).unwrap();
        case.same(&backend, &y, &expected, "y")?;
    }

    /// y = s·x is linear in each: dx = fl(s·dy), and ds = Σ dy·x within γ·Σ|dy·x|.
    #[test]
    fn backward_is_exact_to_the_input_and_within_its_bound_to_the_scale(case in cases()) {
        let backend = Cpu::new().unwrap();
        let random = &mut Random::new(case.seed);
        let (mut layer, scale) = case.scale(&backend, random);
        let (x, dy) = (case.numbers(random), case.numbers(random));
        let expected: Vec<f32> = dy.iter().enumerate()
            .map(|(i, dy)| scale[i % case.channels].mul_add(*dy, 0.0))
            .collect();
        let mut dx = case.room(&backend);
        let (images, gradient) = (case.tensor(&backend, &x), case.tensor(&backend, &dy));
        layer.backward(&backend, &images, &gradient, &mut dx).unwrap();
        case.same(&backend, &dx, &expected, "dx")?;
        let found = layer.gradient.to_rows(&backend).unwrap();
        prop_assert_eq!(found.len(), case.channels);
        for (c, found) in found.into_iter().enumerate() {
            let of = |values: &[f32]| -> Vec<_> {
                values.iter().skip(c).step_by(case.channels).map(|&x| exact(x)).collect()
            };
            let expected = dot(of(&dy).into_iter().zip(of(&x)));
            expected.check(found, format!("ds[{c}]; {case:?}"));
        }
        // The scale itself is unchanged.
        let kept = layer.scale.to_rows(&backend).unwrap();
        prop_assert!(kernel_support::same_bits(&kept, &scale).is_ok(), "{:?}", case);
    }
}

#[test]
fn a_new_scale_changes_nothing() {
    let backend = Cpu::new().unwrap();
    let shape = Shape::images(3, 2, 2, 5);
    let rows: Vec<f32> = (0..60).map(|i| (i as f32 - 30.0) / 7.0).collect();
    let x = Tensor::from_rows(&backend, shape, &rows).unwrap();
    let mut y = Tensor::zeros(&backend, Shape::features(0, 1)).unwrap();
    let layer = ChannelScale::new(&backend, 5).unwrap();
    layer.forward(&backend, &x, None, false, &mut y).unwrap();
    assert_eq!(y.to_rows(&backend).unwrap(), rows);
}

#[test]
fn what_does_not_fit_is_an_error_that_names_the_shapes() {
    let backend = Cpu::new().unwrap();
    let zeros = |shape| Tensor::zeros(&backend, shape).unwrap();
    let mut layer = ChannelScale::new(&backend, 5).unwrap();
    let right = zeros(Shape::images(3, 2, 2, 5));
    #[track_caller]
    fn refused(result: neurogain::Result<()>, parts: [&str; 2]) {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Shape { .. }), "{error:?}");
        for part in parts {
            assert!(error.to_string().contains(part), "{error}: {part}");
        }
    }
    let mut y = zeros(Shape::features(0, 1));
    for (wrong, said) in [
        (Shape::images(3, 2, 2, 4), "3 samples of 2×2×4"),
        (Shape::vector(5), "vector 5"),
        (Shape::images(0, 2, 2, 5), "at least one sample"),
    ] {
        let wrong = zeros(wrong);
        let result = layer.forward(&backend, &wrong, None, false, &mut y);
        refused(result, [said, "expected"]);
        let result = layer.backward(&backend, &wrong, &right, &mut y);
        refused(result, ["expected", ""]);
    }
    let other = zeros(Shape::images(3, 2, 1, 5));
    let result = layer.forward(&backend, &right, Some(&other), false, &mut y);
    refused(result, ["residual", "3 samples of 2×1×5"]);
    let result = layer.backward(&backend, &right, &other, &mut y);
    refused(result, ["3 samples of 2×2×5", "3 samples of 2×1×5"]);
}
