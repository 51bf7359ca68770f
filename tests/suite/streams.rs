//! Rotated and permuted images, the contexts made of them, and the tasks of contexts.

use std::sync::Arc;

use neurogain::data::{Dataset, ImageShape};
use neurogain::learn::{
    Batch, DeviceDataset, EvalSets, Learner, PixelScaling, RandomCropFlip, TestDraws,
};
use neurogain::nn::{LossLog, Parameter};
use neurogain::rng::{Purpose, RandomStream};
use neurogain::state::{State, Visitor};
use neurogain::stream::{self, ClassLists, Context, LabelMap, Part, PixelMap, StreamKind, View};
use neurogain::{Cpu, Error, Result, Shape, Tensor};
use proptest::prelude::*;
use rand::RngExt;

/// A learner that stores its inputs and returns the same output for each.
#[derive(Default)]
struct Seen {
    inputs: Vec<u32>,
    logits: Option<Tensor>,
}

impl State for Seen {
    fn visit(&mut self, _: &Cpu, _: &mut dyn Visitor) -> Result<()> {
        Ok(())
    }
}

impl Learner for Seen {
    fn step(&mut self, _: &Cpu, _: &Batch, _: &mut LossLog) -> Result<()> {
        Ok(())
    }

    fn infer(&mut self, cpu: &Cpu, x: &Tensor) -> Result<&Tensor> {
        let rows = x.to_rows(cpu)?;
        self.inputs.extend(rows.iter().map(|input| input.to_bits()));
        let shape = Shape::features(x.shape().rows(), 4);
        let numbers: Vec<f32> = (0..4 * shape.rows()).map(|i| (i % 4) as f32).collect();
        Ok(self.logits.insert(Tensor::from_rows(cpu, shape, &numbers)?))
    }

    fn layers(&mut self) -> Vec<&mut Parameter> {
        Vec::new()
    }
}

/// One image of pixels 1, 2, 3, …
fn counted(height: usize, width: usize, channels: usize) -> Dataset {
    let shape = ImageShape {
        height,
        width,
        channels,
    };
    let pixels = (1..=height * width * channels).map(|i| i as u8);
    Dataset::images(shape, 1, pixels.collect(), vec![0]).unwrap()
}

