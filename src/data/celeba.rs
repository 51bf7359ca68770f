//! CelebA: photographs of faces with 40 binary attributes each.
//!
//! Z. Liu, P. Luo, X. Wang, X. Tang (ICCV 2015), *Deep Learning Face Attributes in the Wild*;
//! <https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html>, whose terms (research, not commercial) every user must accept.
//! This crate therefore does not download it. It reads:
//!
//! | file | holds |
//! | --- | --- |
//! | `list_attr_celeba.txt` | the number of images; the names [`ATTRIBUTES`]; one line per image, `000001.jpg -1 1 ...` |
//! | `list_eval_partition.txt` | the official split, one line per image in the same order: `000001.jpg 0` |
//! | `img_align_celeba/` | the aligned images, JPEG, 178 × 218 pixels |
//!
//! Kaggle's copy is read too: `list_attr_celeba.csv` and `list_eval_partition.csv` have commas, a line of headings and
//! no number of images; the images are in `img_align_celeba/img_align_celeba/`.
//!
//! The published lists have 202,599 images: 162,770 training (0), 19,867 validation (1) and 19,962 test images (2).
//! Shorter lists are accepted too, so that a subset can be used.
//!
//! An image is cropped to its central square (of the aligned images 178 × 178 pixels, without the top 20 and the bottom
//! 20 rows, as is usual) and resized as in [`folder`].

use std::path::{Path, PathBuf};

use image::{RgbImage, imageops};

use super::decode::decode;
use super::files::{self, Place};
use super::{Dataset, ImageShape, folder};
use crate::error::{Error, Result};

/// The attributes, in the order of their columns.
///
/// The list is part of the data set's definition; loading checks the file against it.
#[rustfmt::skip]
pub const ATTRIBUTES: [&str; 40] = [
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips",
    "Big_Nose", "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin",
    "Eyeglasses", "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open",
    "Mustache", "Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline",
    "Rosy_Cheeks", "Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat",
    "Wearing_Lipstick", "Wearing_Necklace", "Wearing_Necktie", "Young",
];

/// The lists: attributes and official split.
pub const FILES: [&str; 2] = ["list_attr_celeba.txt", "list_eval_partition.txt"];

/// The folder of the aligned images.
pub const IMAGES: &str = "img_align_celeba";

/// The parts of the official split, indexed by their number in the list.
const PARTS: [&str; 3] = ["training", "validation", "test"];

const HOW_TO_GET: &str = "download the lists and the folder img_align_celeba (\"Align&Cropped Images\") from \
     https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html after accepting its terms";

/// Images, each with the 40 [`ATTRIBUTES`].
#[derive(Debug, Clone, PartialEq)]
pub struct Attributed {
    /// The images, `[side][side][3]`, all of one class 0.
    pub images: Dataset,
    /// `[samples][40]`: 1 where the image has the attribute (1 in the list), 0 where not (−1).
    pub attributes: Vec<u8>,
}

impl Attributed {
    /// The labels for one of the [`ATTRIBUTES`] as a task of two classes: 1 if the image has the attribute. Empty if
    /// `attribute` is out of range.
    pub fn labels(&self, attribute: usize) -> Vec<u8> {
        let rows = self.attributes.chunks_exact(ATTRIBUTES.len());
        rows.filter_map(|row| row.get(attribute).copied()).collect()
    }
}

/// The three parts of the official split.
#[derive(Debug, Clone, PartialEq)]
pub struct CelebA {
    /// Part 0.
    pub train: Attributed,
    /// Part 1.
    pub validation: Attributed,
    /// Part 2.
    pub test: Attributed,
}

/// Looks for [`FILES`] in `directory` and in its subdirectories `celeba` (as torchvision names it) and `CelebA`; in
/// each also in the folders `Anno` and `Eval`, as published, and with the ending `.csv`, as Kaggle has them.
pub fn search(directory: &Path) -> [Place<2>; 3] {
    ["", "celeba", "CelebA"].map(|below| Place::look(directory, below, FILES, spellings))
}

fn spellings(name: &str) -> Vec<String> {
    let published = ["", "Anno/", "Eval/"].map(|folder| format!("{folder}{name}"));
    let kaggle = Path::new(name).with_extension("csv");
    published
        .into_iter()
        .chain([kaggle.display().to_string()])
        .collect()
}

