//! The share of searches that have found each bug, by executions: a small picture for each bug, all in one SVG.

use std::fmt::Write as _;

use super::{
    Rows,
    arms::{Arm, BLIND, GUIDED, Subject, called, subjects},
    statistics::{Curve, Rate},
};
use crate::svg::{self, points, round};

/// Width and height of what is drawn of one bug, its frame, and how many stand in a row.
const PLOT: (f64, f64) = (230.0, 130.0);
const FRAME: Frame = Frame { left: 42.0, top: 28.0, right: 14.0, bottom: 34.0 };
const COLUMNS: usize = 3;
/// Height of the legend above all.
const LEGEND: f64 = 34.0;
/// How many points a smooth curve has.
const POINTS: u32 = 80;

struct Frame {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

const STYLE: &str = "\
:root { --guided: #0550ae; --random: #6e7781; --swarm: #bc4c00; --pct: #1a7f37; --other: #8250df }
@media (prefers-color-scheme: dark) { :root { --guided: #58a6ff; --random: #9198a1; --swarm: #f0883e; --pct: #3fb950; --other: #bc8cff } }
.guided { stroke: var(--guided); stroke-width: 2.2 }
.band.guided { fill: var(--guided); stroke: none; opacity: .18 }
.random { stroke: var(--random); stroke-dasharray: 2 3 }
.swarm { stroke: var(--swarm); stroke-dasharray: 7 3 }
.pct { stroke: var(--pct); stroke-dasharray: 7 3 2 3 }
.other { stroke: var(--other); stroke-dasharray: 4 2 }
.bound { opacity: .55 }
";

/// Draws the rows: of `guided` the estimate of Kaplan and Meier (1958) with its 95 % band, of a blind arm the geometric curve
/// of its pool, or the estimate if it has none. Of a pool without a hit, the curve is the highest that the interval of its hit
/// probability leaves possible.
pub(crate) fn svg(rows: &Rows) -> String {
    let subjects = subjects(&rows.rows);
    let (across, down) = (PLOT.0 + FRAME.left + FRAME.right, PLOT.1 + FRAME.top + FRAME.bottom);
    let lines = subjects.len().div_ceil(COLUMNS) as f64;
    let (width, height) = (across * COLUMNS as f64, LEGEND + down * lines);
    let mut drawn = legend(subjects.values());
    for (at, (name, subject)) in subjects.iter().enumerate() {
        let (x, y) = (across * (at % COLUMNS) as f64, LEGEND + down * (at / COLUMNS) as f64);
        drawn += &panel(&called(name), subject, (x + FRAME.left, y + FRAME.top));
    }
    svg::document((width, height), "Share of searches that have found each bug, by executions", STYLE, &drawn)
}

/// How an arm is drawn: those without a style of their own share one.
fn class(arm: &str) -> &str {
    if arm == GUIDED || BLIND.contains(&arm) { arm } else { "other" }
}

/// The arms that are drawn, guided last and so on top.
fn arms(subject: &Subject) -> impl Iterator<Item = (&str, &Arm)> {
    subject.blind().chain(subject.guided().map(|arm| (GUIDED, arm)))
}

fn legend<'a>(subjects: impl Iterator<Item = &'a Subject>) -> String {
    let mut names: Vec<&str> = subjects.flat_map(|subject| arms(subject).map(|(name, _)| name)).collect();
    names.sort_by_key(|name| (*name != GUIDED, *name));
    names.dedup();
    let mut drawn = String::from("<g class=\"legend\">\n");
    let mut x = FRAME.left;
    for name in names {
        let (middle, end) = (LEGEND / 2.0, x + 28.0);
        let _ = writeln!(drawn, "<path class=\"curve {}\" d=\"M{x} {middle}H{end}\"/>", class(name));
        let _ = writeln!(drawn, "<text x=\"{}\" y=\"{}\">{name}</text>", end + 6.0, middle + 4.0);
        x = end + 6.0 + 7.0 * name.len() as f64 + 24.0;
    }
    let _ =
        writeln!(drawn, "<text x=\"{x}\" y=\"{}\">share that has found it, by executions</text>", LEGEND / 2.0 + 4.0);
    drawn + "</g>\n"
}

/// Where executions lie: a logarithmic scale from 1 to a power of ten.
#[derive(Clone, Copy)]
struct Scale {
    decades: u32,
}

impl Scale {
    /// Wide enough for all trials of a bug; of pools alone, for their expected times.
    fn of(subject: &Subject) -> Self {
        let ends = arms(subject).map(|(_, arm)| match arm.budget {
            Some(budget) => arm.times().iter().map(|time| time.at).fold(budget as f64, f64::max),
            None => arm.pool().map_or(1.0, |pool| pool.execs as f64 / pool.hits.max(1) as f64),
        });
        let end = ends.fold(10.0, f64::max);
        Self { decades: (end.log10() - 1e-9).ceil() as u32 }
    }

    fn x(self, execs: f64) -> f64 {
        PLOT.0 * execs.max(1.0).log10() / f64::from(self.decades)
    }

    fn end(self) -> f64 {
        10_f64.powi(self.decades as i32)
    }
}

fn y(share: f64) -> f64 {
    PLOT.1 * (1.0 - share)
}

fn panel(title: &str, subject: &Subject, (x, y): (f64, f64)) -> String {
    let scale = Scale::of(subject);
    let mut drawn = format!("<g class=\"panel\" transform=\"translate({x} {y})\">\n<title>{title}</title>\n");
    let _ = writeln!(drawn, "<text class=\"title\" x=\"0\" y=\"-10\">{title}</text>");
    drawn += &axes(scale);
    for (name, arm) in arms(subject) {
        drawn += &curve(name, arm, scale);
    }
    drawn + "</g>\n"
}

fn axes(scale: Scale) -> String {
    let (width, height) = PLOT;
    let mut drawn = String::new();
    for (share, label) in [(0.0, "0"), (0.5, "50 %"), (1.0, "100 %")] {
        let at = y(share);
        let _ = writeln!(drawn, "<path class=\"grid\" d=\"M0 {at}H{width}\"/>");
        let _ = writeln!(drawn, "<text text-anchor=\"end\" x=\"-5\" y=\"{}\">{label}</text>", at + 4.0);
    }
    // Of many labels, every second has room.
    let labelled = if scale.decades > 7 { 2 } else { 1 };
    for decade in 0..=scale.decades {
        let at = round(scale.x(10_f64.powi(decade as i32)));
        let _ = writeln!(drawn, "<path class=\"grid\" d=\"M{at} 0V{height}\"/>");
        if decade % labelled == 0 {
            let (below, label) = (height + 15.0, power(decade));
            let _ = writeln!(drawn, "<text text-anchor=\"middle\" x=\"{at}\" y=\"{below}\">{label}</text>");
        }
    }
    drawn + &format!("<path class=\"axis\" d=\"M0 0V{height}H{width}\"/>\n")
}

/// A power of ten in few letters.
fn power(decade: u32) -> String {
    let unit = ["", "k", "M", "G", "T", "P"].get(decade as usize / 3);
    unit.map_or_else(|| format!("1e{decade}"), |unit| format!("{}{unit}", 10_u32.pow(decade % 3)))
}

/// The curve of an arm, and its band if it is guided.
fn curve(name: &str, arm: &Arm, scale: Scale) -> String {
    let class = class(name);
    if let Some(pool) = arm.pool() {
        let p = if pool.hits > 0 { pool.estimate() } else { pool.interval().high };
        let (bound, said) = if pool.hits > 0 { ("", "") } else { (" bound", ", no hit: at most") };
        let path = points(&smooth(p, scale));
        return format!("<path class=\"curve {class}{bound}\" d=\"{path}\"><title>{name}{said}</title></path>\n");
    }
    let estimate = Curve::of(&arm.times());
    // As far as somebody still searched.
    let end = arm.times().iter().map(|time| time.at).fold(1.0, f64::max);
    let band = if name == GUIDED { band(&estimate, end, scale) } else { String::new() };
    let found = estimate.steps().iter().map(|step| (step.at, 1.0 - step.without));
    let path = points(&stairs(found, end, scale));
    format!("{band}<path class=\"curve {class}\" d=\"{path}\"><title>{name}</title></path>\n")
}

/// The shares that have found within so many executions, of searches that learn nothing.
fn smooth(p: f64, scale: Scale) -> Vec<(f64, f64)> {
    let point = |at: u32| {
        let execs = scale.end().powf(f64::from(at) / f64::from(POINTS));
        (scale.x(execs), y(Rate::within(p, execs)))
    };
    (0..=POINTS).map(point).collect()
}

/// A step function from 0: both corners of every step.
fn stairs(steps: impl Iterator<Item = (f64, f64)>, end: f64, scale: Scale) -> Vec<(f64, f64)> {
    let mut corners = vec![(0.0, y(0.0))];
    for (execs, share) in steps {
        let before = corners.last().expect("there is a first").1;
        corners.extend([(scale.x(execs), before), (scale.x(execs), y(share))]);
    }
    let last = corners.last().expect("there is a first").1;
    corners.push((scale.x(end), last));
    corners
}

/// What lies between the ends of the interval, step by step; after the last find, where it has no end, it goes on as before.
fn band(estimate: &Curve, end: f64, scale: Scale) -> String {
    let sides = [true, false].map(|upper| {
        let ends = estimate.steps().iter().map(|step| (step.at, step.band()));
        let ends = ends.filter(|(_, band)| !band.high.is_nan());
        let shares = ends.map(|(at, band)| (at, 1.0 - if upper { band.low } else { band.high }));
        stairs(shares, end, scale)
    });
    let [upper, mut lower] = sides;
    lower.reverse();
    format!("<path class=\"band guided\" d=\"{}Z\"/>\n", points(&[upper, lower].concat()))
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document, Node};

    use super::svg;
    use crate::bench::{Rows, synthetic::Lines};

    fn suite() -> Rows {
        let mut lines =
            Lines::new(1).pool("H2,curp", "swarm", 1000, 0.0, 0.01).trials("-,foca", "guided", 9, 0.1, 50, 0.1);
        for bug in ["A1,raft-kv", "B1,raft-kv", "J3,crdt-store"] {
            lines = lines
                .trials(bug, "guided", 30, 0.003, 1000, 0.01)
                .trials(bug, "no-states", 30, 0.001, 1000, 0.01)
                .pool(bug, "swarm", 100_000, 0.001, 0.01)
                .pool(bug, "random", 100_000, 0.0, 0.01)
                .trials(bug, "pct", 30, 0.002, 1000, 0.01);
        }
        lines.rows()
    }

    const LEGEND: [&str; 5] = ["guided", "pct", "random", "swarm", "share that has found it, by executions"];

    fn with_class<'a>(within: Node<'a, 'a>, class: &'a str) -> Vec<Node<'a, 'a>> {
        let is = move |node: &Node<'_, '_>| {
            node.attribute("class").is_some_and(|all| all.split(' ').any(|one| one == class))
        };
        within.descendants().filter(is).collect()
    }

