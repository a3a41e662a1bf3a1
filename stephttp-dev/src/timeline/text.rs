//! A timeline in lines.

use std::fmt;
use std::time::SystemTime;

use super::words::{duration, names};
use super::{Bar, BarKind, BarOutcome, NoteKind, Step, Timeline};
use crate::clock::Moment;
use crate::inspect::RunStatus;
use crate::text::cut;

/// How much of a value is in a line, in characters.
const VALUE: usize = 160;

/// How many lines are told; of more than these, the first and the last.
const LINES: usize = 400;

/// One line, with what it begins with.
type Line = (Moment, String, String);

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reentries = match self.requests.len().saturating_sub(1) {
            1 => "1 re-entry".to_owned(),
            n => format!("{n} re-entries"),
        };
        write!(f, "run {} of `{}`: {} ({reentries})", self.run_id, self.function, self.standing())?;
        self.written(LINES).iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}

impl Timeline {
    /// Its lines: of more than `most` the first and the last.
    pub(crate) fn written(&self, most: usize) -> Vec<String> {
        let mut lines: Vec<String> = self.lines().iter().map(|line| self.write(line)).collect();
        let left_out = lines.len().saturating_sub(most);
        if left_out > 0 {
            let gap = most / 2..most / 2 + left_out;
            lines.splice(gap, [format!("  ({left_out} lines are left out)")]);
        }
        lines
    }

    fn write(&self, (moment, title, text): &Line) -> String {
        let offset = format!("+{}", duration(self.since(moment.at)));
        format!("  {offset:<12} {title:<11} {text}")
    }

    /// How the run is doing, and since when or for how long.
    pub(super) fn standing(&self) -> String {
        let when = match (self.status, self.ended) {
            (RunStatus::Running, _) => "for",
            (_, Some(_)) => "after",
            (_, None) => "within",
        };
        format!("{} {when} {}", self.status.as_str(), duration(self.took()))
    }

    /// All lines, in the order of time.
    fn lines(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for (n, request) in self.requests.iter().enumerate() {
            let Some(special) = &request.reentry else {
                lines.push((request.from, "client".to_owned(), request.name.clone()));
                continue;
            };
            let memoized = match request.memoized.as_slice() {
                [] => String::new(),
                memoized => format!("; memoized {}", names(memoized)),
            };
            lines.push((
                request.from,
                format!("re-entry {n}"),
                format!("{}{special}{memoized}", request.name),
            ));
            let ran = match request.ran.as_slice() {
                [] => String::new(),
                ran => format!(", having run {}", names(ran)),
            };
            let body = if request.body.is_empty() {
                String::new()
            } else {
                format!(": {}", cut(&request.body, VALUE))
            };
            if let Some(until) = request.until {
                lines.push((until, format!("answer {n}"), format!("{}{ran}{body}", request.answer)));
            }
        }
        for step in &self.steps {
            self.step_lines(step, &mut lines);
        }
        for call in self.calls.iter().filter(|call| call.saves) {
            let status = call.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            lines.push((call.at, "call".to_owned(), format!("{}: {status}", call.request)));
        }
        for note in &self.notes {
            let title = match note.kind {
                NoteKind::Retry => "retry",
                NoteKind::Violation => "VIOLATION",
                NoteKind::Remark => "remark",
            };
            lines.push((note.at, title.to_owned(), note.words.clone()));
        }
        if let Some(ended) = self.ended {
            let response = self.response.as_ref().filter(|_| self.status != RunStatus::Cancelled);
            let output = response.map_or_else(String::new, |response| {
                let status = response.status.map(|status| format!(": {status}")).unwrap_or_default();
                let body = cut(&response.body, VALUE);
                if body.is_empty() { status } else { format!("{status}: {body}") }
            });
            let order = u64::MAX;
            let status = self.status.as_str();
            lines.push((Moment { order, ..ended }, "end".to_owned(), format!("{status}{output}")));
        }
        lines.sort_by_key(|(moment, _, _)| *moment);
        lines
    }

    fn step_lines(&self, step: &Step, lines: &mut Vec<Line>) {
        let attempts = step.bars.iter().filter(|bar| bar.kind == BarKind::Attempt).count();
        let value = step.value.as_ref().map(|value| format!(": {}", cut(value, VALUE))).unwrap_or_default();
        let label = &step.label;
        let mut attempt = 0;
        for bar in &step.bars {
            if bar.kind != BarKind::Attempt {
                self.wait_lines(label, bar, &value, lines);
                continue;
            }
            attempt += 1;
            let took = bar.took.map(|took| format!(" in {}", duration(took))).unwrap_or_default();
            let nth = if attempts > 1 { format!(", attempt {attempt}") } else { String::new() };
            let outcome = match bar.outcome {
                BarOutcome::Done => format!("done{took}{value}"),
                outcome => format!("{}{took}: {}", outcome.as_str(), bar.words),
            };
            let moment = bar.until.unwrap_or(bar.from);
            lines.push((moment, "step".to_owned(), format!("`{label}`{nth} {outcome}")));
        }
        if step.bars.is_empty() {
            let text = format!("`{label}` {:?}{value}", step.status);
            let at = Moment { at: self.began, order: u64::MAX };
            lines.push((at, "step".to_owned(), text));
        }
    }

    fn wait_lines(&self, label: &str, bar: &Bar, value: &str, lines: &mut Vec<Line>) {
        let (title, words) = (bar.kind.as_str().to_owned(), &bar.words);
        let until = |due: SystemTime| format!(" until +{}", duration(self.since(due)));
        let due = bar.due.map(until).unwrap_or_default();
        let what = match bar.kind {
            BarKind::Sleep => "sleeps".to_owned(),
            _ if words.is_empty() => "waits".to_owned(),
            BarKind::Invoke | BarKind::Call => format!("begins {words}"),
            BarKind::Event | BarKind::Signal | BarKind::Attempt => format!("waits for {words}"),
        };
        lines.push((bar.from, title.clone(), format!("`{label}` {what}{due}")));
        let Some(end) = bar.until else { return };
        let outcome = match (bar.kind, bar.outcome) {
            // Its re-entry shows that.
            (BarKind::Sleep, _) => return,
            (_, BarOutcome::Done) => format!("`{label}` has it{value}"),
            (_, outcome) => format!("`{label}` {}{value}", outcome.as_str()),
        };
        lines.push((end, title, outcome));
    }
}