/// Reads CelebA from the first place of [`search`] that has both lists, and the images from its [`IMAGES`],
/// `Img/img_align_celeba` or `img_align_celeba/img_align_celeba`, as `side` × `side` × 3. With `most`, only the first
/// `most` images of each part are read.
///
/// # Errors
/// [`Error::File`] if the lists or the images are not found (the message lists every place searched) or a file cannot
/// be read; [`Error::Format`] for a list line of another form, for a part without images, and for a damaged image;
/// [`Error::Setting`] for a side of 0 or above 16,384 and a `most` of 0; [`Error::Memory`] if the images do not fit.
///
/// ```no_run
/// use neurogain::data::celeba;
///
/// let celeba = celeba::load("downloads".as_ref(), 64, Some(1000))?;
/// assert_eq!(celeba.train.images.len(), 1000);
/// let smiling = celeba::ATTRIBUTES.iter().position(|name| *name == "Smiling").unwrap();
/// let labels = celeba.train.labels(smiling);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn load(directory: &Path, side: u32, most: Option<usize>) -> Result<CelebA> {
    folder::check_side("side", side)?;
    if most == Some(0) {
        let expected = "at least one image of each part";
        return Err(Error::setting("images of each part", 0, expected));
    }
    let places = search(directory);
    let complete = |place: &Place<2>| {
        let [attributes, partition] = place.complete()?;
        Some((
            place.directory.clone(),
            [attributes, partition].map(PathBuf::from),
        ))
    };
    let Some((home, [attributes, partition])) = places.iter().find_map(complete) else {
        let wanted = format!("{}; {HOW_TO_GET}", FILES.join(", "));
        let action = "find the CelebA lists";
        return Err(files::not_found(directory, action, &places, &wanted));
    };
    let folders = [
        home.join(IMAGES).join(IMAGES),
        home.join(IMAGES),
        home.join("Img").join(IMAGES),
    ];
    let Some(images) = folders.iter().find(|folder| folder.is_dir()) else {
        let looked = folders.map(|folder| folder.display().to_string());
        let reason = format!("looked for {}; {HOW_TO_GET}", looked.join("; "));
        return Err(Error::file(&home, "find the CelebA images", reason));
    };
    let rows = read_attributes(&attributes)?;
    let parts = read_partition(&partition, &attributes, &rows)?;
    for (part, name) in PARTS.iter().enumerate() {
        if !parts.contains(&part) {
            let problem = format!("has no {name} image ({part}); every part must have one");
            return Err(Error::format(&partition, problem));
        }
    }
    let part = |part: usize| {
        let rows = rows.iter().zip(&parts).filter(|(_, of)| **of == part);
        let rows: Vec<&Row> = rows
            .map(|(row, _)| row)
            .take(most.unwrap_or(usize::MAX))
            .collect();
        read_part(images, &rows, side)
    };
    // The smaller parts first, so that errors are found early.
    let (test, validation) = (part(2)?, part(1)?);
    Ok(CelebA {
        train: part(0)?,
        validation,
        test,
    })
}

/// An image's file and its attributes as 0 and 1.
struct Row {
    /// Its line in the list.
    line: usize,
    file: String,
    attributes: [u8; ATTRIBUTES.len()],
}

fn read_text(path: &Path) -> Result<String> {
    let (mut file, length) = files::open(path)?;
    let bytes = files::read_at_most(path, &mut file, length)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::format(path, format!("is not text: byte {at} is not UTF-8"))
    })
}

/// The error for line `number`, counted from 1.
fn wrong_line(path: &Path, number: usize, found: &str, expected: &str) -> Error {
    let mut found: String = found.chars().take(80).collect();
    found = found.escape_debug().to_string();
    let problem = format!("line {number}: expected {expected}, found \"{found}\"");
    Error::format(path, problem)
}

