//! Which trace something is part of, as W3C's Trace Context has it.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(super) static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Characters of a `traceparent`, but for what later versions add.
const TRACEPARENT_CHARS: usize = 55;
/// Characters of a `traceparent` of a later version, at most: none exists so far.
const MOST_TRACEPARENT_CHARS: usize = 256;
/// Characters and members of a `tracestate`, at most.
const TRACESTATE_CHARS: usize = 512;
const TRACESTATE_MEMBERS: usize = 32;
const TRACESTATE_KEY_CHARS: usize = 256;
const TRACESTATE_VALUE_CHARS: usize = 256;
/// The flags that are defined: sampled, and that the trace's id is random.
const FLAGS: u8 = 0b11;

/// A place in a trace: what [W3C's Trace Context](https://www.w3.org/TR/trace-context/) sends along
/// with a request.
///
/// [`Tracing`](super::Tracing) keeps the execution's for other middlewares, as
/// [`Execution::get::<TraceContext>()`](super::Execution::get).
///
/// ```
/// use inngest::middleware::TraceContext;
///
/// let context = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None);
/// let context = context.ok_or("no such context")?;
/// assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
/// assert!(context.is_sampled());
/// # Ok::<_, &str>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// `00-<trace>-<span>-<flags>`, 55 characters.
    traceparent: String,
    tracestate: Option<String>,
}

impl TraceContext {
    /// Reads the values of the headers `traceparent` and `tracestate`. `None` if the first makes no
    /// sense; a `tracestate` that makes none, or is over 512 characters, is left out.
    ///
    /// A `traceparent` of a version to come is read as far as it is known, as the standard wants
    /// it.
    #[must_use]
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let fields =
            traceparent.get(..TRACEPARENT_CHARS).filter(|_| traceparent.len() <= MOST_TRACEPARENT_CHARS)?;
        let mut parts = fields.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let more = &traceparent[TRACEPARENT_CHARS..];
        let fits = match version {
            "00" => more.is_empty(),
            "ff" => false,
            _ => more.is_empty() || more.starts_with('-'),
        };
        let is_known = fits && is_hex(version, 2) && is_id(trace, 32) && is_id(span, 16) && is_hex(flags, 2);
        let flags = u8::from_str_radix(flags, 16).ok().filter(|_| is_known)? & FLAGS;
        Some(Self {
            traceparent: format!("00-{trace}-{span}-{flags:02x}"),
            tracestate: tracestate.filter(|state| is_tracestate(state)).map(str::to_owned),
        })
    }

    /// Reads the headers `traceparent` and `tracestate`. `None` if there is no `traceparent`,
    /// several, or one that makes no sense.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut traceparents = headers.get_all(&TRACEPARENT).iter();
        let traceparent = traceparents.next().filter(|_| traceparents.next().is_none())?.to_str().ok()?;
        let states =
            headers.get_all(&TRACESTATE).iter().map(HeaderValue::to_str).collect::<Result<Vec<_>, _>>();
        let state = states.ok().filter(|states| !states.is_empty()).map(|states| states.join(","));
        Self::parse(traceparent, state.as_deref())
    }

    /// Sets the headers, in place of those that are there.
    pub fn to_headers(&self, headers: &mut HeaderMap) {
        headers.remove(&TRACESTATE);
        // Both are printable ASCII: always headers' values.
        if let Ok(traceparent) = HeaderValue::from_str(&self.traceparent) {
            headers.insert(&TRACEPARENT, traceparent);
        }
        if let Some(Ok(state)) = self.tracestate.as_deref().map(HeaderValue::from_str) {
            headers.insert(&TRACESTATE, state);
        }
    }

    /// The header `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The header `tracestate`: what vendors of tracing systems add.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }

    /// The trace's id: 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.traceparent[3..35]
    }

    /// The span's id: 16 lower-case hexadecimal digits.
    #[must_use]
    pub fn span_id(&self) -> &str {
        &self.traceparent[36..52]
    }

    /// Whether the span is recorded by whoever has sent the context.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        matches!(&self.traceparent[53..], "01" | "03")
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceContext").field(&self.traceparent).finish()
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_id(text: &str, digits: usize) -> bool {
    is_hex(text, digits) && text.bytes().any(|byte| byte != b'0')
}