    /// The corners of a path, x and y.
    fn corners(path: &str) -> Vec<(f64, f64)> {
        let number = |text: &str| text.parse().expect("a number");
        let point = |text: &str| text.split_once(' ').map(|(x, y)| (number(x), number(y))).expect("two numbers");
        path.trim_start_matches('M').trim_end_matches('Z').split('L').map(point).collect()
    }

    #[test]
    fn every_bug_has_a_panel_with_its_arms() {
        let drawn = svg(&suite());
        let document = Document::parse(&drawn).expect("well-formed XML");
        let panels = with_class(document.root(), "panel");
        let titles: Vec<&str> = panels.iter().filter_map(|panel| with_class(*panel, "title")[0].text()).collect();
        assert_eq!(titles, ["J3 (crdt-store)", "H2 (curp)", "foca", "A1 (raft-kv)", "B1 (raft-kv)"]);
        for (class, count) in [("guided", 2), ("swarm", 1), ("random", 1), ("pct", 1), ("bound", 1), ("other", 0)] {
            assert_eq!(with_class(panels[0], class).len(), count, "{class}");
        }
        let legend = with_class(document.root(), "legend")[0].children().filter(|node| node.has_tag_name("text"));
        assert_eq!(legend.filter_map(|node| node.text()).collect::<Vec<_>>(), LEGEND);
    }

