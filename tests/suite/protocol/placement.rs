//! Cropping and flipping of images.

use super::*;

/// `out[y][x][c]` of one sample, by the definition in [`neurogain::backend::Gathers::gather_images`].
fn placed(data: &Dataset, pixels: &PixelScaling, index: u32, at: CropFlip) -> Vec<f32> {
    let shape = data.shape();
    let (height, width) = (shape.height as i64, shape.width as i64);
    let mut out = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let x = if at.mirrored { width - 1 - x } else { x };
            let (y, x) = (y + i64::from(at.down), x + i64::from(at.right));
            let inside = (0..height).contains(&y) && (0..width).contains(&x);
            for c in 0..shape.channels {
                let row = i64::from(index) * height + y;
                let place = (row * width + x) * shape.channels as i64 + c as i64;
                let byte = if inside {
                    data.pixels()[place as usize]
                } else {
                    0
                };
                let constant = |of: &[f32]| f64::from(of[c % of.len()]);
                let scaled = f64::from(byte) / f64::from(pixels.maximum);
                let centred = scaled - constant(&pixels.mean);
                out.push((centred / constant(&pixels.standard_deviation)) as f32);
            }
        }
    }
    out
}

fn placement() -> impl Strategy<Value = CropFlip> {
    let parts = (-7..=7i16, -7..=7i16, any::<bool>());
    parts.prop_map(|(down, right, mirrored)| CropFlip {
        down,
        right,
        mirrored,
    })
}

proptest! {
    /// Pixels are shifted, flipped and scaled as the contract says, black outside the image,
    /// and lanes without a sample are zero.
    #[test]
    fn images_are_gathered_as_a_plain_loop_does(
        shape in (1..6usize, 1..6usize, 1..4usize),
        samples in prop::collection::vec((0..5u32, placement()), 1..40),
        one_for_all: bool, seed: u64,
    ) {
        let backend = Cpu::new().unwrap();
        let (height, width, channels) = shape;
        let shape = ImageShape { height, width, channels };
        let features = height * width * channels;
        let mut stream = RandomStream::new(seed, Purpose::User, 0);
        let pixels = (0..5 * features).map(|_| stream.random()).collect();
        let dataset = Dataset::images(shape, 1, pixels, vec![0; 5]).unwrap();
        let constants = if one_for_all { 1 } else { channels };
        let normalisation = PixelScaling {
            maximum: 255.0,
            mean: [0.31, 0.47, 0.13][..constants].to_vec(),
            standard_deviation: [0.21, 0.29, 0.37][..constants].to_vec(),
        };
        let training = DeviceDataset::new(&backend, &dataset, &normalisation).unwrap();
        let mut batch = training.batch(&backend).unwrap();
        let (indices, placements): (Vec<u32>, Vec<CropFlip>) = samples.into_iter().unzip();
        let still = vec![CropFlip::default(); indices.len()];
        for (placements, plainly) in [(&placements, false), (&still, false), (&still, true)] {
            match plainly {
                true => training.gather(&backend, &indices, &mut batch).unwrap(),
                false => training
                    .gather_placed(&backend, &indices, placements, &mut batch)
                    .unwrap(),
            }
            let samples = indices.iter().zip(placements);
            let expected = samples.flat_map(|(&i, &at)| placed(&dataset, &normalisation, i, at));
            let expected: Vec<f32> = expected.collect();
            prop_assert_eq!(&batch.inputs.to_rows(&backend).unwrap(), &expected);
            let mut stored = vec![0.0; backend.length(batch.inputs.floats())];
            backend.download(batch.inputs.floats(), &mut stored).unwrap();
            let filled = indices.len().div_ceil(LANES) * LANES - indices.len();
            for lanes in stored.chunks(LANES).rev().take(features) {
                prop_assert!(lanes[LANES - filled..].iter().all(|&x| x == 0.0));
            }
        }
    }

    /// Also in f32, a gain in [g0, g0 + η·ln C/(1−γ)] stays there, apart from rounding. A step
    /// rounds four times, by at most 4u of its result, and keeps γ of the earlier steps' error:
    /// in total no more than 4u/(1−γ) of the bound, plus a thousandth of that for the second order.
    #[test]
    fn the_kernel_keeps_the_gain_in_its_bounds(
        constants in (0.0..0.99f32, 0.1..3.0f32, 0.0..1.0f32), classes in 1..1000usize,
        start in 0.0..=1.0f64, shares in prop::collection::vec(0.0..=1.0f64, 1..200),
        extreme: Option<bool>,
    ) {
        let backend = Cpu::new().unwrap();
        let dynamics = GainDynamics::new(constants.0, constants.1, constants.2).unwrap();
        let (low, high) = dynamics.bounds(classes);
        let slack = 4.004 * U / (1.0 - f64::from(dynamics.gamma()));
        let most = (classes as f64).ln();
        let vector = |x: f32| Tensor::<Cpu>::from_rows(&backend, Shape::vector(3), &[x; 3]).unwrap();
        let mut gain = vector((low + start * (high - low)) as f32);
        for share in shares {
            let share = extreme.map_or(share, |most| f64::from(u8::from(most)));
            // Rounded down, so that no entropy is above ln C.
            let rounded = (share * most) as f32;
            let over = f64::from(rounded) > share * most;
            let entropy = if over { rounded.next_down() } else { rounded };
            dynamics.update(&backend, &vector(entropy), &mut gain).unwrap();
            for gain in gain.to_rows(&backend).unwrap() {
                let gain = f64::from(gain);
                prop_assert!(low - slack * low <= gain, "{gain} below {low}");
                prop_assert!(gain <= high + slack * high, "{gain} above {high}");
            }
        }
    }

    /// Also in f32, n steps with one H leave γⁿ of the distance to the fixed point, up to the same
    /// rounding.
    #[test]
    fn the_kernel_approaches_the_fixed_point_geometrically(
        constants in (0.0..0.99f32, 0.1..3.0f32, 0.0..1.0f32), entropy in 0.0..7.0f32,
        start in 0.0..50.0f32,
    ) {
        let backend = Cpu::new().unwrap();
        let dynamics = GainDynamics::new(constants.0, constants.1, constants.2).unwrap();
        let fixed = dynamics.fixed_point(f64::from(entropy));
        let gamma = f64::from(dynamics.gamma());
        let distance = f64::from(start) - fixed;
        let slack = 4.004 * U / (1.0 - gamma) * fixed.max(f64::from(start));
        let vector = |x: f32| Tensor::<Cpu>::from_rows(&backend, Shape::vector(1), &[x]).unwrap();
        let (drive, mut gain) = (vector(entropy), vector(start));
        for n in 1..=300 {
            dynamics.update(&backend, &drive, &mut gain).unwrap();
            let found = f64::from(gain.to_rows(&backend).unwrap()[0]);
            let expected = fixed + gamma.powi(n) * distance;
            prop_assert!((found - expected).abs() <= slack, "step {n}: {found}, {expected}");
        }
    }
}

