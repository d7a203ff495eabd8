//! Cycles as pictures: in the language of Graphviz, and small ones as SVG.

use std::{
    f64::consts::TAU,
    fmt::{self, Display, Write as _},
};

use super::{report::CommitReason, words::Told};
use crate::history::OpId;

/// No SVG is drawn of more transactions than these: nobody could read it.
pub const DRAWN_MAX: usize = 12;

/// An arrow of a picture, with the reason in a word.
struct Arrow {
    from: Place,
    to: Place,
    word: &'static str,
}

/// A transaction, or what was there at the beginning.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place(Option<OpId>);

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(op) => write!(f, "T{}", op.0),
            None => f.write_str("beginning"),
        }
    }
}

/// The colour of an arrow.
fn colour(word: &str) -> &'static str {
    match word {
        "ww" => "#b3261e",
        "wr" | "wr-predicate" => "#1a5fb4",
        "rw" | "rw-predicate" => "#7b3fa0",
        "process" | "session" => "#2e7d32",
        _ => "#616161",
    }
}

fn arrows(told: &Told) -> Vec<Arrow> {
    let steps = told.steps.iter().map(|told| {
        let word = told.step.dependency.name();
        Arrow { from: Place(Some(told.step.from)), to: Place(Some(told.step.to)), word }
    });
    let commits = told.commits.iter().map(|(step, _)| {
        let word = match step.reason {
            CommitReason::Session => "session",
            CommitReason::Read => "wr",
            CommitReason::Seen { .. } => "commit",
            CommitReason::Initial => "initial",
        };
        Arrow { from: Place(step.from), to: Place(step.to), word }
    });
    steps.chain(commits).collect()
}

/// What a transaction did, as far as the finding tells.
fn did(told: &Told, place: Place) -> &str {
    let known = told.transactions.iter().find(|(op, _)| Some(*op) == place.0);
    known.map_or("", |(_, did)| did)
}

/// A cycle in the language of Graphviz; `None` if the finding is no cycle.
pub fn dot(told: &Told) -> Option<String> {
    let arrows = arrows(told);
    if arrows.is_empty() {
        return None;
    }
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut text = format!("digraph \"{}\" {{\n  node [shape=box, fontname=\"sans-serif\"];\n", told.phenomenon);
    for Arrow { from, .. } in &arrows {
        let _ = writeln!(text, "  \"{from}\" [label=\"{from}\\n{}\"];", quoted(did(told, *from)));
    }
    for Arrow { from, to, word } in &arrows {
        let colour = colour(word);
        let _ =
            writeln!(text, "  \"{from}\" -> \"{to}\" [label=\"{word}\", color=\"{colour}\", fontcolor=\"{colour}\"];");
    }
    Some(text + "}\n")
}

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 560.0;
const BOX: [f64; 2] = [70.0, 30.0];

/// A cycle of few transactions as a picture; `None` if the finding is no cycle, or one of too many.
pub fn svg(told: &Told) -> Option<String> {
    let arrows = arrows(told);
    if arrows.is_empty() || arrows.len() > DRAWN_MAX {
        return None;
    }
    let sentences: Vec<String> = told.to_string().lines().map(str::to_owned).collect();
    let height = HEIGHT + 20.0 * sentences.len() as f64 + 20.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"14\">\n\
         <defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">\
         <path d=\"M0 0 8 4 0 8z\" fill=\"#444\"/></marker></defs>\n"
    );
    let centre = |at: usize| {
        let angle = TAU * (at as f64 / arrows.len() as f64) - TAU / 4.0;
        [WIDTH / 2.0 + 300.0 * angle.cos(), HEIGHT / 2.0 + 220.0 * angle.sin()]
    };
    for (at, arrow) in arrows.iter().enumerate() {
        draw(&mut text, arrow, centre(at), centre((at + 1) % arrows.len()));
    }
    for (at, Arrow { from, .. }) in arrows.iter().enumerate() {
        let [x, y] = centre(at);
        let [left, top] = [x - BOX[0] / 2.0, y - BOX[1] / 2.0];
        let _ = writeln!(
            text,
            "<g><title>{}</title><rect x=\"{left:.0}\" y=\"{top:.0}\" width=\"{}\" height=\"{}\" rx=\"6\" fill=\"#fff\" stroke=\"#444\"/>\
             <text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{from}</text></g>",
            escaped(did(told, *from)),
            BOX[0],
            BOX[1],
            y + 5.0,
        );
    }
    for (at, sentence) in sentences.iter().enumerate() {
        let y = HEIGHT + 20.0 * (at as f64 + 1.0);
        let _ = writeln!(text, "<text x=\"20\" y=\"{y:.0}\" xml:space=\"preserve\">{}</text>", escaped(sentence));
    }
    Some(text + "</svg>\n")
}

/// An arrow between two boxes, bent to the outside so that two that lead back and forth lie apart.
fn draw(text: &mut String, arrow: &Arrow, from: [f64; 2], to: [f64; 2]) {
    let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    let length = dx.hypot(dy).max(1.0);
    let middle = [from[0] + dx / 2.0 + dy / length * 40.0, from[1] + dy / 2.0 - dx / length * 40.0];
    let end = |at: [f64; 2]| {
        let [dx, dy] = [middle[0] - at[0], middle[1] - at[1]];
        let scale = (BOX[0] / 2.0 / dx.abs().max(0.01)).min(BOX[1] / 2.0 / dy.abs().max(0.01)).min(1.0);
        [at[0] + dx * scale, at[1] + dy * scale]
    };
    let ([x1, y1], [x2, y2], colour) = (end(from), end(to), colour(arrow.word));
    let [x, y] = middle;
    let _ = writeln!(
        text,
        "<path d=\"M{x1:.0} {y1:.0}Q{x:.0} {y:.0} {x2:.0} {y2:.0}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" marker-end=\"url(#end)\"/>\
         <text x=\"{x:.0}\" y=\"{y:.0}\" fill=\"{colour}\" text-anchor=\"middle\">{}</text>",
        arrow.word,
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
