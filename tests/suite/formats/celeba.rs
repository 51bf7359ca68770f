//! CelebA: the published lists and images, and everything that can be wrong with them.

use image::{ImageFormat, Rgb, RgbImage};
use neurogain::data::celeba::{self, ATTRIBUTES, CelebA};

use super::*;

/// Row i, column j of the attributes: a pattern without two equal rows.
fn has(row: usize, attribute: usize) -> bool {
    (attribute >> (row % 5)) % 2 == 1 || attribute == row
}

/// The parts of the images 000001.jpg to 000006.jpg.
const PARTS: [usize; 6] = [0, 0, 1, 2, 0, 2];

fn file(row: usize) -> String {
    format!("{:06}.jpg", row + 1)
}

/// The list in its published form: columns two wide, and a blank at the end of a line.
fn attributes() -> String {
    let mut text = format!("{}\n{} \n", PARTS.len(), ATTRIBUTES.join(" "));
    for row in 0..PARTS.len() {
        text.push_str(&file(row));
        for attribute in 0..ATTRIBUTES.len() {
            text.push_str(if has(row, attribute) { "  1" } else { " -1" });
        }
        text.push('\n');
    }
    text
}

fn partition() -> String {
    let line = |(row, part): (usize, &usize)| format!("{} {part}\n", file(row));
    PARTS.iter().enumerate().map(line).collect()
}

fn save(path: &Path, image: &RgbImage, format: ImageFormat) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image.save_with_format(path, format).unwrap();
}

/// An aligned image of one grey, which JPEG keeps.
fn grey(row: usize) -> RgbImage {
    RgbImage::from_pixel(178, 218, Rgb([40 + 30 * row as u8; 3]))
}

fn write_celeba(folder: &Path, lists: [&str; 2], images: &str) {
    write(folder, lists[0], attributes().as_bytes());
    write(folder, lists[1], partition().as_bytes());
    for row in 0..PARTS.len() {
        let path = folder.join(images).join(file(row));
        save(&path, &grey(row), ImageFormat::Jpeg);
    }
}

/// In torchvision's layout.
fn write_flat(folder: &Path) {
    write_celeba(folder, celeba::FILES, celeba::IMAGES);
}

fn load(folder: &Path) -> Result<CelebA> {
    celeba::load(folder, 2, None)
}

#[test]
fn images_and_attributes_are_those_of_the_official_split() {
    let folder = folder();
    write_flat(folder.path());
    let found = load(folder.path()).unwrap();
    let parts = [&found.train, &found.validation, &found.test];
    for (part, samples) in parts.into_iter().enumerate() {
        let rows: Vec<usize> = (0..PARTS.len()).filter(|&row| PARTS[row] == part).collect();
        assert_eq!(samples.images.len(), rows.len());
        assert_eq!(samples.images.shape().to_string(), "2 × 2 × 3");
        assert_eq!(
            (samples.images.classes(), samples.images.labels()),
            (1, &vec![0; rows.len()][..])
        );
        for (at, &row) in rows.iter().enumerate() {
            let grey = 40 + 30 * row as u8;
            let pixels = &samples.images.pixels()[12 * at..12 * (at + 1)];
            assert!(pixels.iter().all(|p| p.abs_diff(grey) <= 1), "{pixels:?}");
            for attribute in 0..ATTRIBUTES.len() {
                let expected = u8::from(has(row, attribute));
                assert_eq!(samples.attributes[40 * at + attribute], expected);
                assert_eq!(samples.labels(attribute)[at], expected);
            }
        }
        assert!(samples.labels(40).is_empty());
    }
}

#[test]
fn the_published_folders_and_those_of_torchvision_are_found() {
    let published = ["Anno/list_attr_celeba.txt", "Eval/list_eval_partition.txt"];
    for (below, lists, images) in [
        ("", celeba::FILES, "img_align_celeba"),
        ("", published, "Img/img_align_celeba"),
        ("celeba", celeba::FILES, "img_align_celeba"),
        ("CelebA", published, "Img/img_align_celeba"),
    ] {
        let folder = folder();
        write_celeba(&folder.path().join(below), lists, images);
        assert_eq!(
            load(folder.path()).unwrap().train.images.len(),
            3,
            "{below}"
        );
    }
}

/// Lossless, so that every pixel identifies its place; the content determines the file type.
#[test]
fn the_middle_of_the_image_is_kept() {
    let folder = folder();
    write_flat(folder.path());
    let picture = RgbImage::from_fn(178, 218, |x, y| Rgb([x as u8, y as u8, 7]));
    let path = folder.path().join(celeba::IMAGES).join(file(2));
    save(&path, &picture, ImageFormat::Png);
    let found = celeba::load(folder.path(), 178, None).unwrap();
    let expected: Vec<u8> = (20..198u8)
        .flat_map(|y| (0..178u8).flat_map(move |x| [x, y, 7]))
        .collect();
    assert!(found.validation.images.pixels() == expected);
}

