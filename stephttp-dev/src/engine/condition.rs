//! The `if` of a wait for an event.

use std::sync::{Arc, LazyLock};

use cel::{Context, Env, Program, Value as Cel};
use serde_json::Value;

/// The standard functions and macros of CEL.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// What an expression may speak of.
const NAMES: [&str; 3] = ["async", "event", "vars"];

/// Macros that bring names of their own.
const MACROS: [&str; 6] = [".all(", ".exists(", ".exists_one(", ".existsOne(", ".map(", ".filter("];

/// How long an expression may be, and how deep its brackets and signs may go: the parser goes down
/// with each of them, and a stack that is too small for it ends the process.
const LENGTH: usize = 1_024;
const DEPTH: usize = 32;
const STACK: usize = 256 * 1024 * 1024;

/// An expression in CEL over `async`, the event that comes in, and `event`, the one that began the
/// run.
#[derive(Debug)]
pub(crate) struct Condition {
    program: Program,
    /// The expression itself.
    pub(crate) text: String,
    /// The server puts in the run's event only for an expression with this text in it.
    about_event: bool,
}

impl Condition {
    /// Reads an expression.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LENGTH {
            return Err(format!("it is longer than {LENGTH} bytes"));
        }
        if depth(text) > DEPTH {
            return Err(format!("it goes down more than {DEPTH} levels"));
        }
        let program = on_a_deep_stack(|| ENV.compile(text).map_err(|error| error.to_string()))?;
        if !MACROS.iter().any(|name| text.contains(name)) {
            let references = program.references();
            let mut names = references.variables();
            names.sort_unstable();
            if let Some(name) = names.iter().find(|name| !NAMES.contains(name)) {
                return Err(format!("undeclared reference to `{name}`"));
            }
        }
        Ok(Self { program, text: text.to_owned(), about_event: speaks_of_event(text) })
    }

    /// Whether an incoming event fulfils it. What cannot be evaluated is not fulfilled.
    pub(crate) fn holds(&self, incoming: &Value, trigger: &Value) -> bool {
        let mut context = Context::with_env(Arc::clone(&ENV));
        if context.add_variable("async", in_floats(incoming)).is_err() {
            return false;
        }
        if self.about_event && context.add_variable("event", in_floats(trigger)).is_err() {
            return false;
        }
        on_a_deep_stack(|| match self.program.execute(&context) {
            Ok(Cel::Bool(holds)) => Ok(holds),
            _ => Err("no yes and no no".to_owned()),
        })
        .unwrap_or_default()
    }
}

/// Does what goes down a level for each of an expression's, on a thread of its own with room for
/// it.
fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let done = thread.map_err(|error| error.to_string())?.join();
        done.unwrap_or_else(|_| Err("the parser gave up".to_owned()))
    })
}

/// How deep an expression goes at most. What stands in strings is left out.
fn depth(text: &str) -> usize {
    let (mut open, mut signs, mut deepest) = (0_usize, 0_usize, 0);
    let (mut quote, mut escaped) = (None, false);
    for letter in text.chars() {
        if let Some(end) = quote {
            if letter == end && !escaped {
                quote = None;
            }
            escaped = letter == '\\' && !escaped;
            continue;
        }
        match letter {
            '"' | '\'' => quote = Some(letter),
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            '!' | '-' | '?' => signs += 1,
            _ => {}
        }
        deepest = deepest.max(open + signs);
    }
    deepest
}

/// Whether the server takes an expression to be about the run's own event. It only looks for this
/// text.
pub(crate) fn speaks_of_event(expression: &str) -> bool {
    expression.contains("event.")
}

/// Every number as the real server has it: a float.
fn in_floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(items) => items.iter().map(in_floats).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), in_floats(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(text: &str) -> bool {
        let incoming = json!({"name": "e", "data": {"id": "abc", "n": 1, "list": [1, 2]}, "ts": 10});
        let trigger = json!({"data": {"id": "abc"}});
        Condition::parse(text).unwrap().holds(&incoming, &trigger)
    }

    #[test]
    fn expressions_are_evaluated_over_both_events() {
        assert!(holds(r#"async.data.id == "abc""#));
        assert!(holds("async.data.n == 1 && async.ts > 9"));
        assert!(holds("async.data.id == event.data.id"));
        assert!(holds("async.data.list.exists(x, x == 2)"));
        assert!(holds("async.data.missing == 1 || async.data.n == 1"));
        assert!(!holds(r#"async.data.id == "other""#));
        // A missing key, and a value that is no yes or no.
        assert!(!holds("async.data.missing == 1"));
        assert!(!holds("async.data.id"));
        // The server puts in the run's event only where it sees `event.`.
        assert!(!holds(r#"event["data"]["id"] == "abc""#));
    }

    #[test]
    fn events_may_be_as_deep_as_any_that_is_read() {
        let nested = format!("{}1{}", r#"{"a":"#.repeat(255), "}".repeat(255));
        let data: Value = crate::json::read(&nested).unwrap();
        let condition = Condition::parse("async.data.a != null").unwrap();
        assert!(condition.holds(&json!({ "data": data }), &json!({})));
    }

    #[test]
    fn what_is_not_cel_is_refused() {
        assert!(Condition::parse("this is not cel (((").is_err());
        assert!(Condition::parse("").is_err());
        for deep in ["(", "[", "!", "-", "a.b(", "{1:", "a?a:", "-!("] {
            assert!(
                Condition::parse(&deep.repeat(LENGTH / deep.len())).unwrap_err().contains("levels"),
                "{deep}"
            );
        }
        assert!(Condition::parse(&format!("{}true{}", "(".repeat(DEPTH), ")".repeat(DEPTH))).is_ok());
        // What a raw string hides from the count fits all the same.
        for deep in ["(", "!", "a.b("] {
            let hidden = format!(r#"r"\" == {}"#, deep.repeat((LENGTH - 10) / deep.len()));
            assert!(Condition::parse(&hidden).is_err());
        }
        // The longest chains that are allowed fit on the stack of a test's thread.
        for link in [".b", "+a", "&&a", "||a", "==a", "[0]"] {
            let chain = format!("async{}", link.repeat((LENGTH - 5) / link.len()));
            if let Ok(condition) = Condition::parse(&chain) {
                assert!(!condition.holds(&json!({}), &json!({})), "{link}");
            }
        }
        assert_eq!(Condition::parse("foo == 1").unwrap_err(), "undeclared reference to `foo`");
        assert!(Condition::parse(&"(".repeat(LENGTH + 1)).unwrap_err().contains("longer"));
    }
}
