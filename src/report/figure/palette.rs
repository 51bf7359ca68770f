//! Colours, in light and in dark.
//!
//! Everything is drawn in the light colours, which a viewer without style sheets shows as they are. The
//! style sheet that goes into each SVG finds an element by the colour it was drawn in and gives it its dark
//! colour, or a dash pattern; so the same file adapts on its own and inside a page.

use plotters::style::RGBColor;

use super::canvas::UNITS;

/// A colour in light and in dark.
struct Pair {
    light: RGBColor,
    dark: &'static str,
}

const fn pair(red: u8, green: u8, blue: u8, dark: &'static str) -> Pair {
    Pair {
        light: RGBColor(red, green, blue),
        dark,
    }
}

/// After Okabe and Ito: told apart with every kind of colour vision; at least 3:1 against the background.
const METHODS: [Pair; 6] = [
    pair(0x00, 0x72, 0xB2, "#5CB8F0"),
    pair(0xC8, 0x54, 0x00, "#FF9147"),
    pair(0x00, 0x8A, 0x64, "#2CCB9C"),
    pair(0xB0, 0x4A, 0x8A, "#E79AC8"),
    pair(0x9A, 0x6C, 0x00, "#F0C04A"),
    pair(0x4A, 0x50, 0x58, "#C3CAD2"),
];

const BACKGROUND_PAIR: Pair = pair(0xFF, 0xFF, 0xFE, "#14181D");
const INK_PAIR: Pair = pair(0x1B, 0x1F, 0x24, "#E8EBEE");
const GRID_PAIR: Pair = pair(0xE4, 0xE7, 0xEB, "#2B323A");
const SWITCH_PAIR: Pair = pair(0x80, 0x88, 0x91, "#8B949E");

pub(super) const BACKGROUND: RGBColor = BACKGROUND_PAIR.light;
pub(super) const INK: RGBColor = INK_PAIR.light;
pub(super) const GRID: RGBColor = GRID_PAIR.light;
/// Drawn dashed.
pub(super) const SWITCH: RGBColor = SWITCH_PAIR.light;

/// The colour of the method at `index`; the seventh has the first's again.
pub(super) fn method(index: usize) -> RGBColor {
    METHODS[index % METHODS.len()].light
}

/// The same to the eye, and drawn dotted: one step of blue tells the style sheet which is which.
pub(super) fn dotted(colour: RGBColor) -> RGBColor {
    RGBColor(colour.0, colour.1, colour.2 ^ 1)
}

/// The style sheet of the SVG whose root has this `id`; every rule begins with it, as the sheet of an SVG
/// inside a page holds for the whole page.
pub(super) fn style_sheet(id: &str) -> String {
    let (dash, gap) = (6 * UNITS, 5 * UNITS);
    let switch = hex(SWITCH);
    let mut light = format!("#{id}{{color-scheme:light dark}}\n");
    light.push_str(&format!("#{id} polyline{{stroke-linejoin:round}}\n"));
    light.push_str(&format!(
        "#{id} [stroke=\"{switch}\"]{{stroke-dasharray:{dash} {gap}}}\n"
    ));
    let mut dark = String::new();
    let mut rule = |colour: RGBColor, to: &str| {
        let from = hex(colour);
        dark.push_str(&format!(
            "#{id} [fill=\"{from}\"]{{fill:{to}}}#{id} [stroke=\"{from}\"]{{stroke:{to}}}\n"
        ));
    };
    for pair in [BACKGROUND_PAIR, INK_PAIR, GRID_PAIR, SWITCH_PAIR] {
        rule(pair.light, pair.dark);
    }
    for pair in METHODS {
        rule(pair.light, pair.dark);
        rule(dotted(pair.light), pair.dark);
        light.push_str(&format!(
            "#{id} [stroke=\"{}\"]{{stroke-dasharray:0 {};stroke-linecap:round}}\n",
            hex(dotted(pair.light)),
            5 * UNITS
        ));
    }
    format!("{light}@media (prefers-color-scheme:dark){{\n{dark}}}\n")
}

/// As the drawing library writes a colour.
fn hex(colour: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}
