//! A timeline as a picture.

use std::fmt::Write as _;

use super::axis::Axis;
use super::words::{duration, names};
use super::{Bar, BarKind, BarOutcome, NoteKind, Request, Step, Timeline};
use crate::clock::Moment;
use crate::inspect::RunStatus;
use crate::text::cut;

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 210.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 84.0;
const ROW: f64 = 26.0;
/// How many memoized results are drawn at most.
const DOTS: usize = 1_500;
/// The least width of a bar.
const LEAST: f64 = 4.0;

const STYLE: &str = "\
text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2933}\
.title{font-size:16px;font-weight:600}.dim{fill:#616e7c}.axis{font-size:11px;fill:#616e7c}\
.bad{fill:#b42318}.memo{fill:#fff;stroke:#3f9142}.row{stroke:#eef1f4}.tick{stroke:#dde3e9}.gap{fill:#f3f5f7}";

impl Timeline {
    /// The timeline as a picture in SVG, for a report: with a light background, and with nothing
    /// in it that has to be loaded or run.
    ///
    /// Each step has a row. The longer nothing happens, the less of the width it has for its
    /// duration: a day does not squeeze the rest.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = stephttp_dev::DevServer::start().await?;
    /// // … a test in which something goes wrong …
    /// for run in server.runs() {
    ///     if let Some(timeline) = server.timeline(&run.id) {
    ///         std::fs::write(format!("{}.svg", run.id), timeline.svg())?;
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn svg(&self) -> String {
        let axis = Axis::of(self);
        let x = |moment: Moment| LEFT + axis.x(moment) * (WIDTH - LEFT - RIGHT);
        let violations: Vec<&str> = self
            .notes
            .iter()
            .filter(|note| note.kind == NoteKind::Violation)
            .map(|note| note.words.as_str())
            .collect();
        // Of what the SDK keeps for itself the server may show no times.
        let steps: Vec<&Step> =
            self.steps.iter().filter(|step| !(step.is_hidden() && step.bars.is_empty())).collect();
        let rows = (steps.len() + 1) as f64;
        let bottom = TOP + rows * ROW;
        let notes = wrapped(&violations);
        let height = bottom + 20.0 + 16.0 * (notes.len() as f64);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
             height=\"{height}\" role=\"img\"><title>{}</title><style>{STYLE}</style>\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>",
            escaped(&format!("Run {} of {}", self.run_id, self.function))
        );
        let head = format!("{}: {}", self.function, self.standing());
        text(&mut svg, (16.0, 28.0), "title", &cut(&head, 90));
        text(&mut svg, (16.0, 48.0), "dim", &format!("run {}", self.run_id));
        if !self.calls.is_empty() {
            text(
                &mut svg,
                (LEFT + 470.0, 28.0),
                "dim",
                "green circle: memoized in a re-entry; dark: a checkpoint",
            );
        }
        for mark in axis.marks(self.began) {
            let from = LEFT + mark.x * (WIDTH - LEFT - RIGHT);
            match mark.end.map(|end| LEFT + end * (WIDTH - LEFT - RIGHT)) {
                Some(end) => {
                    let (wide, high) = (end - from, bottom - TOP);
                    let _ = write!(
                        svg,
                        "<rect class=\"gap\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{wide:.1}\" height=\"{high}\"/>"
                    );
                    let middle = f64::midpoint(from, end);
                    let _ = write!(
                        svg,
                        "<text class=\"axis\" x=\"{middle:.1}\" y=\"62\" text-anchor=\"middle\">{}</text>",
                        escaped(&mark.text)
                    );
                }
                None => {
                    let _ = write!(
                        svg,
                        "<line class=\"tick\" x1=\"{from:.1}\" x2=\"{from:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>"
                    );
                    text(&mut svg, (from, 78.0), "axis", &mark.text);
                }
            }
        }
        let mut y = TOP;
        row(&mut svg, y, "requests", "");
        for (n, request) in self.requests.iter().enumerate() {
            let (from, until) = (x(request.from), x(request.until.unwrap_or(self.last())));
            let (fill, title) = (request_color(request), request_title(n, request));
            bar(&mut svg, (from, until, y), fill, &title);
        }
        for call in self.calls.iter().filter(|call| call.saves) {
            let status = call.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            let at = x(call.at);
            let _ = write!(
                svg,
                "<circle cx=\"{at:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#fff\" stroke=\"#334e68\"><title>{}</title></circle>",
                y + ROW / 2.0,
                escaped(&format!("{}: {status}", call.request))
            );
        }
        let mut dots = 0;
        for step in steps {
            y += ROW;
            row(&mut svg, y, &step.label, if step.is_hidden() { "dim" } else { "" });
            for one in &step.bars {
                let value = step.value.as_deref().unwrap_or_default();
                let title = format!("{}: {}. {}", step.label, bar_words(one), cut(value, 200));
                bar(
                    &mut svg,
                    (x(one.from), x(one.until.unwrap_or(self.last())), y),
                    color(one, self.status),
                    &title,
                );
            }
            for (n, request) in self.requests.iter().enumerate() {
                if dots < DOTS && request.memoized.contains(&step.label) {
                    dots += 1;
                    let _ = write!(
                        svg,
                        "<circle class=\"memo\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"><title>memoized in re-entry {n}</title></circle>",
                        x(request.from) + 3.0,
                        y + ROW / 2.0
                    );
                }
            }
        }
        for (place, line) in notes.iter().enumerate() {
            text(&mut svg, (16.0, bottom + 20.0 + 16.0 * (place as f64)), "bad", line);
        }
        svg.push_str("</svg>");
        svg
    }
}