/// How often each number from −3 to 3 occurs.
fn counts(shifts: impl Iterator<Item = i16>) -> [usize; 7] {
    let mut counts = [0; 7];
    shifts.for_each(|shift| counts[usize::try_from(shift + 3).unwrap()] += 1);
    counts
}

#[test]
fn crops_are_uniform_within_the_padding_and_half_is_mirrored() {
    let draw = |crop_padding, mirror| {
        let (mut stream, mut placements) =
            (RandomStream::new(2, Purpose::Transform, 1), Vec::new());
        let transform = RandomCropFlip {
            padding: crop_padding,
            horizontal_flip: mirror,
        };
        transform.draw(7000, &mut stream, &mut placements);
        assert_eq!(placements.len(), 7000);
        placements
    };
    let placements = draw(3, true);
    assert_uniform(&counts(placements.iter().map(|p| p.down)), "down");
    assert_uniform(&counts(placements.iter().map(|p| p.right)), "right");
    let mut pairs = [0; 49];
    for p in &placements {
        pairs[usize::try_from((p.down + 3) * 7 + p.right + 3).unwrap()] += 1;
    }
    assert_uniform(&pairs, "down and right");
    let mirrored = |placements: &[CropFlip]| placements.iter().filter(|p| p.mirrored).count();
    assert_binomial(mirrored(&placements), 7000, 0.5, "mirrored");
    let plain = draw(3, false);
    assert_eq!(mirrored(&plain), 0);
    let same = |(a, b): (&CropFlip, &CropFlip)| (a.down, a.right) == (b.down, b.right);
    assert!(plain.iter().zip(&placements).all(same));
    let still = draw(0, true);
    assert!(still.iter().all(|p| (p.down, p.right) == (0, 0)));
    assert_binomial(mirrored(&still), 7000, 0.5, "mirrored alone");
}

#[test]
fn a_run_places_the_images_it_draws_by_the_iteration_s_stream() {
    let (drawn, _) = DRAWING.run(|_, _| ());
    for (crop_padding, mirror) in [(2, true), (1, false), (0, true)] {
        let transform = RandomCropFlip {
            padding: crop_padding,
            horizontal_flip: mirror,
        };
        let (recorder, _) = Setting {
            transform,
            ..DRAWING
        }
        .run(|_, _| ());
        let mut placements = Vec::new();
        for (i, indices) in drawn.indices().iter().enumerate() {
            let mut stream = RandomStream::new(DRAWING.seed, Purpose::Transform, i as u64 + 1);
            transform.draw(indices.len(), &mut stream, &mut placements);
            let samples = indices.iter().zip(&placements);
            let expected = samples.flat_map(|(&i, &at)| placed(&numbered(), &as_is(), i, at));
            assert_eq!(recorder.inputs[i], expected.collect::<Vec<f32>>());
            assert_eq!(recorder.labels[i], drawn.labels[i]);
        }
    }
}
