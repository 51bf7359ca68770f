//! Plain IDX files.

use neurogain::data::idx;

use super::*;

#[test]
fn golden_bytes_are_read_as_the_format_defines_them() {
    let images = read_images(&IMAGES).unwrap();
    assert_eq!((images.count, images.rows, images.columns), (2, 2, 3));
    let pixels = [10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 255];
    assert_eq!(images.pixels, pixels);
    assert_eq!(read_labels(&LABELS).unwrap(), [9, 0]);
}

#[test]
fn images_and_their_labels_make_a_dataset() {
    let folder = folder();
    let images = write(folder.path(), "images", &IMAGES);
    let labels = write(folder.path(), "labels", &LABELS);
    let dataset = idx::read_dataset(&images, &labels, 10).unwrap();
    assert_eq!((dataset.features(), dataset.classes()), (6, 10));
    assert_eq!(dataset.pixels(), &IMAGES[16..]);
    assert_eq!(dataset.labels(), [9, 0]);
}

#[test]
fn a_path_that_is_no_file_is_an_error_of_the_system() {
    let folder = folder();
    let missing = folder.path().join("nothing");
    let mut paths = vec![
        (missing, "No such file"),
        (folder.path().into(), "it is not a file"),
    ];
    if cfg!(unix) {
        // Opening a device or a pipe could wait forever.
        paths.push(("/dev/null".into(), "it is not a file"));
    }
    for (path, reason) in paths {
        let error = idx::read_images(&path).unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains(&path.display().to_string()), "{message}");
        assert!(cfg!(not(unix)) || message.contains(reason), "{message}");
    }
}

#[test]
fn a_wrong_beginning_is_named() {
    let right = "images, u8 of rank 3, begin with 00 00 08 03";
    assert_refused(read_images(&[]), "images", &["is empty", right]);
    assert_refused(read_images(&[0, 0, 8]), "images", &["3 bytes", right]);
    assert_refused(
        read_images(b"\x89PNG\r\n"),
        "images",
        &["89 50 4e 47", right],
    );
    assert_refused(read_images(&LABELS), "images", &["u8 of rank 1", right]);
    for (code, name) in [(0x09, "i8"), (0x0d, "f32"), (0x77, "unknown")] {
        let mut bytes = IMAGES;
        bytes[2] = code;
        let found = format!("type 0x{code:02x} ({name})");
        assert_refused(read_images(&bytes), "images", &[&found, right]);
    }
    let right = "labels, u8 of rank 1, begin with 00 00 08 01";
    assert_refused(read_labels(&IMAGES), "labels", &["u8 of rank 3", right]);
}

#[test]
fn a_length_that_is_not_the_headers_is_named() {
    let truncated = read_images(&IMAGES[..27]);
    assert_refused(truncated, "images", &["truncated", "2 × 2 × 3", "11 bytes"]);
    let header = read_images(&IMAGES[..15]);
    assert_refused(header, "images", &["15 bytes of 16"]);
    let oversized = read_images(&[&IMAGES[..], &[0]].concat());
    assert_refused(oversized, "images", &["continues", "12 bytes", "2 × 2 × 3"]);
    for dimensions in [[0, 2, 3], [2, 0, 3], [2, 2, 0]] {
        let empty = read_images(&encode(&dimensions, &[]));
        assert_refused(empty, "images", &["0", "at least 1"]);
    }
    assert_refused(read_labels(&encode(&[0], &[])), "labels", &["at least 1"]);
}

#[test]
fn a_header_that_claims_more_than_there_is_is_not_believed() {
    // The last two do not fit in u64; the last would wrap to 0.
    for dimensions in [
        [u32::MAX, 1, 1],
        [1 << 20, 1 << 20, 1 << 20],
        [u32::MAX; 3],
        [1 << 31, 1 << 31, 4],
    ] {
        let claims = read_images(&encode(&dimensions, &[1; 12]));
        let announced = dimensions.map(|d| d.to_string()).join(" × ");
        assert_refused(claims, "images", &["truncated", &announced, "12 bytes"]);
    }
}

#[test]
fn a_label_out_of_range_is_named() {
    let labels = read_labels(&encode(&[3], &[9, 10, 0]));
    assert_refused(labels, "labels", &["label 1", "is 10", "below 10"]);
}

#[test]
fn images_and_labels_that_differ_in_number_are_refused() {
    let folder = folder();
    let images = write(folder.path(), "images", &IMAGES);
    for labels in [&[1][..], &[1, 2, 3]] {
        let labels = write(
            folder.path(),
            "labels",
            &encode(&[labels.len() as u32], labels),
        );
        let number = match fs::read(&labels).unwrap().len() - 8 {
            1 => String::from("holds 1 label for"),
            number => format!("holds {number} labels for"),
        };
        let images_named = images.display().to_string();
        let dataset = idx::read_dataset(&images, &labels, 10);
        assert_refused(dataset, "labels", &[&number, "2 images", &images_named]);
    }
}

#[cfg(not(feature = "report"))]
#[test]
fn without_the_feature_a_gzipped_file_says_what_it_needs() {
    let gzipped = read_images(&[0x1f, 0x8b, 8, 0]);
    assert_refused(
        gzipped,
        "images",
        &["gzipped", "feature `report`", "gunzip"],
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read(images in images()) {
        prop_assert_eq!(read_images(&encode_images(&images)), Ok(images));
    }

    #[test]
    fn a_truncated_file_is_an_error((bytes, keep) in truncated(<[u8]>::to_vec)) {
        prop_assert!(read_images(&bytes[..keep]).is_err());
    }

    #[test]
    fn random_bytes_never_panic(
        // With a beginning that passes more of the checks than random bytes.
        beginning in prop::sample::select(vec![&[][..], &[0, 0, 8, 3], &[0, 0, 8, 1], &[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1], &[0x1f, 0x8b, 8, 0]]),
        rest in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let bytes = [beginning, &rest].concat();
        if let Ok(images) = read_images(&bytes) {
            prop_assert_eq!(images.pixels.len(), images.count * images.rows * images.columns);
        }
        if let Ok(labels) = read_labels(&bytes) {
            prop_assert!(labels.iter().all(|&label| label < 10));
        }
    }
}