    #[test]
    fn curves_rise_and_stay_in_their_panel() {
        let drawn = svg(&suite());
        let document = Document::parse(&drawn).expect("well-formed XML");
        let mut curves = 0;
        for panel in with_class(document.root(), "panel") {
            for path in with_class(panel, "curve") {
                let corners = corners(path.attribute("d").expect("a path"));
                assert!(corners.is_sorted_by(|a, b| a.0 <= b.0 && a.1 >= b.1), "{path:?}");
                curves += 1;
            }
            for path in with_class(panel, "band").into_iter().chain(with_class(panel, "curve")) {
                let inside =
                    |(x, y): &(f64, f64)| (0.0..=super::PLOT.0).contains(x) && (0.0..=super::PLOT.1).contains(y);
                assert!(corners(path.attribute("d").expect("a path")).iter().all(inside), "{path:?}");
            }
        }
        assert_eq!(curves, 3 * 4 + 2);
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        let drawn = svg(&suite());
        let document = Document::parse(&drawn).expect("well-formed XML");
        let names: Vec<&str> = document.descendants().map(|node| node.tag_name().name()).collect();
        assert!(!names.contains(&"script") && !names.contains(&"image"));
        assert!(!drawn.contains("url(") && !drawn.contains("href"));
        assert!(drawn.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn no_rows_are_a_picture_too() {
        assert!(Document::parse(&svg(&Rows::default())).is_ok());
    }
}
