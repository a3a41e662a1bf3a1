//! How the protocol writes durations (`90s`, `1500ms`) and instants (RFC 3339).

use std::time::{Duration, SystemTime};

/// Writes a duration in whole seconds, or in milliseconds (rounded up) when it is not whole.
#[must_use]
pub fn format(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_nanos().div_ceil(1_000_000))
    }
}

/// Writes an instant in UTC with milliseconds, such as `2026-11-22T08:59:06.613Z`.
///
/// Instants outside of the years 1970 to 9999, which RFC 3339 cannot say, become the nearest that
/// it can.
#[must_use]
pub fn format_instant(instant: SystemTime) -> String {
    const LATEST: Duration = Duration::from_secs(253_402_300_799);
    let since_epoch = instant.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().min(LATEST);
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since_epoch).to_string()
}

/// An instant as the number that the protocol writes: milliseconds since the Unix epoch.
pub(crate) fn millis(instant: SystemTime) -> u64 {
    let since_epoch = instant.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_round_up_to_milliseconds_and_never_to_zero() {
        assert_eq!(format(Duration::from_secs(3_600)), "3600s");
        assert_eq!(format(Duration::ZERO), "0s");
        assert_eq!(format(Duration::from_millis(1_500)), "1500ms");
        assert_eq!(format(Duration::from_nanos(1)), "1ms");
    }

    #[test]
    fn instants_are_rfc3339_also_at_the_edges() {
        let recorded = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_337_946_613);
        assert_eq!(format_instant(recorded), "2026-11-22T08:59:06.613Z");
        assert_eq!(
            format_instant(SystemTime::UNIX_EPOCH - Duration::from_secs(1)),
            "1970-01-01T00:00:00.000Z"
        );
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert_eq!(format_instant(far), "9999-12-31T23:59:59.000Z");
    }
}
