//! Colours, in light and in dark.
//!
//! Everything is drawn in the light colours, which a viewer without style sheets shows as they are. The
//! style sheet that goes into each SVG finds an element by the colour it was drawn in and gives it its dark
//! colour; so the same file adapts on its own and inside a page.

/// A colour in light and in dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour {
    pub(super) light: &'static str,
    dark: &'static str,
}

const fn colour(light: &'static str, dark: &'static str) -> Colour {
    Colour { light, dark }
}

/// After Okabe and Ito: told apart with every kind of colour vision; at least 3:1 against the background.
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

/// The colour of the method at `index`; the seventh has the first's again.
pub(super) fn method(index: usize) -> Colour {
    METHODS[index % METHODS.len()]
}

/// The style sheet of the SVG whose root has this `id`; every rule begins with it, as the sheet of an SVG
/// inside a page holds for the whole page.
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
