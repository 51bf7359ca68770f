//! CairoSVG, svglib and librsvg read every figure and draw it as it is declared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use image::{Rgb, RgbImage};

use crate::program::{ended, folder, quick};
use crate::python::python;

/// Stability-gap runs of an instant: the base of figures of runs and sweeps.
pub const GAP: &str = "
base = \"split-digits\"
[stream]
iterations = 12
contexts = [[0, 1], [0, 1, 2, 3]]
[network]
hidden = [8]
[training]
seeds = [1, 2]
";

/// Comodulation in an instant.
pub const COMODULATION: &str = "
base = \"comodulation-digits\"
[network]
width = 2
stages = 1
encoder = 8
decoder = 8
controller = 4
[modulator]
num_draws = 4
[training]
batch = 16
seeds = [1, 2]
[pretraining]
epochs = [1, 2]
[adaptation]
iterations = 4
[evaluation]
limit = 40
";

/// Scenes in an instant.
const PLACES: &str = "
base = \"comodulation-places\"
[scenes]
primary = 64
task = 40
test = 30
[network]
width = 6
encoder = 4
encoder_output = 5
decoder = 3
[modulator]
num_draws = 4
[training]
batch = 16
seeds = [1, 2]
[pretraining]
epochs = [1]
[adaptation]
samples = [8, 20]
iterations = 7
validate_every = 3
";

/// Plasticity in an instant.
pub const PLASTICITY: &str = "
base = \"recurring-random-label-digits\"
[data]
samples = 64
[stream]
tasks = 4
epochs = [2]
[network]
hidden = [12]
[training]
seeds = [1, 2]
[evaluation]
ticks = 4
";

/// A figure's name and its SVG.
struct Figure {
    name: String,
    svg: String,
}

/// Every kind of figure that takes no minutes.
static FIGURES: LazyLock<Vec<Figure>> = LazyLock::new(|| {
    made(&[
        "figure two-timescale",
        "figure movement",
        "figure class-incremental --base gap.toml",
        "figure domain-incremental --base rotated.toml",
        "figure ablation --base gap.toml",
        "figure lr-sweep --base gap.toml",
        "figure replay --base gap.toml",
        "figure modulator-strength --base comodulation.toml",
        "figure tuning --base plasticity.toml",
        "run comodulation.toml --quiet --out comodulation",
        "run places.toml --quiet --out places",
        "run plasticity.toml --quiet --out plasticity",
        "run plasticity.toml --quiet --variants neumosync-parts --out neumosync",
    ])
});

/// The figures that these commands make, without those of a sweep's cells.
fn made(commands: &[&str]) -> Vec<Figure> {
    let folder = folder();
    let rotated = GAP
        .replace("split-digits", "rotated-digits")
        .replace("contexts = [[0, 1], [0, 1, 2, 3]]\n", "");
    for (name, text) in [
        ("gap.toml", GAP),
        ("rotated.toml", &rotated),
        ("comodulation.toml", COMODULATION),
        ("places.toml", PLACES),
        ("plasticity.toml", PLASTICITY),
    ] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    for command in commands {
        let arguments: Vec<&str> = command.split(' ').collect();
        ended(&mut quick(&folder, &arguments), 0);
    }
    let files = crate::program::contents(folder.path()).into_iter();
    let drawn = files.filter(|(path, _)| {
        path.extension().is_some_and(|end| end == "svg") && !path.iter().any(|part| part == "cells")
    });
    drawn
        .map(|(path, bytes)| Figure {
            name: path.display().to_string().replace('/', "-"),
            svg: String::from_utf8(bytes).expect("UTF-8"),
        })
        .collect()
}

/// CairoSVG draws every figure.
pub fn cairosvg() {
    drawn_by_cairosvg(&FIGURES);
}

/// librsvg draws every figure.
pub fn librsvg() {
    drawn_by_librsvg(&FIGURES);
}

/// svglib reads every figure, and ReportLab writes it as PDF.
pub fn svglib() {
    read_by_svglib(&FIGURES);
}

/// All of them read the figures that take minutes, among them the heat maps.
pub fn that_take_minutes() {
    let figures = made(&["figure landscape", "figure sensitivity"]);
    drawn_by_cairosvg(&figures);
    drawn_by_librsvg(&figures);
    read_by_svglib(&figures);
}

fn drawn_by_cairosvg(figures: &[Figure]) {
    let script = "
import sys
import cairosvg
for path in sys.argv[1:]:
    cairosvg.svg2png(url=path, write_to=path + '.png')
";
    drawn(figures, |paths| {
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        python(script, &paths, b"");
    });
}