/// What a bar says when it is pointed at.
pub(super) fn bar_words(bar: &Bar) -> String {
    let took = bar.took.map(|took| format!(" in {}", duration(took))).unwrap_or_default();
    let words = if bar.words.is_empty() { String::new() } else { format!(" ({})", cut(&bar.words, 200)) };
    format!("{} {}{took}{words}", bar.kind.as_str(), bar.outcome.as_str())
}

/// What a request says when it is pointed at.
pub(super) fn request_title(n: usize, request: &Request) -> String {
    match &request.reentry {
        None => format!("client's request: {}, {}", request.name, request.answer),
        Some(special) => format!(
            "re-entry {n}{special}: {}; memoized: {}; ran: {}",
            request.answer,
            names(&request.memoized),
            names(&request.ran)
        ),
    }
}

fn request_color(request: &Request) -> &'static str {
    match (&request.reentry, request.failed) {
        (_, true) => "#d64545",
        (None, false) => "#334e68",
        (Some(_), false) => "#627d98",
    }
}

fn color(bar: &Bar, status: RunStatus) -> &'static str {
    match (bar.outcome, bar.kind) {
        (BarOutcome::Failed, _) => "#d64545",
        (BarOutcome::Retried, _) => "#e9a23b",
        (BarOutcome::TimedOut, _) => "#b08d57",
        (BarOutcome::Open, _) if status == RunStatus::Running => "#9fb3c8",
        (_, BarKind::Attempt) => "#3f9142",
        (BarOutcome::Done | BarOutcome::Open, _) => "#a9c6e3",
    }
}

fn row(svg: &mut String, y: f64, label: &str, class: &str) {
    let _ = write!(svg, "<line class=\"row\" x1=\"16\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\"/>", WIDTH - RIGHT);
    text(svg, (16.0, y + 17.0), class, &cut(label, 26));
}

fn bar(svg: &mut String, (from, until, y): (f64, f64, f64), fill: &str, title: &str) {
    let wide = (until - from).max(LEAST);
    let _ = write!(
        svg,
        "<rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{}\" rx=\"3\" fill=\"{fill}\"><title>{}</title></rect>",
        y + 6.0,
        ROW - 12.0,
        escaped(title)
    );
}

fn text(svg: &mut String, (x, y): (f64, f64), class: &str, text: &str) {
    let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{}</text>", escaped(text));
}

/// Violations in lines that fit.
fn wrapped(violations: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    for violation in violations.iter().take(20) {
        let mut line = String::from("Violation: ");
        for word in violation.split_whitespace() {
            if line.chars().count() + word.chars().count() > 150 {
                lines.push(std::mem::take(&mut line));
            }
            line.push_str(&cut(word, 120));
            line.push(' ');
        }
        lines.push(line);
    }
    lines
}

/// A text within XML, which knows few control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
