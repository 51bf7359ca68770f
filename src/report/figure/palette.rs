//! Colours for light and dark mode.
//!
//! Everything is drawn in the light colours; a viewer without style sheets shows these. In dark mode, the style sheet
//! in each SVG selects elements by their light colour and sets the dark colour. The same file therefore adapts alone
//! and inside a page.

/// A colour for light mode and for dark mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour {
    pub(super) light: &'static str,
    dark: &'static str,
}

const fn colour(light: &'static str, dark: &'static str) -> Colour {
    Colour { light, dark }
}

/// After Okabe and Ito: distinguishable with every kind of colour vision; contrast to the background at least 3:1.
const METHODS: [Colour; 6] = [
    colour("#0072B2", "#5CB8F0"),
    colour("#C85400", "#FF9147"),
    colour("#008A64", "#2CCB9C"),
    colour("#B04A8A", "#E79AC8"),
    colour("#9A6C00", "#F0C04A"),
    colour("#4A5058", "#C3CAD2"),
];

pub(super) const BACKGROUND: Colour = colour("#FFFFFE", "#14181D");
pub(super) const INK: Colour = colour("#1B1F24", "#E8EBEE");
pub(super) const GRID: Colour = colour("#E4E7EB", "#2B323A");
pub(super) const SWITCH: Colour = colour("#808891", "#8B949E");

/// The number of colours.
pub(super) const COLOURS: usize = METHODS.len();

/// The colour of the method at `index`; colours repeat after the sixth.
pub(super) fn method(index: usize) -> Colour {
    METHODS[index % COLOURS]
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
