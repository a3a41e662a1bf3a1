//! How durations are read, and how long a retry waits.

use std::time::{Duration, SystemTime};

use inngest::wire::limits;

/// Waits of retries, by the number of retries before.
const BACKOFF_SECONDS: [u64; 10] = [15, 30, 60, 120, 300, 600, 1_200, 2_400, 3_600, 7_200];
/// The wait before a step that failed in the first request is tried for the second time.
const FIRST_RETRY: Duration = Duration::from_secs(5);
/// Between these a wanted delay is clipped.
const CLIP: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 3_600));

/// How long a retry waits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff {
    /// Always so long, instead of the table.
    pub(crate) interval: Option<Duration>,
}

impl Backoff {
    /// Before the first retry of a step that failed in the first request.
    pub(crate) fn first(self) -> Duration {
        self.interval.unwrap_or(FIRST_RETRY)
    }

    /// Before a job's retry, by how often it was retried before.
    pub(crate) fn after(self, retries: u32) -> Duration {
        let index = usize::try_from(retries).unwrap_or(usize::MAX).min(BACKOFF_SECONDS.len() - 1);
        self.interval.unwrap_or(Duration::from_secs(BACKOFF_SECONDS[index]))
    }
}

/// When a failed step wants to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    /// So many seconds after the beginning of the second that it is.
    Seconds(u64),
    /// After so long: a date, which counts from the machine's time, by which it was made.
    In(Duration),
}

impl RetryAfter {
    /// Reads the header: seconds, an HTTP date or an ISO date.
    pub(crate) fn read(value: &str) -> Option<Self> {
        let value = value.trim();
        match value.parse::<u64>() {
            Ok(0) => Some(Self::In(Duration::ZERO)),
            Ok(seconds) if value.len() <= 7 => Some(Self::Seconds(seconds)),
            Ok(_) => None,
            Err(_) => {
                let at = httpdate::parse_http_date(value).ok().or_else(|| instant(value))?;
                Some(Self::In(at.duration_since(SystemTime::now()).unwrap_or_default()))
            }
        }
    }

    /// The instant. What is too soon or too late is clipped, and counts from the beginning of the
    /// second.
    pub(crate) fn at(self, now: SystemTime) -> SystemTime {
        let second = now - since_second(now);
        let wanted = match self {
            Self::Seconds(seconds) => second + Duration::from_secs(seconds),
            Self::In(after) => now + after,
        };
        let after = wanted.duration_since(now).unwrap_or_default();
        if after > CLIP.1 {
            second + CLIP.1
        } else if after < CLIP.0 {
            second + CLIP.0
        } else {
            wanted
        }
    }
}

/// How much of its second has gone by at an instant.
fn since_second(now: SystemTime) -> Duration {
    let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Duration::from_nanos(u64::from(since_epoch.subsec_nanos()))
}

/// A duration to the nearest second; half a second counts as a whole one.
fn rounded(duration: Duration) -> Duration {
    Duration::from_secs((duration + Duration::from_millis(500)).as_secs())
}

/// Why a wait cannot be that long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadWait {
    Unreadable(String),
    TooLong(String),
}

impl BadWait {
    pub(crate) fn is_too_long(&self) -> bool {
        matches!(self, Self::TooLong(_))
    }
}

impl std::fmt::Display for BadWait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(value) => write!(f, "`{value}` is neither a duration nor an instant"),
            Self::TooLong(value) => write!(f, "`{value}` is over 366 days"),
        }
    }
}

/// Reads how long a sleep is: a duration such as `1d2h30m`, or the instant at which it ends. What
/// is left until an instant is rounded to seconds, so that the sleep can end up to half a second
/// early.
pub(crate) fn sleep(value: &str, now: SystemTime) -> Result<Duration, BadWait> {
    let duration = match duration(value) {
        Some(duration) => duration,
        None => rounded(wait(value, now)?),
    };
    if duration > limits::WAIT {
        return Err(BadWait::TooLong(value.to_owned()));
    }
    Ok(duration)
}

/// Reads how long something is waited for, which may be longer than a year.
pub(crate) fn wait(value: &str, now: SystemTime) -> Result<Duration, BadWait> {
    match duration(value) {
        Some(duration) => Ok(duration),
        None => {
            let end = instant(value).ok_or_else(|| BadWait::Unreadable(value.to_owned()))?;
            Ok(end.duration_since(now).unwrap_or_default())
        }
    }
}

/// An instant in RFC 3339; offsets other than `Z` are not read.
fn instant(value: &str) -> Option<SystemTime> {
    (value.len() >= 10).then_some(())?;
    let whole = if value.len() == 10 { format!("{value}T00:00:00Z") } else { value.to_owned() };
    humantime::parse_rfc3339_weak(&whole).ok()
}

/// A duration as Go writes it, with days and weeks.
fn duration(value: &str) -> Option<Duration> {
    let mut rest = value;
    let mut seconds = 0_f64;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit =
            rest[number..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |length| number + length);
        let factor = match &rest[number..unit] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return None,
        };
        seconds += rest[..number].parse::<f64>().ok()? * factor;
        rest = &rest[unit..];
    }
    if value.is_empty() {
        return None;
    }
    // Rounded to nanoseconds: `0.1 + 0.2` must not make two equal sleeps differ.
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // docs/protocol.md 5.3
    #[test]
    fn sleeps_are_read_in_all_recorded_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let seconds = |value| sleep(value, now).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds("2s"), Ok(2.0));
        assert_eq!(seconds("500ms"), Ok(0.5));
        assert_eq!(seconds("1d2h30m"), Ok(95_400.0));
        assert_eq!(seconds("1w"), Ok(604_800.0));
        assert_eq!(seconds("1.5s"), Ok(1.5));
        assert_eq!(seconds("0s"), Ok(0.0));
        assert_eq!(seconds("1970-01-12T13:46:45.000Z"), Ok(5.0));
        assert_eq!(seconds("1970-01-12T13:46:45.499Z"), Ok(5.0));
        assert_eq!(seconds("1970-01-12T13:46:45.500Z"), Ok(6.0));
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Ok(0.0));
        assert_eq!(seconds("366d"), Ok(366.0 * 86_400.0));
        for wrong in ["", "soon", "2", "s", "-1s", "367d", "2 s", "1970"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn wanted_delays_are_clipped() {
        let second = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let now = second + Duration::from_millis(850);
        let after =
            |value| RetryAfter::read(value).map(|wanted| wanted.at(now).duration_since(second).unwrap());
        assert_eq!(after("5"), Some(Duration::from_secs(5)));
        assert_eq!(after("1"), Some(CLIP.0));
        assert_eq!(after("0"), Some(CLIP.0));
        assert_eq!(after("9999999"), Some(CLIP.1));
        assert_eq!(after("99999999"), None);
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(CLIP.0));
        assert_eq!(after("later"), None);
    }

    #[test]
    fn retries_wait_longer_and_longer_unless_told_otherwise() {
        let backoff = Backoff::default();
        assert_eq!(backoff.first(), Duration::from_secs(5));
        assert_eq!(backoff.after(0), Duration::from_secs(15));
        assert_eq!(backoff.after(99), Duration::from_secs(7_200));
        let backoff = Backoff { interval: Some(Duration::from_secs(2)) };
        assert_eq!((backoff.first(), backoff.after(7)), (Duration::from_secs(2), Duration::from_secs(2)));
    }
}
