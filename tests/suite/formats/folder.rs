//! Folders of PNG and JPEG images.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};
use neurogain::data::{NamedClasses, folder as reader, pack};

use super::*;

/// A `height` × `width` image whose pixels identify their place.
fn picture(height: u32, width: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 200]))
}

fn save(folder: &Path, name: &str, image: &RgbImage, format: ImageFormat) -> PathBuf {
    let path = write(folder, name, b"");
    image.save_with_format(&path, format).unwrap();
    path
}

fn png(folder: &Path, name: &str, image: &RgbImage) -> PathBuf {
    save(folder, name, image, ImageFormat::Png)
}

/// Two classes; names and files are created out of alphabetical order.
fn write_folder(folder: &Path) {
    let grey = |value: u8| RgbImage::from_pixel(3, 2, Rgb([value; 3]));
    png(folder, "train/b/1.png", &grey(20));
    png(folder, "train/a/2.PNG", &grey(11));
    png(folder, "train/a/1.png", &picture(2, 3));
    png(folder, "test/b/x.png", &grey(30));
    png(folder, "test/a/y.png", &grey(40));
    // Files that file managers leave.
    write(folder, "train/.DS_Store", b"");
    write(folder, "train/a/.thumbnail", b"");
}

fn load(folder: &Path) -> Result<NamedClasses> {
    reader::load(folder, 2, 3)
}

#[test]
fn classes_and_images_are_in_the_order_of_their_names() {
    let folder = folder();
    write_folder(folder.path());
    let NamedClasses { names, samples } = load(folder.path()).unwrap();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(samples.train.shape().to_string(), "2 × 3 × 3");
    assert_eq!(samples.train.classes(), 2);
    assert_eq!(samples.train.labels(), [0, 0, 1]);
    assert_eq!(samples.test.labels(), [0, 1]);
    // Row after row, pixel after pixel, red, green, blue.
    let first = [
        0, 0, 200, 1, 0, 200, 2, 0, 200, 0, 1, 200, 1, 1, 200, 2, 1, 200,
    ];
    assert_eq!(samples.train.pixels()[..18], first);
    assert_eq!(samples.train.pixels()[18..36], [11; 18]);
    assert_eq!(samples.train.pixels()[36..], [20; 18]);
    assert_eq!(samples.test.pixels(), [[40; 18], [30; 18]].concat());
}

#[test]
fn an_image_of_another_size_is_resized_with_the_triangle_filter() {
    let folder = folder();
    write_folder(folder.path());
    // Halved: each pixel is a mix of its neighbours, with weights 3/8, 3/8, 1/8, 1/8, without those beyond the edge.
    let steps = RgbImage::from_fn(6, 4, |x, _| Rgb([if x < 3 { 0 } else { 70 }; 3]));
    png(folder.path(), "test/a/y.png", &steps);
    let loaded = load(folder.path()).unwrap();
    let row = &loaded.samples.test.pixels()[..9];
    let [left, middle, right] = [row[0], row[3], row[6]];
    assert_eq!(left, 0);
    assert_eq!(middle, 35);
    assert_eq!(right, 70);
    assert_eq!(&loaded.samples.test.pixels()[9..18], row);
}

#[test]
fn jpeg_and_grey_images_are_read_by_their_content() {
    let folder = folder();
    write_folder(folder.path());
    let flat = RgbImage::from_pixel(3, 2, Rgb([90, 90, 90]));
    save(folder.path(), "test/a/y.png", &flat, ImageFormat::Jpeg);
    let grey = image::GrayImage::from_pixel(3, 2, image::Luma([77]));
    grey.save(folder.path().join("test/b/x.png")).unwrap();
    let loaded = load(folder.path()).unwrap();
    let pixels = loaded.samples.test.pixels();
    assert!(
        pixels[..18].iter().all(|p| p.abs_diff(90) <= 1),
        "{pixels:?}"
    );
    assert_eq!(pixels[18..], [77; 18]);
}

