//! What all our drawings in SVG share: they need nothing from elsewhere, run no script, and are legible on light and on dark.

/// Colours of ink and of lines behind it, and the type.
pub(crate) const STYLE: &str = "\
:root { --ink: #24292f; --faint: #d0d7de }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --faint: #3d444d } }
text { font: 11px system-ui, sans-serif; fill: var(--ink) }
.title { font-weight: 600 }
.axis { stroke: var(--ink); fill: none }
.grid { stroke: var(--faint); fill: none }
.curve { fill: none; stroke-width: 1.6; stroke-linejoin: round }
";

/// A drawing of this size in pixels, with a style of its own beside [`STYLE`].
pub(crate) fn document((width, height): (f64, f64), title: &str, style: &str, drawn: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
        <title>{}</title>\n<style>\n{STYLE}{style}</style>\n{drawn}</svg>\n",
        escaped(title)
    )
}

/// A path through points.
pub(crate) fn points(corners: &[(f64, f64)]) -> String {
    let written = corners.iter().map(|(x, y)| format!("{} {}", round(*x), round(*y)));
    format!("M{}", written.collect::<Vec<_>>().join("L"))
}

/// To a hundredth of a pixel.
pub(crate) fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// As text in XML, or in an attribute.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
