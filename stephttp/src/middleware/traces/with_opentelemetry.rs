//! Spans as OpenTelemetry knows them.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::TraceContext;

/// The context of what is current: of a span, or one that was attached without any.
pub(super) fn current() -> Option<TraceContext> {
    of(&Span::current()).or_else(|| context(&Context::current()))
}

/// A span's own context; it begins with this at the latest. `None` without OpenTelemetry's layer.
pub(super) fn of(span: &Span) -> Option<TraceContext> {
    context(&span.context())
}

/// Makes a span that has not begun a child of another: of one elsewhere, if it is remote.
pub(super) fn join(span: &Span, parent: &TraceContext, is_remote: bool) {
    let Some(parent) = span_context(parent, is_remote) else { return };
    // Fails without OpenTelemetry's layer, and where a filter has left the span out: there is
    // nothing to do then.
    let _ = span.set_parent(Context::current().with_remote_span_context(parent));
}

/// Notes that a span of another trace has led to this one.
pub(super) fn link(span: &Span, other: &TraceContext) {
    if let Some(other) = span_context(other, false) {
        span.add_link(other);
    }
}

fn context(context: &Context) -> Option<TraceContext> {
    let span = context.span();
    let context = span.span_context();
    if !context.is_valid() {
        return None;
    }
    let (trace, span, flags) = (context.trace_id(), context.span_id(), context.trace_flags().to_u8());
    TraceContext::parse(&format!("00-{trace}-{span}-{flags:02x}"), Some(&context.trace_state().header()))
}

fn span_context(context: &TraceContext, is_remote: bool) -> Option<SpanContext> {
    let flags = TraceFlags::new(u8::from_str_radix(&context.traceparent()[53..], 16).ok()?);
    let (trace, span) =
        (TraceId::from_hex(context.trace_id()).ok()?, SpanId::from_hex(context.span_id()).ok()?);
    let state = context.tracestate().and_then(|state| state.parse().ok()).unwrap_or_default();
    Some(SpanContext::new(trace, span, flags, is_remote, state))
}
