//! Tiny ImageNet in its published folder.

use image::{Luma, RgbImage};
use neurogain::data::collection::{self, Place};
use neurogain::data::{folder as reader, verify};

use super::*;

/// Two classes of two training images and one validation image each, 4 × 4 pixels.
fn write_published(directory: &Path) -> PathBuf {
    let folder = directory.join("tiny-imagenet-200");
    let image = |name: &str, grey: u8| {
        let path = write(&folder, name, b"");
        let image = RgbImage::from_pixel(4, 4, image::Rgb([grey; 3]));
        image
            .save_with_format(path, image::ImageFormat::Png)
            .unwrap();
    };
    for (class, grey) in [("n02", 20), ("n01", 10)] {
        image(&format!("train/{class}/images/{class}_1.JPEG"), grey + 1);
        image(&format!("train/{class}/images/{class}_0.JPEG"), grey);
        write(
            &folder,
            &format!("train/{class}/{class}_boxes.txt"),
            b"boxes",
        );
    }
    image("val/images/val_0.JPEG", 25);
    image("val/images/val_1.JPEG", 15);
    image("test/images/test_0.JPEG", 99);
    let lines = b"val_0.JPEG\tn02\t0\t0\t3\t3\nval_1.JPEG\tn01\t0\t0\t3\t3\n";
    write(&folder, "val/val_annotations.txt", lines);
    write(&folder, "wnids.txt", b"n02\nn01\n");
    folder
}

#[test]
fn is_read_as_it_is_published() {
    let directory = folder();
    let published = write_published(directory.path());
    let read = collection::load(directory.path(), "tiny-imagenet", 2).unwrap();
    assert_eq!(read.names, ["n01", "n02"]);
    assert_eq!(read.samples.train.labels(), [0, 0, 1, 1]);
    assert_eq!(read.samples.test.labels(), [0, 1]);
    let first: Vec<u8> = read
        .samples
        .train
        .pixels()
        .iter()
        .step_by(12)
        .copied()
        .collect();
    assert_eq!(first, [10, 11, 20, 21]);
    let first: Vec<u8> = read
        .samples
        .test
        .pixels()
        .iter()
        .step_by(12)
        .copied()
        .collect();
    assert_eq!(first, [15, 25]);
    // The folder itself, and one of another name.
    assert_eq!(reader::load(&published, 2, 2).unwrap(), read);
    let (found, _) = collection::search(&published, "mine");
    assert_eq!(found, Some(Place::Folder(published.clone())));
    assert!(collection::names(directory.path()).contains("tiny-imagenet"));
    let findings = verify::verify(directory.path());
    let finding = findings
        .iter()
        .find(|of| of.name == "tiny-imagenet")
        .unwrap();
    let contents = finding.contents.clone().unwrap().unwrap();
    assert_eq!((contents.training, contents.test), (4, 2));
    assert!(findings.iter().all(|of| of.name != "tiny-imagenet-200"));
}

#[test]
fn annotations_that_do_not_fit_are_refused() {
    let refused = |annotations: &str| {
        let directory = folder();
        let published = write_published(directory.path());
        write(
            &published,
            "val/val_annotations.txt",
            annotations.as_bytes(),
        );
        let error = reader::load(&published, 2, 2).unwrap_err();
        assert!(matches!(error, Error::Format { .. }), "{error}");
        error.to_string()
    };
    for (annotations, problem) in [
        (
            "val_0.JPEG\tn02\nval_1.JPEG\n",
            "line 2: expected an image and its class",
        ),
        (
            "val_0.JPEG\tn02\nval_1.JPEG\tn03\n",
            "line 2: train has no class n03",
        ),
        (
            "val_0.JPEG\tn02\nval_0.JPEG\tn01\n",
            "line 2: val_0.JPEG is there twice",
        ),
        (
            "val_0.JPEG\tn02\nval_1.JPEG\tn02\n",
            "has no image of class n01",
        ),
        (
            "val_0.JPEG\tn02\nval_2.JPEG\tn01\n",
            "val_1.JPEG: has no line in",
        ),
        (
            "val_0.JPEG\tn02\nval_1.JPEG\tn01\nval_2.JPEG\tn01\n",
            "val_2.JPEG is not in val/images",
        ),
    ] {
        let complaint = refused(annotations);
        assert!(complaint.contains(problem), "{complaint}");
    }
}

/// Grey images get three equal channels; images that are not square are resized to the square, not cropped.
#[test]
fn grey_and_oblong_images_become_square_and_red_green_and_blue() {
    let directory = folder();
    let published = write_published(directory.path());
    let path = published.join("val/images/val_1.JPEG");
    let oblong = image::GrayImage::from_fn(8, 2, |x, _| Luma([if x < 4 { 0 } else { 200 }]));
    oblong
        .save_with_format(path, image::ImageFormat::Png)
        .unwrap();
    let read = reader::load(&published, 4, 4).unwrap();
    let pixels = &read.samples.test.pixels()[..12];
    assert_eq!((pixels[0], pixels[9]), (0, 200), "both ends are there");
    assert!(pixels.chunks_exact(3).all(|pixel| pixel == [pixel[0]; 3]));
}