fn read_attributes(path: &Path) -> Result<Vec<Row>> {
    let text = read_text(path)?;
    // Spreadsheets write a byte order mark.
    let mut lines = (1..).zip(text.trim_start_matches('\u{feff}').lines());
    let mut next = || lines.next().unwrap_or((1, ""));
    let (mut number, mut line) = next();
    // Kaggle's list begins with the headings: its number of images is that of its lines.
    let is_csv = line.starts_with(CSV_HEADING);
    let count = match line.trim().parse::<usize>() {
        _ if is_csv => None,
        Ok(count) if count > 0 => {
            (number, line) = next();
            Some(count)
        }
        _ => return Err(wrong_line(path, 1, line, "the number of images, above 0")),
    };
    let names: Vec<&str> = fields(line).skip(usize::from(is_csv)).collect();
    for (column, name) in ATTRIBUTES.iter().enumerate() {
        let found = names.get(column).copied().unwrap_or("");
        if found != *name {
            let expected = format!("{name} as name {} of 40", column + 1);
            return Err(wrong_line(path, number, found, &expected));
        }
    }
    if let Some(more) = names.get(ATTRIBUTES.len()) {
        return Err(wrong_line(path, number, more, "no more than 40 names"));
    }
    let mut rows = Vec::new();
    for (number, line) in lines {
        if let Some(count) = count.filter(|count| rows.len() == *count) {
            let expected = format!("the end of the file after {count} images, as line 1 says");
            return Err(wrong_line(path, number, line, &expected));
        }
        let mut fields = fields(line);
        let file = file_name(path, number, fields.next())?;
        let mut attributes = [0; ATTRIBUTES.len()];
        for (name, attribute) in ATTRIBUTES.iter().zip(&mut attributes) {
            let found = fields.next().unwrap_or("");
            *attribute = match found {
                "1" => 1,
                "-1" => 0,
                _ => {
                    let expected = format!("1 or -1 for {name} of {file}");
                    return Err(wrong_line(path, number, found, &expected));
                }
            };
        }
        if let Some(more) = fields.next() {
            let expected = format!("no more than 40 values for {file}");
            return Err(wrong_line(path, number, more, &expected));
        }
        rows.push(Row {
            line: number,
            file,
            attributes,
        });
    }
    match count {
        Some(count) if rows.len() < count => Err(Error::format(
            path,
            format!(
                "ends after {} of the {count} images announced in line 1",
                rows.len()
            ),
        )),
        _ => Ok(rows),
    }
}

/// What the first line of Kaggle's lists begins with.
const CSV_HEADING: &str = "image_id,";

/// The fields of a line, separated by blanks, or by commas in Kaggle's lists.
fn fields(line: &str) -> impl Iterator<Item = &str> {
    let parts = line.split(|c: char| c == ',' || c.is_ascii_whitespace());
    parts.filter(|part| !part.is_empty())
}

/// The name of an image's file; it must not lead out of the folder of images.
fn file_name(path: &Path, number: usize, found: Option<&str>) -> Result<String> {
    let found = found.unwrap_or("");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    match found.ends_with(".jpg") && found.chars().all(plain) {
        true => Ok(found.to_string()),
        false => Err(wrong_line(
            path,
            number,
            found,
            "a file name like 000001.jpg",
        )),
    }
}

/// The part of each image.
fn read_partition(path: &Path, attributes: &Path, rows: &[Row]) -> Result<Vec<usize>> {
    let text = read_text(path)?;
    let mut parts = Vec::new();
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        if number == 1 && line.starts_with(CSV_HEADING) {
            continue;
        }
        let Some(row) = rows.get(parts.len()) else {
            let attributes = attributes.display();
            let expected = format!(
                "the end of the file after {} images, as in {attributes}",
                rows.len()
            );
            return Err(wrong_line(path, number, line, &expected));
        };
        let mut fields = fields(line);
        let file = fields.next().unwrap_or("");
        if file != row.file {
            let expected = format!("{}, as in line {} of the attributes", row.file, row.line);
            return Err(wrong_line(path, number, file, &expected));
        }
        let rest: Vec<&str> = fields.collect();
        parts.push(match rest[..] {
            ["0"] => 0,
            ["1"] => 1,
            ["2"] => 2,
            _ => {
                let expected = format!("0, 1 or 2 for {file}");
                return Err(wrong_line(path, number, &rest.join(" "), &expected));
            }
        });
    }
    match parts.len() == rows.len() {
        true => Ok(parts),
        false => Err(Error::format(
            path,
            format!(
                "ends after {} of the {} images of {}",
                parts.len(),
                rows.len(),
                attributes.display()
            ),
        )),
    }
}

fn read_part(folder: &Path, rows: &[&Row], side: u32) -> Result<Attributed> {
    let shape = ImageShape {
        height: side as usize,
        width: side as usize,
        channels: 3,
    };
    let pixels = folder::read_pixels(folder, rows, shape, |row| cropped(&folder.join(&row.file)))?;
    Ok(Attributed {
        images: Dataset::images(shape, 1, pixels, vec![0; rows.len()])?,
        attributes: rows.iter().flat_map(|row| row.attributes).collect(),
    })
}

/// The central square of an image.
fn cropped(path: &Path) -> Result<RgbImage> {
    let image = match decode(path) {
        Err(error) if !path.exists() => {
            return Err(error.advised(&format!("; the lists name this file; {HOW_TO_GET}")));
        }
        image => image?,
    };
    let (width, height) = image.dimensions();
    let side = width.min(height);
    let [left, top] = [width, height].map(|length| (length - side) / 2);
    Ok(imageops::crop_imm(&image, left, top, side, side).to_image())
}
