//! What a wait for an event asks of its fields.

use std::fmt;
use std::ops::Not;

/// A condition on the fields of an event, for
/// [`WaitForStep::matching`](super::WaitForStep::matching).
///
/// [`Field`](super::Field) makes them, and they combine:
///
/// ```
/// # use inngest::{EventData, EventFields};
/// # #[derive(EventData)]
/// # #[event(name = "shop/paid")]
/// # struct Paid { order: String, cents: u32, test: bool }
/// let paid = Paid::fields();
/// let large = paid.cents.gt(10_000).or(paid.order.eq("o-7"));
/// let condition = large.and(!paid.test.eq(true));
/// assert_eq!(
///     condition.to_string(),
///     r#"(async.data.cents > 10000 || async.data.order == "o-7") && !(async.data.test == true)"#
/// );
/// ```
///
/// Its text is the [CEL](https://cel.dev) expression that Inngest gets; of one whose value cannot
/// be compared, what is wrong with it, which is the wait's error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a condition is for `matching`"]
pub struct Condition {
    /// Or what is wrong with it.
    expression: Result<String, String>,
    /// What it is joined with at its top.
    operator: Option<&'static str>,
}

impl Condition {
    pub(super) fn new(expression: Result<String, String>) -> Self {
        Self { expression, operator: None }
    }

    /// Both hold.
    pub fn and(self, other: Self) -> Self {
        self.join("&&", other)
    }

    /// At least one of the two holds.
    pub fn or(self, other: Self) -> Self {
        self.join("||", other)
    }

    fn join(self, operator: &'static str, other: Self) -> Self {
        let joined = |left, right| format!("{left} {operator} {right}");
        let expression = self.operand(operator).and_then(|left| Ok(joined(left, other.operand(operator)?)));
        Self { expression, operator: Some(operator) }
    }

    /// In brackets only where they matter: the server counts them.
    fn operand(self, operator: &'static str) -> Result<String, String> {
        let is_plain = self.operator.is_none_or(|own| own == operator);
        self.expression.map(|text| if is_plain { text } else { format!("({text})") })
    }

    pub(super) fn into_expression(self) -> Result<String, String> {
        self.expression
    }
}

impl Not for Condition {
    type Output = Self;

    fn not(self) -> Self {
        Self::new(self.expression.map(|text| format!("!({text})")))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expression {
            Ok(text) | Err(text) => f.write_str(text),
        }
    }
}
