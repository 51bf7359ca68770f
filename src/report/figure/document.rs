//! From a drawing to an SVG that scales, has a name for who cannot see it, and follows light and dark.

use super::canvas::{UNITS, WIDTH};
use super::palette;

/// `drawing` with a root of its own: `id` begins every id in it, `title` names it and `description`
/// describes it.
pub(super) fn document(
    drawing: &str,
    id: &str,
    height: i32,
    title: &str,
    description: &str,
) -> String {
    // What the library opens with has a fixed size; everything after its first line stays.
    let elements = drawing.split_once('\n').map_or("", |(_, rest)| rest);
    let style = palette::style_sheet(id);
    let (title, description) = (escaped(title), escaped(description));
    let (width_pixels, height_pixels) = (WIDTH / UNITS, height / UNITS);
    format!(
        "<svg id=\"{id}\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{width_pixels}\" height=\"{height_pixels}\" style=\"max-width:100%;height:auto\" \
         role=\"img\" aria-labelledby=\"{id}-title {id}-description\">\n\
         <title id=\"{id}-title\">{title}</title>\n\
         <desc id=\"{id}-description\">{description}</desc>\n\
         <style>\n{style}</style>\n{}",
        elements.replace(" \"", "\"")
    )
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
