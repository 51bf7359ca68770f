//! Rotated and permuted images, the contexts made of them, and the tasks that contexts bring.

use neurogain::Error;
use neurogain::data::{Dataset, ImageShape};
use neurogain::stream;
use proptest::prelude::*;

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

/// Found by hand for the quarter turns: counter-clockwise, the last column becomes the first row. The
/// others are what Pillow 12 gives, `Image.rotate(angle)`.
#[test]
fn rotation_is_pillows() {
    #[rustfmt::skip]
    let golden: &[(usize, usize, f64, &[u8])] = &[
        (3, 3, 0.0, &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (3, 3, 90.0, &[3, 6, 9, 2, 5, 8, 1, 4, 7]),
        (3, 3, -270.0, &[3, 6, 9, 2, 5, 8, 1, 4, 7]),
        (2, 3, 180.0, &[6, 5, 4, 3, 2, 1]),
        // The corners of a wide image turn out of it, and zeros come in.
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

/// Permutations are of a fixed list, which results depend on.
#[test]
fn permutations_keep_their_order() {
    let image = counted(3, 3, 1);
    assert_eq!(image.permuted(0), image);
    assert_eq!(image.permuted(1).pixels(), [4, 8, 3, 9, 6, 7, 1, 5, 2]);
    assert_eq!(image.permuted(2).pixels(), [9, 7, 6, 4, 5, 2, 8, 3, 1]);
}

#[test]
fn contexts_hold_every_copy_that_they_name() {
    let shape = ImageShape::flat(1);
    let dataset = Dataset::images(shape, 3, vec![7, 8, 9], vec![2, 0, 1]).unwrap();
    let lists = [vec![5], vec![5, 90], vec![90]];
    let (copies, contexts) = stream::rotated(&dataset, &lists, 11).unwrap();
    assert_eq!(copies.labels(), [2, 0, 1, 2, 0, 1]);
    let samples: Vec<_> = contexts.iter().map(|c| c.samples.clone()).collect();
    assert_eq!(
        samples,
        [vec![0, 1, 2], vec![0, 1, 2, 3, 4, 5], vec![3, 4, 5]]
    );
    assert!(contexts.iter().all(|context| context.iterations == 11));
    for lists in [vec![], vec![vec![0], vec![]]] {
        assert!(stream::rotated(&dataset, &lists, 1).is_err(), "{lists:?}");
        assert!(stream::permuted(&dataset, &lists, 1).is_err(), "{lists:?}");
    }
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

    /// Four quarter turns, and a turn there and back by half turns, change nothing.
    #[test]
    fn quarter_turns_of_squares_lose_nothing(side in 1usize..15, turns in 1i32..4) {
        let image = counted(side, side, 1);
        let angle = 90.0 * f64::from(turns);
        let back = image.rotated(angle).unwrap().rotated(360.0 - angle).unwrap();
        prop_assert_eq!(back, image);
    }
}