fn drawn_by_librsvg(figures: &[Figure]) {
    drawn(figures, |paths| {
        for path in paths {
            let mut convert = Command::new("rsvg-convert");
            convert
                .arg(path)
                .arg("--output")
                .arg(path.with_extension("svg.png"));
            ended(&mut convert, 0);
        }
    });
}

/// Checks the images that `draw` makes: NAME.svg.png beside each NAME.svg.
fn drawn(figures: &[Figure], draw: impl Fn(&[PathBuf])) {
    let folder = folder();
    let paths = written(figures, folder.path());
    draw(&paths);
    for (figure, path) in figures.iter().zip(&paths) {
        let image = image::open(path.with_extension("svg.png"))
            .expect("an image")
            .to_rgb8();
        figure.check(&image);
    }
}

fn written(figures: &[Figure], folder: &Path) -> Vec<PathBuf> {
    assert!(!figures.is_empty());
    let write = |figure: &Figure| {
        let path = folder.join(&figure.name);
        fs::write(&path, &figure.svg).expect("written");
        path
    };
    figures.iter().map(write).collect()
}

/// svglib has no image without a further library: its shapes are compared with the elements.
fn read_by_svglib(figures: &[Figure]) {
    let script = "
import sys
from collections import Counter
from xml.etree import ElementTree
from reportlab.graphics import renderPDF
from reportlab.pdfbase.pdfmetrics import getFont, unicode2T1
from svglib.svglib import svg2rlg

def shapes(group):
    for shape in group.contents:
        if hasattr(shape, 'contents'):
            yield from shapes(shape)
        else:
            yield shape

for path in sys.argv[1:]:
    root = ElementTree.parse(path).getroot()
    drawing = svg2rlg(path)
    width, height = (float(root.get(side)) for side in ('width', 'height'))
    assert abs(drawing.width * height - drawing.height * width) < width, path
    all = list(shapes(drawing))
    elements = [(element.tag.split('}')[1], element) for element in root]
    read = {'PolyLine': 'polyline', 'Polygon': 'polygon', 'String': 'text', 'Rect': 'rect', 'Circle': 'circle'}
    found = Counter(read[type(shape).__name__] for shape in all)
    assert found == Counter(tag for tag, _ in elements if tag in read.values()), (path, found)
    for kind in ('Polygon', 'Rect'):
        opacities = [float(e.get('fill-opacity')) for tag, e in elements if tag == read[kind]]
        assert opacities == [s.fillOpacity for s in all if type(s).__name__ == kind], path
    strokes = [e.get('stroke').lower() for tag, e in elements if tag == 'polyline']
    drawn = ['#' + s.strokeColor.hexval()[2:] for s in all if type(s).__name__ == 'PolyLine']
    assert strokes == drawn, path
    for shape in all:
        if type(shape).__name__ == 'String':
            font = getFont(shape.fontName)
            for used, letters in unicode2T1(shape.text, [font] + font.substitutionFonts):
                unknown = used is font._notdefFont
                assert not unknown, f'{path}: a box is drawn in place of a letter of {shape.text}'
    assert renderPDF.drawToString(drawing).startswith(b'%PDF'), path
";
    let folder = folder();
    let paths = written(figures, folder.path());
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    python(script, &paths, b"");
}

impl Figure {
    /// The elements that begin like this, each on its line.
    fn elements(&self, begin: &'static str) -> impl Iterator<Item = &str> {
        self.svg.lines().filter(move |line| line.starts_with(begin))
    }

    /// The image has the declared size, every text and every colour, and more than a background where data is drawn.
    fn check(&self, image: &RgbImage) {
        let name = &self.name;
        let root = self.elements("<svg ").next().expect("a root");
        let declared = ["width", "height"].map(|side| number(root, side));
        let size = [image.width(), image.height()].map(f64::from);
        let near = |at: usize| (size[at] - declared[at]).abs() <= 1.0;
        assert!(near(0) && near(1), "{name}: {size:?}, not {declared:?}");

        let background = image.get_pixel(0, 0);
        let [left, top, right, bottom] = self.plots();
        let [width, height] = [right - left, bottom - top];
        assert!(width > 300 && height > 100, "{name}: {width} × {height}");
        let plots = image::imageops::crop_imm(image, left, top, width, height).to_image();
        let painted = |pixel: &Rgb<u8>| !alike(pixel, background.0, 8);
        let share = share(&plots, painted);
        assert!((0.015..0.9).contains(&share), "{name}: {share} is painted");
        // Lines are not filled: only text and axes are as dark.
        let black = self::share(image, |pixel| alike(pixel, [0; 3], 50));
        assert!(black < 0.05, "{name}: {black} is black");

        // The lines of the legend have this width, and some pixels in their pure colour.
        let swatches = self.elements("<polyline ");
        let swatches = swatches.filter(|line| line.contains("stroke-width=\"3\""));
        for colour in swatches.filter_map(|line| attribute(line, "stroke")) {
            let part = |at: usize| u8::from_str_radix(&colour[at..at + 2], 16).expect("two digits");
            let wanted = [1, 3, 5].map(part);
            let there = image.pixels().any(|pixel| alike(pixel, wanted, 8));
            assert!(there, "{name}: nothing is {colour}");
        }
        for text in self.elements("<text ") {
            let there = places(text).into_iter().all(|place| inked(image, place));
            assert!(there, "{name}: not drawn: {text}");
        }
    }

