//! The binary formats of CIFAR-10 and CIFAR-100.

use neurogain::data::TrainTest;
use neurogain::data::cifar::{self, FILES_10, FILES_100, SUPERCLASSES};

use super::*;

const PIXELS: usize = 32 * 32;

/// A row whose planes are `red`, `green` and `blue`, each plus the pixel's index (mod 256).
fn row(labels: &[u8], planes: [u8; 3]) -> Vec<u8> {
    let pixels = planes
        .into_iter()
        .flat_map(|plane| (0..PIXELS).map(move |pixel| plane.wrapping_add(pixel as u8)));
    labels.iter().copied().chain(pixels).collect()
}

/// The result of reading [`row`]: pixel after pixel.
fn image(planes: [u8; 3]) -> Vec<u8> {
    let pixel = |at: usize| planes.map(|plane| plane.wrapping_add(at as u8));
    (0..PIXELS).flat_map(pixel).collect()
}

/// CIFAR-10 in which each training file has its number as label, and two test samples.
fn write_10(folder: &Path) {
    for (number, name) in FILES_10.into_iter().enumerate().take(5) {
        let number = number as u8;
        write(folder, name, &row(&[number], [number, 100, 200]));
    }
    let test = [row(&[9], [1, 2, 3]), row(&[0], [4, 5, 6])].concat();
    write(folder, FILES_10[5], &test);
}

fn load_10(test: &[u8]) -> Result<TrainTest> {
    let folder = folder();
    write_10(folder.path());
    write(folder.path(), FILES_10[5], test);
    cifar::load_10(folder.path())
}

fn load_100(test: &[u8]) -> Result<TrainTest> {
    let folder = folder();
    write(folder.path(), FILES_100[0], &row(&[0, 4], [0; 3]));
    write(folder.path(), FILES_100[1], test);
    cifar::load_100(folder.path())
}

fn assert_is_the_written_10(cifar: &TrainTest) {
    assert_eq!(cifar.train.labels(), [0, 1, 2, 3, 4]);
    assert_eq!(cifar.test.labels(), [9, 0]);
    for half in [&cifar.train, &cifar.test] {
        assert_eq!((half.shape(), half.classes()), (cifar::SHAPE, 10));
    }
    let test = [image([1, 2, 3]), image([4, 5, 6])].concat();
    assert_eq!(cifar.test.pixels(), test);
    let training: Vec<u8> = (0..5).flat_map(|n| image([n, 100, 200])).collect();
    assert_eq!(cifar.train.pixels(), training);
}

#[test]
fn planes_become_pixels_of_channels_file_after_file() {
    for below in ["", "cifar-10-batches-bin"] {
        let folder = folder();
        write_10(&folder.path().join(below));
        assert_is_the_written_10(&cifar::load_10(folder.path()).unwrap());
    }
}

/// The layout in numbers, without the helper above: pixel (row 1, column 2) of the three planes.
#[test]
fn a_pixel_is_where_height_width_channels_puts_it() {
    let mut bytes = vec![0; 1 + 3 * PIXELS];
    for (plane, value) in [7, 8, 9].into_iter().enumerate() {
        bytes[1 + plane * 1024 + 32 + 2] = value;
    }
    let cifar = load_10(&bytes).unwrap();
    let at = (32 + 2) * 3;
    assert_eq!(cifar.test.pixels()[at..at + 3], [7, 8, 9]);
    assert_eq!(cifar.test.pixels().iter().filter(|&&p| p > 0).count(), 3);
}

#[test]
fn cifar_100_has_the_fine_class_as_label() {
    for below in ["", "cifar-100-binary"] {
        let folder = folder();
        let place = folder.path().join(below);
        let training = [row(&[2, 92], [1, 2, 3]), row(&[19, 41], [4, 5, 6])].concat();
        write(&place, FILES_100[0], &training);
        write(&place, FILES_100[1], &row(&[1, 73], [7, 8, 9]));
        let cifar = cifar::load_100(folder.path()).unwrap();
        assert_eq!(cifar.train.labels(), [92, 41]);
        assert_eq!(cifar.test.labels(), [73]);
        assert_eq!(
            (cifar.test.shape(), cifar.test.classes()),
            (cifar::SHAPE, 100)
        );
        assert_eq!(cifar.test.pixels(), image([7, 8, 9]));
        let pixels = [image([1, 2, 3]), image([4, 5, 6])].concat();
        assert_eq!(cifar.train.pixels(), pixels);
    }
}

