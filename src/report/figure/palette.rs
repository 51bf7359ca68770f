//! Colours for light and dark mode.
//!
//! Everything is drawn in the light colours; a viewer without style sheets shows these. In dark mode, the style sheet
//! in each SVG selects elements by their light colour and sets the dark colour. The same file therefore adapts alone
//! and inside a page.

/// A colour for light mode and for dark mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour {
    pub(super) light: &'static str,
    pub(super) dark: &'static str,
}

const fn colour(light: &'static str, dark: &'static str) -> Colour {
    Colour { light, dark }
}

/// The first six after Okabe and Ito: distinguishable with every kind of colour vision. The next six have other dashes
/// and markers too. Contrast to the background at least 3:1.
const METHODS: [Colour; 12] = [
    colour("#0072B2", "#5CB8F0"),
    colour("#C85400", "#FF9147"),
    colour("#008A64", "#2CCB9C"),
    colour("#B04A8A", "#E79AC8"),
    colour("#9A6C00", "#F0C04A"),
    colour("#4A5058", "#C3CAD2"),
    colour("#6A3FC0", "#B79BFF"),
    colour("#B00020", "#FF6B78"),
    colour("#007C91", "#45D5EA"),
    colour("#5F7A00", "#BCD935"),
    colour("#7A3B1E", "#D9A389"),
    colour("#E0218A", "#FF5FB0"),
];

/// The dashes of lines: those of the first six methods, of the next six, and so on.
const DASHES: [&[u8]; 4] = [&[], &[9, 4], &[9, 4, 2, 4], &[2, 4]];

pub(super) const BACKGROUND: Colour = colour("#FFFFFE", "#14181D");
pub(super) const INK: Colour = colour("#1B1F24", "#E8EBEE");
pub(super) const GRID: Colour = colour("#E4E7EB", "#2B323A");
pub(super) const SWITCH: Colour = colour("#808891", "#8B949E");

/// The colour of the method at `index`; colours repeat after the twelfth, with other dashes.
pub(super) fn method(index: usize) -> Colour {
    METHODS[index % METHODS.len()]
}

/// The lengths of the dashes and gaps of the line of the method at `index`; empty for a solid line.
pub(super) fn dash(index: usize) -> &'static [u8] {
    DASHES[index / 6 % DASHES.len()]
}

/// The corners of the marker of the method at `index`, in pixels from its middle; empty for a circle.
pub(super) fn marker(index: usize) -> &'static [(f64, f64)] {
    match index % 5 {
        0 => &[],
        1 => &[(-3.8, -3.8), (3.8, -3.8), (3.8, 3.8), (-3.8, 3.8)],
        2 => &[(0.0, -5.4), (5.0, 3.6), (-5.0, 3.6)],
        3 => &[(0.0, -5.6), (5.0, 0.0), (0.0, 5.6), (-5.0, 0.0)],
        _ => &[(0.0, 5.4), (5.0, -3.6), (-5.0, -3.6)],
    }
}

/// The style sheet of the SVG whose root has this `id`. Every rule begins with the id, because the style sheet of an
/// SVG inside a page applies to the whole page.
pub(super) fn style_sheet(id: &str) -> String {
    let all = [BACKGROUND, INK, GRID, SWITCH].into_iter().chain(METHODS);
    let rules = all.map(|Colour { light, dark }| {
        format!(
            "#{id} [fill=\"{light}\"]{{fill:{dark}}}#{id} [stroke=\"{light}\"]{{stroke:{dark}}}\n"
        )
    });
    format!(
        "#{id}{{color-scheme:light dark}}\n#{id} polyline{{stroke-linejoin:round}}\n\
         @media (prefers-color-scheme:dark){{\n{}}}\n",
        rules.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linear red, green and blue.
    fn linear(hex: &str) -> [f64; 3] {
        [1, 3, 5].map(|at| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            match value <= 0.04045 {
                true => value / 12.92,
                false => libm::pow((value + 0.055) / 1.055, 2.4),
            }
        })
    }

    fn luminance(hex: &str) -> f64 {
        let [r, g, b] = linear(hex);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// CIE L*a*b* for the white of D65.
    fn lab(hex: &str) -> [f64; 3] {
        let [r, g, b] = linear(hex);
        let f = |share: f64| match share > 0.008856 {
            true => libm::cbrt(share),
            false => 7.787 * share + 16.0 / 116.0,
        };
        let x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
        let y = f(luminance(hex));
        let z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    #[test]
    fn twelve_methods_have_twelve_colours_that_stand_out() {
        for (of, background) in [
            (
                (|c| c.light) as fn(Colour) -> &'static str,
                BACKGROUND.light,
            ),
            (|c| c.dark, BACKGROUND.dark),
        ] {
            for one in 0..12 {
                let colour = of(method(one));
                let pair = [luminance(colour), luminance(background)].map(|y| y + 0.05);
                let contrast = pair[0].max(pair[1]) / pair[0].min(pair[1]);
                assert!(contrast >= 3.0, "{colour} on {background}: {contrast}");
                for other in 0..one {
                    let pair = [colour, of(method(other))].map(lab);
                    let squares =
                        (0..3).map(|at| (pair[0][at] - pair[1][at]) * (pair[0][at] - pair[1][at]));
                    let apart = libm::sqrt(squares.sum::<f64>());
                    assert!(apart > 18.0, "{colour} and {}: {apart}", of(method(other)));
                }
            }
        }
        assert_ne!(dash(0), dash(6));
        assert_ne!((method(0), dash(0)), (method(12), dash(12)));
    }
}