    /// Left, upper, right and lower edge of what the plots contain: lines, areas and cells, without the legend, whose
    /// lines are at most 26 wide.
    fn plots(&self) -> [u32; 4] {
        let shapes = self
            .elements("<polyline ")
            .chain(self.elements("<polygon "));
        let mut corners: Vec<(f64, f64)> = Vec::new();
        for points in shapes.filter_map(|shape| attribute(shape, "points")) {
            let points: Vec<(f64, f64)> = points.split(' ').map(point).collect();
            if points.iter().any(|(x, _)| (x - points[0].0).abs() > 30.0) {
                corners.extend(points);
            }
        }
        // The first is the background.
        for cell in self.elements("<rect ").skip(1) {
            let [x, y, width, height] = ["x", "y", "width", "height"].map(|of| number(cell, of));
            corners.extend([(x, y), (x + width, y + height)]);
        }
        let least =
            |of: fn(&(f64, f64)) -> f64| corners.iter().map(of).fold(f64::INFINITY, f64::min);
        let most = |of: fn(&(f64, f64)) -> f64| corners.iter().map(of).fold(0.0, f64::max);
        [least(|c| c.0), least(|c| c.1), most(|c| c.0), most(|c| c.1)].map(|edge| edge as u32)
    }
}

/// The share of the pixels that are `such`.
fn share(image: &RgbImage, such: impl Fn(&Rgb<u8>) -> bool) -> f64 {
    let found = image.pixels().filter(|pixel| such(pixel)).count();
    found as f64 / f64::from(image.width() * image.height())
}

fn alike(pixel: &Rgb<u8>, colour: [u8; 3], apart: u8) -> bool {
    let pairs = pixel.0.into_iter().zip(colour);
    pairs.into_iter().all(|(a, b)| a.abs_diff(b) <= apart)
}

/// Places inside the letters of a text: one, and three along a long text that reads upwards.
fn places(text: &str) -> Vec<(f64, f64)> {
    let [x, y] = ["x", "y"].map(|of| number(text, of));
    let below = attribute(text, "dy") == Some("0.76em");
    if text.contains("transform") {
        let letters = text
            .split(['<', '>'])
            .nth(2)
            .map_or(0, |text| text.chars().count());
        let along: &[f64] = if letters > 6 {
            &[-20.0, 0.0, 20.0]
        } else {
            &[0.0]
        };
        return along.iter().map(|along| (x + 7.0, y + along)).collect();
    }
    vec![match attribute(text, "text-anchor") {
        Some("start") => (x + 7.0, y),
        Some("end") => (x - 7.0, y),
        _ if below => (x, y + 7.0),
        _ => (x, y),
    }]
}

/// Whether there is a dark pixel at most 9 pixels away.
fn inked(image: &RgbImage, (x, y): (f64, f64)) -> bool {
    let near = |at: f64, end: u32| (at - 9.0).max(0.0) as u32..((at + 9.0) as u32).min(end);
    let columns = near(x, image.width());
    let mut around = columns.flat_map(|x| near(y, image.height()).map(move |y| (x, y)));
    around.any(|(x, y)| alike(image.get_pixel(x, y), [0; 3], 128))
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = element.split_once(&format!(" {name}=\""))?;
    value.split('"').next()
}

#[track_caller]
fn number(element: &str, name: &str) -> f64 {
    let value = attribute(element, name).and_then(|value| value.parse().ok());
    value.unwrap_or_else(|| panic!("no number {name} in {element}"))
}

fn point(text: &str) -> (f64, f64) {
    let (x, y) = text.split_once(',').expect("a point");
    (x.parse().expect("a number"), y.parse().expect("a number"))
}