#[test]
fn a_packed_folder_is_the_folder() {
    let folder = folder();
    write_folder(folder.path());
    let loaded = load(folder.path()).unwrap();
    let file = folder.path().join("file");
    pack::write(&file, &loaded).unwrap();
    assert_eq!(pack::read(&file).unwrap(), loaded);
}

/// Changes a valid folder; the error must name the file and contain the text.
#[track_caller]
fn refused(change: impl Fn(&Path), name: &str, parts: &[&str]) {
    let folder = folder();
    write_folder(folder.path());
    change(folder.path());
    assert_refused(load(folder.path()), name, parts);
}

#[test]
fn what_does_not_belong_is_named() {
    let put = |name: &'static str, bytes: &'static [u8]| {
        move |at: &Path| {
            write(at, name, bytes);
        }
    };
    refused(
        put("train/a/3.bmp", b"BM"),
        "3.bmp",
        &["not an image", ".png, .jpg"],
    );
    refused(put("train/readme", b""), "readme", &["not a folder"]);
    let directory = |at: &Path| fs::create_dir(at.join("test/a/z.png")).unwrap();
    refused(directory, "z.png", &["not an image"]);
}

#[test]
fn a_folder_without_images_or_classes_is_named() {
    let empty = |at: &Path| fs::remove_file(at.join("test/b/x.png")).unwrap();
    refused(empty, "b", &["no images", ".png"]);
    let no_class = |at: &Path| {
        fs::remove_dir_all(at.join("test")).unwrap();
        fs::create_dir(at.join("test")).unwrap();
    };
    refused(no_class, "test", &["no classes"]);
    let more = |at: &Path| {
        png(at, "test/c/1.png", &picture(2, 3));
    };
    refused(more, "train", &["no class c", "the same"]);
    let fewer = |at: &Path| fs::remove_dir_all(at.join("test/a")).unwrap();
    refused(fewer, "test", &["no class a"]);
    let many = |at: &Path| {
        for class in 0..257 {
            fs::create_dir(at.join(format!("train/{class}"))).unwrap();
        }
    };
    refused(many, "train", &["259 classes", "1 to 256"]);
}