/// Images that were scaled before, upright or not.
#[test]
fn an_image_of_any_size_is_cropped_to_its_central_square() {
    let folder = folder();
    write_flat(folder.path());
    let picture = RgbImage::from_fn(7, 4, |x, y| Rgb([x as u8, y as u8, 7]));
    let path = folder.path().join(celeba::IMAGES).join(file(2));
    save(&path, &picture, ImageFormat::Png);
    let found = celeba::load(folder.path(), 4, None).unwrap();
    let expected: Vec<u8> = (0..4)
        .flat_map(|y| (1..5).flat_map(move |x| [x, y, 7]))
        .collect();
    assert_eq!(found.validation.images.pixels(), expected);
}

/// Lists with commas and headings, and images one folder further down.
#[test]
fn kaggle_s_copy_gives_the_same() {
    let flat = folder();
    write_flat(flat.path());
    let published = load(flat.path()).unwrap();
    let commas = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(",") + "\n";
    let attributes: String = attributes()
        .lines()
        .skip(1)
        .map(|line| match line.starts_with("000") {
            true => commas(line),
            false => format!("image_id,{}", commas(line)),
        })
        .collect();
    let parts: String = partition().lines().map(commas).collect();
    let parts = format!("image_id,partition\n{parts}");
    let kaggle = folder();
    let images = "img_align_celeba/img_align_celeba";
    let lists = ["list_attr_celeba.csv", "list_eval_partition.csv"];
    write_celeba(kaggle.path(), lists, images);
    write(kaggle.path(), lists[0], attributes.as_bytes());
    write(kaggle.path(), lists[1], parts.as_bytes());
    assert_eq!(load(kaggle.path()).unwrap(), published);
    // A wrong line is named by its number in the file.
    let wrong = attributes.replace("000002.jpg,", "000002.jpg,5,");
    write(kaggle.path(), lists[0], wrong.as_bytes());
    assert_refused(load(kaggle.path()), lists[0], &["line 3", "\"5\""]);
}

#[test]
fn only_the_first_images_of_each_part_are_read() {
    let folder = folder();
    write_flat(folder.path());
    // Files that are not needed are not opened.
    fs::remove_file(folder.path().join(celeba::IMAGES).join(file(4))).unwrap();
    let found = celeba::load(folder.path(), 1, Some(2)).unwrap();
    assert_eq!(found.train.images.len(), 2);
    assert_eq!(found.train.attributes.len(), 80);
    assert_eq!(found.validation.images.len(), 1);
    assert_eq!(
        celeba::load(folder.path(), 1, Some(1))
            .unwrap()
            .test
            .images
            .len(),
        1
    );
}

#[test]
fn lines_of_windows_and_a_last_line_without_an_end_are_read() {
    let folder = folder();
    write_flat(folder.path());
    let whole = load(folder.path()).unwrap();
    let [first, second] =
        [attributes(), partition()].map(|text| text.trim_end().replace('\n', "\r\n"));
    write(folder.path(), celeba::FILES[0], first.as_bytes());
    write(folder.path(), celeba::FILES[1], second.as_bytes());
    assert_eq!(load(folder.path()).unwrap(), whole);
}

/// The list `which` with `from` replaced once by `to` is refused; the error contains all of `parts`.
#[track_caller]
fn refused(which: usize, from: &str, to: &str, parts: &[&str]) {
    let folder = folder();
    write_flat(folder.path());
    let text = [attributes(), partition()][which].replacen(from, to, 1);
    write(folder.path(), celeba::FILES[which], text.as_bytes());
    assert_refused(load(folder.path()), celeba::FILES[which], parts);
}