#[test]
fn the_superclasses_hold_every_class_once_and_the_names_that_they_should() {
    let mut all = SUPERCLASSES.concat();
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<u8>>());
    let names = |superclass: usize| {
        let classes = SUPERCLASSES[superclass];
        (
            cifar::SUPERCLASS_NAMES[superclass],
            classes.map(|class| cifar::CLASSES_100[usize::from(class)]),
        )
    };
    let mammals = ["beaver", "dolphin", "otter", "seal", "whale"];
    let fish = ["aquarium_fish", "flatfish", "ray", "shark", "trout"];
    let flowers = ["orchid", "poppy", "rose", "sunflower", "tulip"];
    assert_eq!(names(0), ("aquatic_mammals", mammals));
    assert_eq!(names(1), ("fish", fish));
    assert_eq!(names(2), ("flowers", flowers));
    let vehicles = ["lawn_mower", "rocket", "streetcar", "tank", "tractor"];
    assert_eq!(names(19), ("vehicles_2", vehicles));
}

#[test]
fn a_length_that_is_not_whole_rows_is_named() {
    let whole = row(&[1], [0; 3]);
    let refused = |bytes: &[u8], parts: &[&str]| {
        assert_refused(load_10(bytes), FILES_10[5], parts);
    };
    refused(&[], &["is empty", "3073", "at least one"]);
    refused(
        &whole[..3072],
        &["3072 bytes", "0 rows of 3073", "3072 more bytes"],
    );
    let longer = [&whole[..], &[0]].concat();
    refused(&longer, &["3074 bytes", "1 rows of 3073", "1 more bytes"]);
    let hundred = load_100(&whole);
    assert_refused(hundred, FILES_100[1], &["3073 bytes", "rows of 3074"]);
}

#[test]
fn a_label_out_of_range_is_named() {
    let broken = [row(&[9], [0; 3]), row(&[10], [0; 3])].concat();
    let parts = ["row 1", "class 10", "below 10"];
    assert_refused(load_10(&broken), FILES_10[5], &parts);

    let refused = |labels: [u8; 2], parts: &[&str]| {
        assert_refused(load_100(&row(&labels, [0; 3])), FILES_100[1], parts);
    };
    refused([0, 100], &["row 0", "class 100", "below 100"]);
    refused([20, 4], &["row 0", "superclass 20", "below 20"]);
    refused([1, 4], &["class 4", "superclass 1", "[1, 32, 67, 73, 91]"]);
}

#[test]
fn a_training_file_is_checked_as_the_test_file_is() {
    let folder = folder();
    write_10(folder.path());
    write(folder.path(), FILES_10[3], &row(&[255], [0; 3]));
    let loaded = cifar::load_10(folder.path());
    assert_refused(loaded, FILES_10[3], &["row 0", "class 255", "below 10"]);
}

#[test]
fn missing_files_are_reported_with_every_place_looked_in() {
    let folder = folder();
    write_10(folder.path());
    fs::remove_file(folder.path().join(FILES_10[2])).unwrap();
    let at = folder.path().display();
    let ten = cifar::load_10(folder.path()).unwrap_err();
    assert!(matches!(ten, Error::File { .. }), "{ten:?}");
    let ten = ten.to_string();
    for part in [
        format!("{at}: lacks {};", FILES_10[2]),
        format!("{at}/cifar-10-batches-bin: no such directory"),
        FILES_10.join(", "),
    ] {
        assert!(ten.contains(&part), "{ten:?} lacks {part:?}");
    }
    let hundred = cifar::load_100(folder.path()).unwrap_err().to_string();
    for part in [
        format!("{at}: none of the two files"),
        format!("{at}/cifar-100-binary: no such directory"),
    ] {
        assert!(hundred.contains(&part), "{hundred:?} lacks {part:?}");
    }
}

proptest! {
    #[test]
    fn a_truncated_file_is_an_error(rows in 1_usize..4, lost in 1_usize..3073) {
        let bytes = row(&[1], [0; 3]).repeat(rows);
        prop_assert!(load_10(&bytes[..bytes.len() - lost]).is_err());
    }

    #[test]
    fn whole_rows_of_any_bytes_are_read_or_refused(
        labels in prop::collection::vec(any::<[u8; 2]>(), 1..4),
        planes in any::<[u8; 3]>(),
    ) {
        let tens: Vec<u8> = labels.iter().flat_map(|l| row(&l[..1], planes)).collect();
        let right = labels.iter().all(|l| l[0] < 10);
        prop_assert_eq!(load_10(&tens).is_ok(), right);
        let hundreds: Vec<u8> = labels.iter().flat_map(|l| row(l, planes)).collect();
        let right = labels.iter().all(|l| l[0] < 20 && SUPERCLASSES[usize::from(l[0])].contains(&l[1]));
        prop_assert_eq!(load_100(&hundreds).is_ok(), right);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        prop_assert!(load_10(&bytes).is_err());
        prop_assert!(load_100(&bytes).is_err());
    }
}
