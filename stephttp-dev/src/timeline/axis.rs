//! Where moments are from left to right.
//!
//! A day beside a millisecond would squeeze everything else. So there are two axes: one in
//! proportion, and one where each stretch between two moments is as wide as the logarithm of its
//! duration, and never without width: what happened at one instant is side by side, in its order.

use std::time::{Duration, SystemTime};

use super::Timeline;
use super::words::duration;
use crate::clock::Moment;

/// The least part of the width between two labels.
const BETWEEN: f64 = 0.11;

/// What is told of a stretch by itself: as long, and as wide.
const LONG: (Duration, f64) = (Duration::from_secs(1), 0.08);

/// The compressed axis of a timeline.
#[derive(Debug)]
pub(crate) struct Axis {
    /// Moments with their places, from 0 to 1.
    places: Vec<(Moment, f64)>,
}

/// Something written at the axis.
#[derive(Debug, PartialEq)]
pub(crate) struct Mark {
    pub(crate) x: f64,
    /// Where a stretch ends that is told by its duration.
    pub(crate) end: Option<f64>,
    pub(crate) text: String,
}

impl Axis {
    pub(crate) fn of(timeline: &Timeline) -> Self {
        let mut moments: Vec<Moment> = vec![timeline.last()];
        for request in &timeline.requests {
            moments.extend([Some(request.from), request.until].into_iter().flatten());
        }
        for bar in timeline.steps.iter().flat_map(|step| &step.bars) {
            moments.extend([Some(bar.from), bar.until].into_iter().flatten());
        }
        moments.extend(timeline.calls.iter().filter(|call| call.saves).map(|call| call.at));
        moments.extend(timeline.notes.iter().map(|note| note.at));
        moments.sort();
        moments.dedup();
        let mut places = Vec::with_capacity(moments.len());
        let mut x = 0.0;
        for (place, moment) in moments.iter().enumerate() {
            if let Some(before) = place.checked_sub(1).map(|before| moments[before].at) {
                let millis = moment.at.duration_since(before).unwrap_or_default().as_secs_f64() * 1000.0;
                x += 1.0 + 3.0 * (1.0 + millis / 10.0).ln();
            }
            places.push((*moment, x));
        }
        let whole = if x > 0.0 { x } else { 1.0 };
        places.iter_mut().for_each(|(_, x)| *x /= whole);
        Self { places }
    }

    /// Where a moment is; one that is not known is where the next is.
    pub(crate) fn x(&self, moment: Moment) -> f64 {
        let place = self.places.partition_point(|(known, _)| *known < moment);
        self.places.get(place).or(self.places.last()).map_or(0.0, |(_, x)| *x)
    }

    /// What is written at the axis: offsets where there is room, and long stretches.
    pub(crate) fn marks(&self, began: SystemTime) -> Vec<Mark> {
        let mut marks = Vec::new();
        let (mut free, mut last) = (0.0, String::new());
        for (place, (moment, x)) in self.places.iter().enumerate() {
            let after = moment.at.duration_since(began).unwrap_or_default();
            if let Some((before, from)) = place.checked_sub(1).map(|before| self.places[before]) {
                let gap = moment.at.duration_since(before.at).unwrap_or_default();
                if gap >= LONG.0 && x - from >= LONG.1 {
                    marks.push(Mark { x: from, end: Some(*x), text: duration(gap) });
                }
            }
            let text = format!("+{}", duration(after));
            if *x >= free && *x <= 1.0 - BETWEEN / 2.0 && text != last {
                marks.push(Mark { x: *x, end: None, text: text.clone() });
                (free, last) = (x + BETWEEN, text);
            }
        }
        marks
    }
}