/// Computed by hand for the quarter turns: counter-clockwise, the last column becomes the first row. The
/// others are the output of Pillow 12's `Image.rotate(angle)`.
#[test]
fn rotation_is_pillows() {
    #[rustfmt::skip]
    let golden: &[(usize, usize, f64, &[u8])] = &[
        (3, 3, 0.0, &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (3, 3, 90.0, &[3, 6, 9, 2, 5, 8, 1, 4, 7]),
        (3, 3, -270.0, &[3, 6, 9, 2, 5, 8, 1, 4, 7]),
        (2, 3, 180.0, &[6, 5, 4, 3, 2, 1]),
        // The corners of a wide image rotate out of it, and zeros enter.
        (2, 3, 90.0, &[3, 6, 0, 2, 5, 0]),
        (3, 3, 45.0, &[2, 3, 6, 1, 5, 9, 4, 7, 8]),
        (4, 4, 160.0, &[12, 15, 15, 14, 8, 11, 10, 9, 8, 7, 6, 9, 3, 2, 2, 5]),
        (5, 5, 80.0, &[5, 10, 15, 20, 25, 4, 9, 14, 19, 24, 3, 8, 13, 18, 23, 2, 7, 12, 17, 22, 1, 6, 11, 16, 21]),
    ];
    for &(height, width, angle, expected) in golden {
        let rotated = counted(height, width, 1).rotated(angle).unwrap();
        assert_eq!(rotated.pixels(), expected, "{height} × {width} by {angle}°");
    }
}

#[test]
fn the_channels_of_a_pixel_stay_together() {
    let image = counted(2, 2, 3);
    let rotated = image.rotated(90.0).unwrap();
    assert_eq!(rotated.pixels(), [4, 5, 6, 10, 11, 12, 1, 2, 3, 7, 8, 9]);
    for pixel in image.permuted(3).pixels().chunks(3) {
        assert_eq!(pixel, [pixel[0], pixel[0] + 1, pixel[0] + 2]);
    }
}

#[test]
fn an_angle_that_is_no_number_is_refused() {
    for angle in [f64::NAN, f64::INFINITY] {
        let error = counted(2, 2, 1).rotated(angle).unwrap_err();
        assert!(matches!(error, Error::Setting { .. }), "{error}");
    }
}

/// The permutations are a fixed list on which results depend.
#[test]
fn permutations_keep_their_order() {
    let image = counted(3, 3, 1);
    assert_eq!(image.permuted(0), image);
    assert_eq!(image.permuted(1).pixels(), [4, 8, 3, 9, 6, 7, 1, 5, 2]);
    assert_eq!(image.permuted(2).pixels(), [9, 7, 6, 4, 5, 2, 8, 3, 1]);
}

/// Three samples of one feature, of the classes 2, 0 and 1.
fn three() -> Dataset {
    Dataset::images(ImageShape::flat(1), 3, vec![7, 8, 9], vec![2, 0, 1]).unwrap()
}

/// Each sample of each context, with its pixel map and label.
fn seen(contexts: &[Context], dataset: &Dataset) -> Vec<Vec<(u32, PixelMap, u8)>> {
    let label = |sample: u32, view: &View| {
        let class = dataset.labels()[sample as usize];
        (sample, view.pixels, view.labels.label(sample, class))
    };
    let context = |context: &Context| context.samples().map(|(s, v)| label(s, v)).collect();
    contexts.iter().map(context).collect()
}

fn contexts(kind: StreamKind, lists: &[&[u16]], joint: bool) -> Vec<Vec<(u32, PixelMap, u8)>> {
    let lists: Vec<Vec<u16>> = lists.iter().map(|list| list.to_vec()).collect();
    let contexts = stream::contexts(kind, &three(), &lists, joint, 5).unwrap();
    for context in &contexts {
        assert_eq!(context.count(), context.samples().count());
    }
    seen(&contexts, &three())
}

/// All samples in each view that a list names, in the stream's order of the views.
#[test]
fn contexts_hold_every_view_that_they_name() {
    use PixelMap::{Permutation, Rotation};
    let all = |map| [(0, map, 2), (1, map, 0), (2, map, 1)];
    let lists: [&[u16]; 3] = [&[5], &[90, 5], &[90]];
    for joint in [false, true] {
        let rotated = contexts(StreamKind::Rotated, &lists, joint);
        let both = [all(Rotation(5)), all(Rotation(90))].concat();
        assert_eq!(rotated[..2], [all(Rotation(5)).to_vec(), both.clone()]);
        let alone = all(Rotation(90)).to_vec();
        assert_eq!(rotated[2], if joint { both } else { alone });
    }
    let permuted = contexts(StreamKind::Permuted, &[&[0], &[3]], false);
    assert_eq!(permuted, [all(Permutation(0)), all(Permutation(3))]);
}

#[test]
fn classes_are_joined_in_the_order_of_their_samples() {
    let at = |sample: u32, class| (sample, PixelMap::Identity, class);
    let given = contexts(StreamKind::Split, &[&[1], &[1, 2], &[0]], false);
    assert_eq!(
        given,
        [vec![at(2, 1)], vec![at(0, 2), at(2, 1)], vec![at(1, 0)]]
    );
    let joint = contexts(StreamKind::Split, &[&[1], &[2], &[0]], true);
    let all = vec![at(0, 2), at(1, 0), at(2, 1)];
    assert_eq!(joint, [vec![at(2, 1)], vec![at(0, 2), at(2, 1)], all]);
}

/// Each list's classes get the labels 0, 1, … in its order, whatever their labels in other lists.
#[test]
fn subsets_of_classes_share_a_head() {
    let at = |sample: u32, class| (sample, PixelMap::Identity, class);
    let lists: [&[u16]; 3] = [&[2, 1], &[1, 0], &[2, 1]];
    let alone = contexts(StreamKind::ClassSubsets, &lists, false);
    let first = vec![at(0, 0), at(2, 1)];
    assert_eq!(
        alone,
        [first.clone(), vec![at(1, 1), at(2, 0)], first.clone()]
    );
    let joint = contexts(StreamKind::ClassSubsets, &lists, true);
    let both = [first, vec![at(1, 1), at(2, 0)]].concat();
    assert_eq!(joint[1..], [both.clone(), both]);
    let lists = lists.map(|list| list.to_vec());
    assert_eq!(StreamKind::ClassSubsets.outputs(3, &lists), 2);
    assert_eq!(StreamKind::ClassSubsets.tasks(&lists), lists);
}

/// Shuffled labels permute whole classes; random labels are independent per sample. Both are fixed lists on which
/// results depend.
#[test]
fn labels_are_shuffled_and_drawn() {
    let classes: Vec<u8> = (0..10).collect();
    let shuffled = |number| {
        classes
            .iter()
            .map(|&c| LabelMap::shuffled(10, 5, number).label(0, c))
            .collect::<Vec<u8>>()
    };
    assert_eq!(shuffled(0), classes);
    assert_eq!(shuffled(1), [5, 4, 2, 3, 0, 7, 6, 8, 9, 1]);
    assert_ne!(shuffled(1), shuffled(2));
    let random = |seed, number| {
        let map = LabelMap::Random {
            labels: 10,
            seed,
            number,
        };
        (0..12)
            .map(|sample| map.label(sample, 3))
            .collect::<Vec<u8>>()
    };
    assert_eq!(random(5, 1), [2, 2, 4, 6, 6, 6, 2, 4, 4, 7, 4, 9]);
    assert_eq!(random(5, 1), random(5, 1));
    assert_ne!(random(5, 1), random(5, 2));
    assert_ne!(random(5, 1), random(6, 1));
    let lists: [&[u16]; 2] = [&[0], &[1]];
    let random = contexts(StreamKind::RandomLabels, &lists, false);
    let labels = |number, sample| {
        LabelMap::Random {
            labels: 3,
            seed: 5,
            number,
        }
        .label(sample, 0)
    };
    for (number, context) in (0..).zip(&random) {
        for (place, &(sample, map, label)) in (0..).zip(context) {
            assert_eq!(
                (sample, map, label),
                (place, PixelMap::Identity, labels(number, place))
            );
        }
    }
    let shuffled = contexts(StreamKind::ShuffledLabels, &lists, false);
    assert_eq!(
        shuffled[0],
        contexts(StreamKind::Split, &[&[0, 1, 2]], false)[0]
    );
}

/// All random labels are equally frequent: χ² over 9 degrees of freedom stays below 39, which chance exceeds once
/// in 10⁵.
#[test]
fn random_labels_are_uniform() {
    let map = LabelMap::Random {
        labels: 10,
        seed: 1,
        number: 7,
    };
    let mut counts = [0u32; 10];
    for sample in 0..20_000 {
        counts[usize::from(map.label(sample, 0))] += 1;
    }
    let chi_square: f64 = counts
        .iter()
        .map(|&n| (f64::from(n) - 2000.0).powi(2) / 2000.0)
        .sum();
    assert!(chi_square < 39.0, "{counts:?}");
}

#[test]
fn lists_that_name_nothing_are_refused() {
    use StreamKind::{ClassSubsets, Permuted, Rotated, Split};
    for kind in [Split, Rotated, Permuted, ClassSubsets] {
        for lists in [vec![], vec![vec![0], vec![]]] {
            let error = stream::contexts(kind, &three(), &lists, false, 0).unwrap_err();
            assert!(matches!(error, Error::Setting { .. }), "{error}");
        }
    }
    for kind in [Split, ClassSubsets] {
        assert!(stream::contexts(kind, &three(), &[vec![0, 3]], false, 0).is_err());
    }
}

/// A stream of many tasks stores the list of its samples once.
#[test]
fn contexts_share_their_samples() {
    let lists: Vec<Vec<u16>> = (0..800).map(|number| vec![number]).collect();
    for kind in [StreamKind::Permuted, StreamKind::RandomLabels] {
        let contexts = stream::contexts(kind, &three(), &lists, true, 0).unwrap();
        let first = &contexts[0].parts[0];
        for context in &contexts {
            for (number, part) in context.parts.iter().enumerate() {
                assert!(Arc::ptr_eq(&part.samples, &first.samples));
                assert!(Arc::ptr_eq(part, &contexts[799].parts[number]));
            }
        }
    }
}

#[test]
fn classes_come_in_a_shuffled_order() {
    let lists = ClassLists {
        classes: 10,
        each: Some(2),
        shuffled: true,
        seed: 3,
    };
    let tasks = stream::numbered(StreamKind::Split, 5, lists).unwrap();
    let mut all = tasks.concat();
    assert_ne!(all, (0..10).collect::<Vec<u16>>());
    all.sort_unstable();
    assert_eq!(all, (0..10).collect::<Vec<u16>>());
    // The same order whether tasks are listed or counted, and a new one after each pass over all of them.
    let listed = vec![vec![0, 1], vec![2, 3], vec![4, 5], vec![6, 7], vec![8, 9]];
    assert_eq!(lists.renamed(listed), tasks);
    let subsets = stream::numbered(StreamKind::ClassSubsets, 10, lists).unwrap();
    assert_eq!(subsets[..5], tasks);
    assert_ne!(subsets[5..], tasks);
    assert!(stream::numbered(StreamKind::Split, 6, lists).is_err());
    let three = ClassLists {
        each: Some(3),
        ..lists
    };
    assert!(stream::numbered(StreamKind::Split, 4, three).is_err());
    let many = ClassLists {
        each: Some(11),
        ..lists
    };
    assert!(stream::numbered(StreamKind::ClassSubsets, 1, many).is_err());
    assert!(stream::numbered(StreamKind::Rotated, 361, lists).is_err());
    assert!(stream::numbered(StreamKind::Permuted, 65_537, lists).is_err());
    assert_eq!(
        stream::numbered(StreamKind::Permuted, 65_536, lists).unwrap()[65_535],
        [65_535]
    );
}

#[test]
fn the_first_context_recurs() {
    let of = |count: u8, every| stream::recurring((0..count).collect(), every);
    assert_eq!(of(7, 3), [0, 1, 2, 3, 0, 4, 5, 6, 0]);
    assert_eq!(of(3, 1), [0, 1, 0, 2, 0]);
    assert_eq!(of(3, 5), [0, 1, 2]);
    assert_eq!(of(0, 2), [0; 0]);
}

/// Random images, and samples of them as contexts select them.
fn images(shape: ImageShape, seed: u64) -> Dataset {
    let mut stream = RandomStream::new(seed, Purpose::User, 0);
    let count = 9;
    let bytes = count * shape.height * shape.width * shape.channels;
    let pixels = (0..bytes).map(|_| stream.random()).collect();
    let labels = (0..count).map(|_| stream.random_range(0..4)).collect();
    Dataset::images(shape, 4, pixels, labels).unwrap()
}

proptest! {
    /// The images of a rotated or permuted view equal those of a rotated or permuted copy, whatever else is in the
    /// batch, with one table per channel or one for all, also shifted and flipped.
    #[test]
    fn a_view_equals_the_copy(
        side in (1..6usize, 1..6usize, 1..4usize),
        numbers in prop::collection::vec((any::<bool>(), 0..400u16), 1..5),
        crop_padding in 0..3u8, mirror: bool, one_for_all: bool, seed: u64,
    ) {
        let shape = ImageShape { height: side.0, width: side.1, channels: side.2 };
        let dataset = images(shape, seed);
        let cpu = Cpu::new().unwrap();
        let constants = if one_for_all { 1 } else { shape.channels };
        let normalisation = PixelScaling {
            maximum: 255.0,
            mean: [0.31, 0.47, 0.13][..constants].to_vec(),
            standard_deviation: [0.21, 0.29, 0.37][..constants].to_vec(),
        };
        let samples: Arc<[u32]> = vec![3, 8, 0].into();
        let map = |&(rotated, number): &(bool, u16)| match rotated {
            true => PixelMap::Rotation(number),
            false => PixelMap::Permutation(number.into()),
        };
        let part = |number| Arc::new(Part {
            samples: samples.clone(),
            view: View { pixels: map(number), ..View::default() },
        });
        let context = Context { parts: numbers.iter().map(part).collect(), ..Context::default() };
        let transform = RandomCropFlip { padding: crop_padding, horizontal_flip: mirror };
        let views = DeviceDataset::new(&cpu, &dataset, &normalisation).unwrap();
        let views = EvalSets::new(&cpu, views, vec![context], transform).unwrap();
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for number in &numbers {
            let copy = match map(number) {
                PixelMap::Rotation(angle) => dataset.rotated(f64::from(angle)).unwrap(),
                _ => dataset.permuted(number.1.into()),
            };
            for &sample in &*samples {
                let features = dataset.features();
                pixels.extend_from_slice(&copy.pixels()[sample as usize * features..][..features]);
                labels.push(dataset.labels()[sample as usize]);
            }
        }
        let count = labels.len() as u32;
        let copies = Dataset::images(shape, 4, pixels, labels).unwrap();
        let copies = DeviceDataset::new(&cpu, &copies, &normalisation).unwrap();
        let copies = EvalSets::new(&cpu, copies, vec![(0..count).collect::<Vec<u32>>()], transform).unwrap();
        let [views, copies] = [views, copies].map(|tasks| {
            let mut seen = Seen::default();
            let mut loss = LossLog::new();
            let draws = TestDraws {
                seed: 7,
                iteration: 1,
                passes: 1,
            };
            tasks.evaluate(&cpu, &mut seen, &mut loss, 0, draws).unwrap();
            (seen.inputs, loss.total(&cpu).unwrap())
        });
        prop_assert_eq!(views, copies);
    }
}

/// More passes see every image again with draws of their own, after those of the first pass.
#[test]
fn every_pass_draws_its_own_transforms() {
    let cpu = Cpu::new().unwrap();
    let shape = ImageShape {
        height: 6,
        width: 5,
        channels: 1,
    };
    let scaling = PixelScaling {
        maximum: 255.0,
        mean: vec![0.5],
        standard_deviation: vec![0.2],
    };
    let dataset = DeviceDataset::new(&cpu, &images(shape, 4), &scaling).unwrap();
    let transform = RandomCropFlip {
        padding: 2,
        horizontal_flip: true,
    };
    let tasks = vec![(0..9).collect::<Vec<u32>>()];
    let tasks = EvalSets::new(&cpu, dataset, tasks, transform).unwrap();
    let [once, thrice] = [1, 3].map(|passes| {
        let (mut seen, mut loss) = (Seen::default(), LossLog::new());
        let draws = TestDraws {
            seed: 7,
            iteration: 1,
            passes,
        };
        tasks
            .evaluate(&cpu, &mut seen, &mut loss, 0, draws)
            .unwrap();
        assert_eq!(loss.total(&cpu).unwrap().samples, 9 * passes);
        seen.inputs
    });
    assert_eq!(thrice.len(), 3 * once.len());
    let passes: Vec<&[u32]> = thrice.chunks(once.len()).collect();
    assert_eq!(passes[0], once);
    assert!(passes[1] != passes[0] && passes[2] != passes[1]);
}

#[test]
fn a_task_is_what_its_context_adds() {
    let tasks = stream::tasks(&[vec![3, 1], vec![1, 3], vec![1, 2, 3, 0]]);
    assert_eq!(tasks, [vec![3, 1], vec![], vec![2, 0]]);
}

proptest! {
    /// Every permutation has each pixel once, and different numbers different orders.
    #[test]
    fn a_permutation_moves_pixels_and_changes_none(number in 1u64..1_000_000, side in 4usize..15) {
        let image = counted(side, side, 1);
        let permuted = image.permuted(number);
        let mut sorted = permuted.pixels().to_vec();
        sorted.sort_unstable();
        prop_assert_eq!(&sorted[..], image.pixels());
        prop_assert_ne!(&permuted, &image);
        prop_assert_ne!(permuted, image.permuted(number + 1));
    }

    /// Four quarter turns, and two half turns, change nothing.
    #[test]
    fn quarter_turns_of_squares_lose_nothing(side in 1usize..15, turns in 1i32..4) {
        let image = counted(side, side, 1);
        let angle = 90.0 * f64::from(turns);
        let back = image.rotated(angle).unwrap().rotated(360.0 - angle).unwrap();
        prop_assert_eq!(back, image);
    }
}
