//! Collections of images: where they are searched for, and the errors for wrong sizes and missing files.

use neurogain::data::collection::{self, Place};
use neurogain::data::{Dataset, ImageShape, NamedClasses, TrainTest, pack};

use super::*;

fn collection_of(side: usize) -> NamedClasses {
    let shape = ImageShape {
        height: side,
        width: side,
        channels: 3,
    };
    let half = || Dataset::images(shape, 1, vec![9; side * side * 3], vec![0]).unwrap();
    NamedClasses {
        names: vec!["cat".into()],
        samples: TrainTest {
            train: half(),
            test: half(),
        },
    }
}

#[test]
fn a_packed_file_is_found_by_its_name_or_given_itself() {
    let folder = folder();
    let path = folder.path().join("animals.packed");
    pack::write(&path, &collection_of(4)).unwrap();
    for place in [folder.path(), &path] {
        let (found, _) = collection::search(place, "animals");
        assert_eq!(found, Some(Place::Packed(path.clone())));
        assert_eq!(
            collection::load(place, "animals", 4).unwrap(),
            collection_of(4)
        );
    }
    let error = collection::load(&path, "animals", 84)
        .unwrap_err()
        .to_string();
    for part in ["animals.packed", "4 × 4 × 3", "84 × 84"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_collection_that_is_nowhere_says_where_it_was_looked_for() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("train")).unwrap();
    let error = collection::load(folder.path(), "animals", 84)
        .unwrap_err()
        .to_string();
    for part in ["animals.packed", "animals/train and test", "PNG or JPEG"] {
        assert!(error.contains(part), "{error}");
    }
}

#[cfg(feature = "images")]
#[test]
fn folders_are_found_by_name_or_given_themselves() {
    let folder = folder();
    for half in ["train", "test"] {
        let class = folder.path().join("animals").join(half).join("cat");
        std::fs::create_dir_all(&class).unwrap();
        let image = image::RgbImage::from_pixel(6, 6, image::Rgb([9, 9, 9]));
        image.save(class.join("1.png")).unwrap();
    }
    for place in [folder.path().to_path_buf(), folder.path().join("animals")] {
        assert_eq!(
            collection::load(&place, "animals", 4).unwrap(),
            collection_of(4)
        );
    }
}
