//! Four IDX files in a directory.

use neurogain::data::mnist;

use super::*;

/// The four files in `folder`, with names that `name` derives from the usual ones.
pub fn write_mnist(
    folder: &Path,
    name: impl Fn(&str) -> String,
    encoded: impl Fn(&[u8]) -> Vec<u8>,
) {
    let test_images = encode(&[1, 2, 3], &[1, 2, 3, 4, 5, 6]);
    let test_labels = encode(&[1], &[7]);
    let contents: [&[u8]; 4] = [&IMAGES, &LABELS, &test_images, &test_labels];
    for (file, bytes) in mnist::FILES.into_iter().zip(contents) {
        write(folder, &name(file), &encoded(bytes));
    }
}

#[track_caller]
pub fn assert_is_the_written_mnist(directory: &Path) {
    let mnist = mnist::load(directory).unwrap();
    let shape = mnist.train.shape();
    assert_eq!((shape.height, shape.width, shape.channels), (2, 3, 1));
    assert_eq!(mnist.train.features(), 6);
    assert_eq!(mnist.train.classes(), 10);
    assert_eq!(mnist.train.pixels(), &IMAGES[16..]);
    assert_eq!(mnist.train.labels(), [9, 0]);
    assert_eq!(mnist.test.pixels(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(mnist.test.labels(), [7]);
}

#[test]
fn every_directory_layout_and_spelling_is_found() {
    for below in ["", "mnist", "MNIST/raw"] {
        for dotted in [false, true] {
            let folder = folder();
            let spelling = |file: &str| match dotted {
                true => file.replace("-idx", ".idx"),
                false => file.to_string(),
            };
            write_mnist(&folder.path().join(below), spelling, <[u8]>::to_vec);
            assert_is_the_written_mnist(folder.path());
        }
    }
}

#[test]
fn files_of_different_places_are_not_mixed() {
    let folder = folder();
    // The first place holds another data set's images, without labels.
    let other = encode(&[2, 2, 3], &[0; 12]);
    write(folder.path(), mnist::FILES[0], &other);
    write_mnist(&folder.path().join("mnist"), str::to_string, <[u8]>::to_vec);
    assert_is_the_written_mnist(folder.path());

    let [first, second, third] = mnist::search(folder.path());
    let found = first.files.each_ref().map(Option::is_some);
    assert_eq!(found, [true, false, false, false]);
    assert!(first.complete().is_none());
    let files = second.complete().unwrap();
    assert_eq!(
        files,
        mnist::FILES
            .map(|f| folder.path().join("mnist").join(f))
            .each_ref()
            .map(|p| p.as_path())
    );
    assert_eq!(third.files, [const { None }; 4]);
    assert!(first.to_string().ends_with(
        "lacks train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte"
    ));
    assert!(second.to_string().ends_with("mnist: all four files"));
    assert!(third.to_string().ends_with("raw: no such directory"));
}

#[test]
fn a_missing_file_is_reported_with_every_place_looked_in() {
    let folder = folder();
    write_mnist(folder.path(), str::to_string, <[u8]>::to_vec);
    fs::remove_file(folder.path().join(mnist::FILES[3])).unwrap();
    // As some archives unpack: a directory with the file's name is not the file.
    fs::create_dir(folder.path().join(mnist::FILES[3])).unwrap();
    let error = mnist::load(folder.path()).unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error:?}");
    let message = error.to_string();
    let at = folder.path().display();
    for part in [
        format!("{at}: lacks {};", mnist::FILES[3]),
        format!("{at}/mnist: no such directory"),
        format!("{at}/MNIST/raw: no such directory"),
        mnist::FILES.join(", "),
    ] {
        assert!(message.contains(&part), "{message:?} lacks {part:?}");
    }
}

#[test]
fn training_and_test_images_of_different_sizes_are_refused() {
    let folder = folder();
    write_mnist(folder.path(), str::to_string, <[u8]>::to_vec);
    // Equally many pixels, so that only the shape differs.
    write(folder.path(), mnist::FILES[2], &encode(&[1, 3, 2], &[0; 6]));
    let mnist = mnist::load(folder.path());
    assert_refused(mnist, mnist::FILES[2], &["3 × 2", "2 × 3", mnist::FILES[0]]);
}
