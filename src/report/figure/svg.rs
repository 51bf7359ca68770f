//! SVG as text: its elements, and the document around them, which scales, has a title and a description for screen
//! readers, and follows light and dark mode.

use std::borrow::Cow;

use super::palette::{self, Colour, INK};

/// A place in the drawing, in pixels from its upper left corner.
pub(super) type Place = (f64, f64);

/// Font size: still readable when the figure is 360 pixels wide.
pub(super) const TEXT: f64 = 19.0;

/// The position of a text relative to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// Begins there, vertically centred.
    Start,
    /// Centred there.
    Middle,
    /// Ends there, vertically centred.
    End,
    /// Centred, below it.
    Below,
    /// Reads upwards, centred, to the right of it.
    Upwards,
}

/// How a line is drawn.
#[derive(Debug, Clone)]
pub(super) struct Stroke {
    colour: Colour,
    width: f64,
    /// Attributes of a dash pattern.
    dash: Cow<'static, str>,
}

impl Stroke {
    fn new(colour: Colour, width: f64, dash: impl Into<Cow<'static, str>>) -> Self {
        Stroke {
            colour,
            width,
            dash: dash.into(),
        }
    }

    pub(super) fn solid(colour: Colour, width: f64) -> Self {
        Self::new(colour, width, "")
    }

    /// The line of the method at `index`.
    pub(super) fn method(index: usize, width: f64) -> Self {
        let lengths: Vec<String> = palette::dash(index).iter().map(u8::to_string).collect();
        let dash = match lengths.is_empty() {
            true => String::new(),
            false => format!(" stroke-dasharray=\"{}\"", lengths.join(" ")),
        };
        Self::new(palette::method(index), width, dash)
    }

    pub(super) fn dashed(colour: Colour, width: f64) -> Self {
        Self::new(colour, width, " stroke-dasharray=\"6 5\"")
    }

    pub(super) fn dotted(colour: Colour, width: f64) -> Self {
        Self::new(
            colour,
            width,
            " stroke-dasharray=\"0 5\" stroke-linecap=\"round\"",
        )
    }
}

/// The elements drawn so far; later ones cover earlier ones.
#[derive(Debug, Default)]
pub(super) struct Svg(String);

impl Svg {
    pub(super) fn polyline(&mut self, points: &[Place], stroke: &Stroke) {
        let (colour, width) = (stroke.colour.light, stroke.width);
        self.0.push_str(&format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"{}/>\n",
            joined(points),
            stroke.dash,
        ));
    }

    /// The area of a polygon; svglib does not read the attribute `opacity`, only `fill-opacity`.
    pub(super) fn polygon(&mut self, corners: &[Place], colour: Colour, opacity: f64) {
        self.0.push_str(&format!(
            "<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"{opacity:.2}\"/>\n",
            joined(corners),
            colour.light,
        ));
    }

    /// The rectangle between two opposite corners.
    pub(super) fn rectangle(
        &mut self,
        (left, top): Place,
        (right, bottom): Place,
        colour: Colour,
        opacity: f64,
    ) {
        let [x, y, width, height] = [left, top, right - left, bottom - top].map(rounded);
        self.0.push_str(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{}\" fill-opacity=\"{opacity:.2}\"/>\n",
            colour.light,
        ));
    }

    pub(super) fn circle(&mut self, (x, y): Place, radius: f64, colour: Colour) {
        let (x, y, fill) = (rounded(x), rounded(y), colour.light);
        self.0.push_str(&format!(
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{fill}\"/>\n"
        ));
    }

    /// Adds text in the text colour; an empty text adds nothing.
    pub(super) fn text(&mut self, text: &str, (x, y): Place, anchor: Anchor) {
        if text.is_empty() {
            return;
        }
        let (x, y) = (rounded(x), rounded(y));
        // Letters are 0.76 em high; their middle is half an x-height above the line.
        let (side, down) = match anchor {
            Anchor::Start => ("start", "0.5ex"),
            Anchor::Middle => ("middle", "0.5ex"),
            Anchor::End => ("end", "0.5ex"),
            Anchor::Below | Anchor::Upwards => ("middle", "0.76em"),
        };
        let turn = match anchor {
            Anchor::Upwards => format!(" transform=\"rotate(270, {x}, {y})\""),
            _ => String::new(),
        };
        self.0.push_str(&format!(
            "<text x=\"{x}\" y=\"{y}\" dy=\"{down}\" text-anchor=\"{side}\" font-family=\"sans-serif\" \
             font-size=\"{TEXT}\" fill=\"{}\"{turn}>{}</text>\n",
            INK.light,
            escaped(&plain(text)),
        ));
    }

    /// The document; every id in it begins with `id`, and it has the given title and description.
    pub(super) fn document(
        &self,
        (width, height): (f64, f64),
        id: &str,
        title: &str,
        description: &str,
    ) -> String {
        let style = palette::style_sheet(id);
        // The page sets the size. CairoSVG and svglib cannot read `height: auto` here.
        let (title, description) = (escaped(title), escaped(description));
        format!(
            "<svg id=\"{id}\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"{id}-title {id}-description\">\n\
             <title id=\"{id}-title\">{title}</title>\n\
             <desc id=\"{id}-description\">{description}</desc>\n\
             <style>\n{style}</style>\n{}</svg>\n",
            self.0
        )
    }
}

fn joined(points: &[Place]) -> String {
    let points = points
        .iter()
        .map(|&(x, y)| format!("{},{}", rounded(x), rounded(y)));
    points.collect::<Vec<_>>().join(" ")
}

/// Rounds to a tenth of a pixel, which also looks smooth in print; never −0.
fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0 + 0.0
}

/// Replaces the letters of our own titles that the standard fonts of PDF lack: svglib draws black boxes for them.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '‖' => plain.push_str("||"),
            '₀'..='₉' => plain.push((b'0' + (c as u32 - '₀' as u32) as u8) as char),
            c => plain.push(c),
        }
    }
    plain
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // Not allowed in XML, however escaped.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
