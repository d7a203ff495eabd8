//! The picture as a sequence diagram of Mermaid, which code hosts and editors draw.

use std::fmt::Write as _;

use super::{Moment, Part, Row, Scene, left_out};

impl Scene {
    /// What [`ascii`](Scene::ascii) shows, as a `sequenceDiagram`.
    pub(crate) fn mermaid(&self) -> String {
        let mut text = String::from("sequenceDiagram\n");
        for column in 0..=usize::from(self.nodes) {
            let _ = writeln!(text, "    participant {}", self.participant(column));
        }
        for part in &self.parts {
            let line = match part {
                Part::Shown(moment) => self.line(moment),
                Part::LeftOut(rows) => self.wide(&format!("… {}", left_out(*rows))),
            };
            let _ = writeln!(text, "    {line}");
        }
        if !self.background.is_empty() {
            let _ = writeln!(text, "    {}", self.wide(&self.footnote()));
        }
        text
    }

    fn line(&self, moment: &Moment) -> String {
        let time = format!("{:.3} ms", moment.time as f64 / 1e6);
        match &moment.row {
            Row::At(column, text) => {
                format!("Note over {}: {time} {}", self.participant(*column), escaped(text))
            }
            Row::Arrow { from, to, label, late } => {
                let arrow = if *late { "-->>" } else { "->>" };
                let [from, to] = [from, to].map(|column| self.participant(*column));
                format!("{from}{arrow}{to}: {time} {}", escaped(label))
            }
            Row::Wide(text) => self.wide(&format!("{time} {text}")),
        }
    }

    fn wide(&self, text: &str) -> String {
        format!("Note over {},clients: {}", self.participant(0), escaped(text))
    }

    fn participant(&self, column: usize) -> String {
        if column < usize::from(self.nodes) { format!("n{}", column + 1) } else { "clients".to_string() }
    }
}

/// `#` begins an entity and `;` ends a statement; a line break would, too.
fn escaped(text: &str) -> String {
    let entity = |c: char| match c {
        '#' => "#35;".to_string(),
        ';' => "#59;".to_string(),
        '<' => "#lt;".to_string(),
        '>' => "#gt;".to_string(),
        '\n' => "<br/>".to_string(),
        c => c.to_string(),
    };
    text.chars().map(entity).collect()
}