fn is_tracestate(text: &str) -> bool {
    let members =
        || text.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty());
    let is_member = |member: &str| {
        member
            .split_once('=')
            .is_some_and(|(key, value)| is_tracestate_key(key) && is_tracestate_value(value))
    };
    text.len() <= TRACESTATE_CHARS
        && (1..=TRACESTATE_MEMBERS).contains(&members().count())
        && members().all(is_member)
}

fn is_tracestate_key(key: &str) -> bool {
    let is_known = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    let begins_well = key.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    begins_well && key.len() <= TRACESTATE_KEY_CHARS && key.bytes().all(is_known)
}

fn is_tracestate_value(value: &str) -> bool {
    let is_known = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'=';
    !value.is_empty() && value.len() <= TRACESTATE_VALUE_CHARS && value.bytes().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn parse(version: &str, flags: &str) -> Option<String> {
        let context = TraceContext::parse(&format!("{version}-{TRACE}-{SPAN}-{flags}"), None)?;
        Some(context.traceparent().to_owned())
    }

    #[test]
    fn what_makes_sense_is_taken() {
        let known = |flags: &str| Some(format!("00-{TRACE}-{SPAN}-{flags}"));
        assert_eq!(parse("00", "01"), known("01"));
        assert_eq!(parse("00", "00"), known("00"));
        // Flags that are not defined are not passed on, nor what a later version adds.
        assert_eq!(parse("00", "ff"), known("03"));
        assert_eq!(parse("cc", "01-more"), known("01"));
        let context = TraceContext::parse(&known("00").unwrap(), None).unwrap();
        assert_eq!((context.trace_id(), context.span_id(), context.is_sampled()), (TRACE, SPAN, false));
    }

    #[test]
    fn what_makes_no_sense_is_not() {
        for (version, flags) in
            [("ff", "01"), ("0", "011"), ("00", "01-more"), ("00", "0"), ("cc", "01more"), ("0G", "01")]
        {
            assert_eq!(parse(version, flags), None, "{version} {flags}");
        }
        assert_eq!(parse("cc", &format!("01-{}", "x".repeat(MOST_TRACEPARENT_CHARS))), None);
        let (no_trace, no_span) = ("0".repeat(32), "0".repeat(16));
        let upper = TRACE.to_uppercase();
        for (trace, span) in
            [(&*no_trace, SPAN), (TRACE, &*no_span), (&*upper, SPAN), (SPAN, TRACE), ("", "")]
        {
            assert_eq!(TraceContext::parse(&format!("00-{trace}-{span}-01"), None), None, "{trace} {span}");
        }
        for text in ["", "00", "-", "\u{1d7d8}", &"\u{1d7d8}".repeat(20), &"-".repeat(55)] {
            assert_eq!(TraceContext::parse(text, None), None, "{text}");
        }
    }

    #[test]
    fn a_state_is_taken_whole_or_not_at_all() {
        let state = |state: &str| {
            let context = TraceContext::parse(&format!("00-{TRACE}-{SPAN}-01"), Some(state)).unwrap();
            context.tracestate().map(str::to_owned)
        };
        for good in ["a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "fw529a3039@dt=FfAA, b=2", "a=x y,,"] {
            assert_eq!(state(good).as_deref(), Some(good));
        }
        let many = vec!["a=1"; TRACESTATE_MEMBERS + 1].join(",");
        let long = format!("a={}", "x".repeat(TRACESTATE_CHARS));
        for bad in ["", "a", "=1", "a=", "A=1", "a=1,b", "a=\u{e9}", "a=\n", "a=b=c", &many, &long] {
            assert_eq!(state(bad), None, "{bad}");
        }
    }

    #[test]
    fn headers_are_read_and_written() {
        let parent = HeaderValue::try_from(format!("00-{TRACE}-{SPAN}-01")).unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(TraceContext::from_headers(&headers), None);
        headers.insert("traceparent", parent.clone());
        for state in ["a=1", "b=2"] {
            headers.append("tracestate", HeaderValue::from_static(state));
        }
        let context = TraceContext::from_headers(&headers).unwrap();
        assert_eq!(context.tracestate(), Some("a=1,b=2"));
        let mut written = HeaderMap::new();
        written.insert("tracestate", HeaderValue::from_static("other=1"));
        context.to_headers(&mut written);
        assert_eq!(TraceContext::from_headers(&written), Some(context));
        // Two are none: nobody knows which one counts.
        headers.append("traceparent", parent);
        assert_eq!(TraceContext::from_headers(&headers), None);
    }
}
