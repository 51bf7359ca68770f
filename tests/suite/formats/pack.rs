//! Images with named classes in one file.

use neurogain::data::{Dataset, ImageShape, NamedClasses, TrainTest, pack};

use super::*;

const SHAPE: ImageShape = ImageShape {
    height: 1,
    width: 2,
    channels: 3,
};

fn collection() -> NamedClasses {
    let pixels: Vec<u8> = (0..18).collect();
    let half = |samples: usize, labels: &[u8]| {
        Dataset::images(SHAPE, 2, pixels[..6 * samples].to_vec(), labels.to_vec()).unwrap()
    };
    NamedClasses {
        names: vec!["café".into(), "b".into()],
        samples: TrainTest {
            train: half(3, &[1, 0, 1]),
            test: half(1, &[0]),
        },
    }
}

fn packed(collection: &NamedClasses) -> Vec<u8> {
    let folder = folder();
    let path = folder.path().join("file");
    pack::write(&path, collection).unwrap();
    fs::read(path).unwrap()
}

fn read(bytes: &[u8]) -> Result<NamedClasses> {
    let folder = folder();
    pack::read(&write(folder.path(), "file", bytes))
}

/// CRC-64/XZ, bit by bit.
fn checksum(bytes: &[u8]) -> [u8; 8] {
    let mut rest = u64::MAX;
    for byte in bytes {
        rest ^= u64::from(*byte);
        for _ in 0..8 {
            let carry = rest & 1;
            rest >>= 1;
            if carry == 1 {
                rest ^= 0xc96c_5795_d787_0f42;
            }
        }
    }
    (!rest).to_le_bytes()
}

/// The file of [`collection`], byte for byte by the format's definition.
fn golden() -> Vec<u8> {
    let mut bytes = vec![0x89, b'N', b'G', b'P', 0x0d, 0x0a, 0x1a, 0x0a];
    for number in [1_u32, 1, 2, 3, 2, 3, 1] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend([5, 0, b'c', b'a', b'f', 0xc3, 0xa9, 1, 0, b'b']);
    bytes.extend([1, 0, 1]);
    bytes.extend(0..18);
    bytes.push(0);
    bytes.extend(0..6);
    bytes.extend(checksum(&bytes));
    bytes
}

/// Changes a byte of [`golden`] and updates the checksum.
fn changed(at: usize, value: u8) -> Vec<u8> {
    let mut bytes = golden();
    bytes[at] = value;
    let end = bytes.len() - 8;
    let right = checksum(&bytes[..end]);
    bytes[end..].copy_from_slice(&right);
    bytes
}

#[test]
fn golden_bytes_are_written_and_read_as_the_format_defines_them() {
    assert_eq!(packed(&collection()), golden());
    assert_eq!(read(&golden()).unwrap(), collection());
}

#[test]
fn every_changed_byte_and_every_truncation_is_found() {
    let bytes = golden();
    for at in 0..bytes.len() {
        for change in [1, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= change;
            assert!(read(&bytes).is_err(), "byte {at} ^ {change:#x}");
        }
        assert!(read(&bytes[..at]).is_err(), "cut at {at}");
    }
    assert!(read(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn what_is_wrong_is_named_with_what_is_right() {
    let refused = |bytes: &[u8], parts: &[&str]| assert_refused(read(bytes), "file", parts);
    refused(b"", &["not a packed file", "nothing", "89 4e 47 50"]);
    refused(b"\x89PNG\r\n\x1a\n", &["89 50 4e 47", "89 4e 47 50"]);
    refused(&changed(8, 2), &["version 2", "version 1"]);
    refused(&changed(24, 0), &["0 classes", "1 to 256"]);
    refused(&changed(12, 0), &["0 × 2 × 3", "bytes follow"]);
    refused(
        &changed(28, 9),
        &["9 + 1 images of 1 × 2 × 3", "36 bytes follow"],
    );
    refused(&changed(38, 0xff), &["class 0", "UTF-8"]);
    refused(&changed(46, 2), &["label", "2", "below 2"]);
    let mut damaged = golden();
    damaged[60] ^= 4;
    refused(&damaged, &["damaged", "checksum"]);
    refused(&golden()[..40], &["truncated"]);
}

#[test]
fn claims_that_no_memory_holds_are_refused() {
    for at in [12, 16, 20, 28, 32] {
        let mut bytes = golden();
        bytes[at..at + 4].fill(0xff);
        assert!(matches!(read(&bytes), Err(Error::Format { .. })));
    }
    let mut bytes = golden();
    bytes[12..24].fill(0xff);
    bytes[28..36].fill(0xff);
    assert_refused(read(&bytes), "file", &["more bytes than a file can have"]);
}

#[test]
fn nothing_is_written_over_and_nothing_half_written_is_left() {
    let folder = folder();
    let path = write(folder.path(), "file", b"mine");
    let error = pack::write(&path, &collection()).unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    let nowhere = folder.path().join("no/such/file");
    assert!(matches!(
        pack::write(&nowhere, &collection()),
        Err(Error::File { .. })
    ));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_collection_that_does_not_fit_together_is_not_written() {
    let folder = folder();
    let path = folder.path().join("file");
    let mut names = collection();
    names.names.pop();
    let mut shapes = collection();
    shapes.samples.test = Dataset::new(6, 2, vec![0; 6], vec![0]).unwrap();
    let mut long = collection();
    long.names[1] = "x".repeat(1 << 16);
    for (wrong, part) in [(names, "2 names"), (shapes, "1 × 1 × 6"), (long, "65535")] {
        let error = pack::write(&path, &wrong).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        assert!(!path.exists());
    }
}

fn collections() -> impl Strategy<Value = NamedClasses> {
    let sizes = (1_usize..4, 1_usize..4, 1_usize..4, 1_usize..5);
    (sizes, 0_usize..5, 0_usize..5).prop_flat_map(|((height, width, channels, classes), n, m)| {
        let shape = ImageShape {
            height,
            width,
            channels,
        };
        let half = move |samples: usize| {
            let features = height * width * channels;
            let pixels = prop::collection::vec(any::<u8>(), samples * features);
            let labels = prop::collection::vec(0..classes as u8, samples);
            (pixels, labels).prop_map(move |(p, l)| Dataset::images(shape, classes, p, l).unwrap())
        };
        let names = prop::collection::vec(any::<String>(), classes);
        (names, half(n), half(m)).prop_map(|(names, train, test)| NamedClasses {
            names,
            samples: TrainTest { train, test },
        })
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(collection in collections()) {
        prop_assert_eq!(read(&packed(&collection)), Ok(collection));
    }

    #[test]
    fn a_truncated_or_changed_file_is_an_error(
        collection in collections(),
        place in any::<prop::sample::Index>(),
        change in 1_u8..,
    ) {
        let mut bytes = packed(&collection);
        let at = place.index(bytes.len());
        prop_assert!(read(&bytes[..at]).is_err());
        bytes[at] ^= change;
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn random_bytes_never_panic(
        length in 0_usize..60,
        rest in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let _ = read(&[&golden()[..length], &rest].concat());
    }
}