#[test]
fn a_missing_folder_and_an_impossible_size_are_named() {
    let folder = folder();
    let error = load(folder.path()).unwrap_err();
    assert!(matches!(error, Error::Format { .. }), "{error:?}");
    assert!(error.to_string().contains("train/CLASS"), "{error}");
    let error = load(&folder.path().join("nowhere")).unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error:?}");
    for (height, width, name) in [(0, 3, "height"), (2, 1 << 20, "width")] {
        let error = reader::load(folder.path(), height, width).unwrap_err();
        assert!(error.is_usage());
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_truncated_image_is_named() {
    for (format, name) in [(ImageFormat::Png, "x.png"), (ImageFormat::Jpeg, "x.jpg")] {
        let folder = folder();
        write_folder(folder.path());
        let path = save(
            folder.path(),
            &format!("test/b/{name}"),
            &picture(40, 40),
            format,
        );
        let bytes = fs::read(&path).unwrap();
        assert!(load(folder.path()).is_ok());
        let most = bytes.len() - 1;
        let mut cuts = vec![0, 1, 20, most / 10, most / 2, most * 9 / 10];
        // The last bytes of a PNG file only mark its end.
        if format == ImageFormat::Jpeg {
            cuts.extend([most * 99 / 100, most - 1, most]);
        }
        for keep in cuts {
            fs::write(&path, &bytes[..keep]).unwrap();
            assert_refused(load(folder.path()), name, &["not a complete PNG or JPEG"]);
        }
    }
}

/// The image in the file, which has another name and size in the folder.
fn decoded(bytes: &[u8], [height, width]: [u32; 2]) -> Result<Vec<u8>> {
    let folder = folder();
    for class in ["train/a", "test/a"] {
        write(folder.path(), &format!("{class}/x.jpg"), bytes);
    }
    let loaded = reader::load(folder.path(), height, width)?;
    Ok(loaded.samples.train.pixels().to_vec())
}

/// A photograph's restart markers, RST0 to RST6, as Pillow writes them: 64 × 16 pixels of grey, two blocks between
/// markers.
const RESTARTS: &[u8] = include_bytes!("restarts.jpg");

/// Bytes of the entropy-coded data that do not belong, or are missing, are an error, or the picture is whole.
#[test]
fn a_jpeg_whose_restart_markers_are_displaced_is_refused_or_whole() {
    let whole = decoded(RESTARTS, [16, 64]).unwrap();
    assert!(whole[..3].iter().all(|grey| grey.abs_diff(60) < 8));
    let markers: Vec<usize> = (0..RESTARTS.len() - 1)
        .filter(|&at| RESTARTS[at] == 0xFF && (0xD0..=0xD7).contains(&RESTARTS[at + 1]))
        .collect();
    assert_eq!(markers.len(), 7);
    let check = |bytes: &[u8], case: String, must_fail: bool| match decoded(bytes, [16, 64]) {
        Ok(found) => {
            assert!(!must_fail, "{case}: accepted");
            let largest = found.iter().zip(&whole).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(largest < Some(8), "{case}: {largest:?}");
        }
        Err(error) => assert!(error.to_string().contains("not a complete"), "{error}"),
    };
    for &at in &markers {
        let (before, after) = RESTARTS.split_at(at);
        for stray in [1, 2, 3, 8, 40, 400] {
            let bytes = [before, &vec![0x35; stray], after].concat();
            check(&bytes, format!("{stray} stray bytes at {at}"), stray >= 8);
        }
        check(
            &[before, &after[2..]].concat(),
            format!("no marker at {at}"),
            true,
        );
        let other = 0xD0 + (RESTARTS[at + 1] + 1) % 8;
        let swapped = [before, &[0xFF, other], &after[2..]].concat();
        check(&swapped, format!("another marker at {at}"), true);
    }
}

/// Inks as Pillow writes and shows them.
#[test]
fn a_jpeg_of_inks_is_read_as_its_colours() {
    let pixels = decoded(include_bytes!("inks.jpg"), [8, 8]).unwrap();
    assert_eq!(pixels, [0, 204, 102].repeat(64));
}

/// A few hundred bytes cannot hold 16,384² pixels: the error comes before any memory is taken for them.
#[test]
fn a_header_that_claims_more_pixels_than_the_file_holds_is_refused() {
    let side = 16_384_u16.to_be_bytes();
    let mut jpeg = RESTARTS.to_vec();
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[side, side].concat());
    let mut png = Cursor::new(Vec::new());
    picture(3, 3).write_to(&mut png, ImageFormat::Png).unwrap();
    let mut png = png.into_inner();
    // Width and height of the header, whose checksum covers them and the chunk's name.
    png[16..24].copy_from_slice(&[[0, 0], side, [0, 0], side].concat());
    let mut checksum = flate2::Crc::new();
    checksum.update(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
    for bytes in [jpeg, png] {
        let error = decoded(&bytes, [2, 2]).unwrap_err().to_string();
        for part in ["16384 × 16384 pixels", &format!("{} bytes", bytes.len())] {
            assert!(error.contains(part), "{error}");
        }
    }
}

proptest! {
    #[test]
    fn damaged_images_never_panic(
        place in any::<prop::sample::Index>(),
        change in 1_u8..,
        jpeg in any::<bool>(),
    ) {
        let folder = folder();
        write_folder(folder.path());
        let format = if jpeg { ImageFormat::Jpeg } else { ImageFormat::Png };
        let path = save(folder.path(), "test/b/x.png", &picture(9, 9), format);
        let mut bytes = fs::read(&path).unwrap();
        let at = place.index(bytes.len());
        bytes[at] ^= change;
        fs::write(&path, &bytes).unwrap();
        if let Ok(loaded) = load(folder.path()) {
            prop_assert_eq!(loaded.samples.test.pixels().len(), 36);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_that_is_missing_is_named() {
    let folder = folder();
    write_folder(folder.path());
    let link = folder.path().join("train/a/3.png");
    std::os::unix::fs::symlink("nowhere.png", &link).unwrap();
    let text = load(folder.path()).unwrap_err().to_string();
    assert!(
        text.contains("3.png") && text.contains("does not exist"),
        "{text}"
    );
}