#[test]
fn a_wrong_line_of_the_attributes_is_named() {
    refused(
        0,
        "6\n",
        "six\n",
        &["line 1", "number of images", "\"six\""],
    );
    refused(0, "6\n", "0\n", &["line 1", "above 0"]);
    refused(0, "6\n", "7\n", &["ends after 6 of the 7 images"]);
    refused(
        0,
        "6\n",
        "5\n",
        &["line 8", "the end of the file after 5 images", "000006.jpg"],
    );
    refused(
        0,
        "Bald",
        "Bold",
        &["line 2", "Bald as name 5 of 40", "\"Bold\""],
    );
    refused(0, " Young", "", &["line 2", "Young as name 40 of 40"]);
    refused(
        0,
        "Young",
        "Young Old",
        &["line 2", "no more than 40 names", "\"Old\""],
    );
    refused(
        0,
        "000002.jpg -1",
        "000002.jpg  0",
        &[
            "line 4",
            "1 or -1 for 5_o_Clock_Shadow of 000002.jpg",
            "\"0\"",
        ],
    );
    refused(
        0,
        "000002.jpg -1",
        "000002.jpg",
        &["line 4", "1 or -1 for Young of 000002.jpg"],
    );
    refused(
        0,
        "000002.jpg",
        "000002.jpg 1",
        &["line 4", "no more than 40 values"],
    );
    refused(
        0,
        "000002.jpg",
        "../../2.jpg",
        &["line 4", "a file name like 000001.jpg", "../../2.jpg"],
    );
    refused(
        0,
        "000002.jpg",
        "\n000002.jpg",
        &["line 4", "a file name like"],
    );
}

#[test]
fn a_wrong_line_of_the_split_is_named() {
    refused(
        1,
        "000003.jpg 1",
        "000003.jpg 3",
        &["line 3", "0, 1 or 2 for 000003.jpg", "\"3\""],
    );
    refused(1, "000003.jpg 1", "000003.jpg", &["line 3", "0, 1 or 2"]);
    refused(1, "000003.jpg 1", "000003.jpg 1 1", &["line 3", "\"1 1\""]);
    refused(
        1,
        "000003.jpg",
        "000004.jpg",
        &["line 3", "000003.jpg, as in line 5 of the attributes"],
    );
    refused(1, "000006.jpg 2\n", "", &["ends after 5 of the 6 images"]);
    refused(
        1,
        "000006.jpg 2\n",
        "000006.jpg 2\n7.jpg 0\n",
        &["line 7", "the end of the file after 6 images"],
    );
    refused(
        1,
        "000003.jpg 1",
        "000003.jpg 0",
        &["no validation image (1)"],
    );
}

#[test]
fn a_list_that_is_no_text_is_named() {
    for name in celeba::FILES {
        let folder = folder();
        write_flat(folder.path());
        write(folder.path(), name, b"6\n\xff");
        assert_refused(load(folder.path()), name, &["byte 2 is not UTF-8"]);
    }
}

#[test]
fn a_missing_or_damaged_image_is_named() {
    let folder = folder();
    write_flat(folder.path());
    let path = folder.path().join(celeba::IMAGES).join(file(3));
    fs::write(&path, b"no image").unwrap();
    assert_refused(
        load(folder.path()),
        &file(3),
        &["not a complete PNG or JPEG"],
    );
    fs::remove_file(&path).unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error:?}");
    for part in [
        "000004.jpg",
        "the lists name this file",
        "mmlab.ie.cuhk.edu.hk",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn what_is_nowhere_says_where_it_was_looked_for_and_where_it_comes_from() {
    let folder = folder();
    let lacks = |parts: &[&str]| {
        let error = load(folder.path()).unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error:?}");
        for part in parts {
            assert!(error.to_string().contains(part), "{error} lacks {part}");
        }
    };
    lacks(&[
        "CelebA lists",
        "none of the two files",
        "celeba",
        "mmlab.ie.cuhk.edu.hk",
    ]);
    write(folder.path(), celeba::FILES[0], attributes().as_bytes());
    lacks(&["lacks list_eval_partition.txt"]);
    write(folder.path(), celeba::FILES[1], partition().as_bytes());
    lacks(&[
        "CelebA images",
        "Img/img_align_celeba",
        "mmlab.ie.cuhk.edu.hk",
    ]);
}

#[test]
fn an_impossible_size_is_named() {
    let folder = folder();
    write_flat(folder.path());
    for (side, most, part) in [
        (0, None, "side = 0"),
        (1 << 20, None, "side"),
        (2, Some(0), "images of each part = 0"),
    ] {
        let error = celeba::load(folder.path(), side, most).unwrap_err();
        assert!(
            error.is_usage() && error.to_string().contains(part),
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn damaged_lists_never_panic(
        which in 0usize..2, place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let folder = folder();
        write(folder.path(), celeba::FILES[0], attributes().as_bytes());
        write(folder.path(), celeba::FILES[1], partition().as_bytes());
        fs::create_dir(folder.path().join(celeba::IMAGES)).unwrap();
        let mut bytes = [attributes(), partition()][which].clone().into_bytes();
        let at = place.index(bytes.len());
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        write(folder.path(), celeba::FILES[which], &bytes);
        // There are no images, so it is an error in any case.
        prop_assert!(load(folder.path()).is_err());
    }
}
