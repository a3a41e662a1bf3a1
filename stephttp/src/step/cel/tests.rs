//! What passes and what is refused.

use crate::step::cel;

#[test]
fn expressions_as_people_write_them_are_valid() {
    for expression in [
        r#"async.data.id == "abc""#,
        "async.data.amount > 100",
        "event.data.method == 'POST' && async.user.email != null",
        "!(async.data.done || async.data.tries >= 3u)",
        "async.data.items[0].price * 2.5 < -1e3 ? true : has(async.data.free)",
        r#"async.data["order id"] in ["a", 'b', r"\d", b"\x00",]"#,
        "async.data.items.exists(i, i.price > 10 && i.tags.all(t, t != '')) ",
        "{'a': 1, 'b': [async.ts]}.a == 1 || size(async.data.list) == .5",
        "async.data.name.startsWith('o-') && lowercase(async.name) == \"x\"",
        "double(async.data.n) == 0x1F || async.data.if == 1",
        "date(async.data.at) > now_minus('1h')",
        "\n async.data.text == \"\"\"two\nlines\"\"\"",
        "-async.data.a == --1",
        "async.data.a == 9223372036854775807",
    ] {
        cel::check(expression).unwrap_or_else(|fault| panic!("{fault}"));
    }
}

#[test]
fn what_the_server_could_not_compile_is_named_with_its_place() {
    for (expression, problem) in [
        ("", "it is empty"),
        ("   ", "it is empty"),
        ("async.data.id = 1", "`==` (at character 15)"),
        ("async.data.id == ", "it ends where a value was expected (at character 18)"),
        ("async.data.id == \"abc", "a text is not closed (at character 18)"),
        ("async.data.größe == 1", "means nothing here (at character 14)"),
        ("(async.data.id == 1", "where `)` was expected"),
        ("async.data.id == 1)", "`)` stands where an operator"),
        ("async.data.list[0 == 1", "`]`"),
        ("data.id == 1", "there is no `data`: the event that comes is `async`"),
        ("async.data.id == abc", "texts need quotes (at character 18)"),
        ("async.data.id == 1; true", "`;` means nothing here"),
        ("async.data.id == 1 // one", "comments are not allowed"),
        ("async.data.id == 1 & true", "joined with `&&`"),
        ("async.data.id == 1 and true", "`and` stands where an operator"),
        ("async..id == 1", "where a name was expected"),
        ("async.data.in == 1", "where a name was expected"),
        ("fetch(async.data.id)", "there is no function `fetch`"),
        ("async.data.x == '\\d'", "no escape sequence"),
        ("async.data.x == 12abc", "ends in letters"),
        ("async.data.x == 99999999999999999999", "too large"),
        ("async.data.items.exists(i, i.a == j)", "there is no `j`"),
        ("async.data.items.exists(i, true) && i == 1", "there is no `i`"),
        ("a ? b", "there is no `a`"),
        ("true ? false", "where `:` was expected"),
        ("package == 1", "where a value was expected"),
    ] {
        let fault = cel::check(expression).expect_err(expression);
        assert!(fault.contains(problem), "{fault}");
        assert!(fault.contains(&format!("`{expression}`")), "{fault}");
    }
    let deep = "(".repeat(5_000);
    assert!(cel::check(&deep).unwrap_err().contains("nested too deeply"));
}

#[test]
fn what_the_server_takes_is_never_refused() {
    for expression in [
        // Methods and macros
        "async.data.id.startsWith('x')",
        "async.data.id.endsWith('x') || async.data.id.contains('y')",
        "async.data.id.matches('^o-[0-9]+$')",
        "async.data.list.size() > 2 && 'abc'.size() == 3",
        "async.data.list.all(i, i > 1) && async.data.list.exists(i, i.name.contains('a'))",
        "async.data.list.exists_one(i, i > 1) || async.data.list.existsOne(i, i > 1)",
        "async.data.list.map(i, i.n).size() == 2 && 1 in async.data.list.map(i, i.n > 1, i.n)",
        "async.data.list.filter(i, i.n > 1)[0].done",
        "timestamp(async.data.at).getHours('Europe/Berlin') == 9",
        "date(async.data.at).getFullYear() + 1 == 2027 && duration('1h').getMinutes() == 60",
        "async.exists(key, key == 'v')",
        // Fields of events
        "async.name == 'a' || async.id == 'b' || async.ts > 1 || async.v == '1' || has(async.meta.sessions)",
        "async.user.id == event.user.id",
        r#"async["data"]["order id"] == 1 && async['data'].x == 2"#,
        "async[async.data.key] == 1 && async['da' + 'ta'] == 1 && async[r'data'] == 1",
        "event.data.domain + event.data.path == 'x' || event.data.method in ['PUT', event.data.fn]",
        "event.data['ip'] == async.data.ip && event.data.content_type != ''",
        "event.data.query_params.contains('a=1') || b64decode(event.data.body) == '{}'",
        "event.name == 'inngest/http.request' && event.id != '' && event.ts > 0 && event.v == ''",
        "async.data.events.exists(event, event.order == 1 && event.data.order == 2)",
        "async.data.list.exists(async, async.date == 1)",
        // A yes or a no, or perhaps one
        "async.data.done",
        "async.data['done']",
        "!async.data.done",
        "true",
        "(async.data.a + 1) > 2",
        "async.data.n > 1 ? async.data.done : 'no' == 'no'",
        "async.data.n > 1 ? 'no' : async.data.done",
        "{'a': true}[async.data.key]",
        "[true, false][0]",
        "{'a': true}.a",
        "bool(async.data.flag)",
        "dyn(async.data.flag)",
        "has(async.data.flag)",
        "matches(async.data.id, 'x')",
        "json_parse(async.data.text).done",
        "--async.data.flag",
        "'a' in async.data.tags",
        "(async.data.done)",
    ] {
        cel::check(expression).unwrap_or_else(|fault| panic!("{fault}"));
    }
}

#[test]
fn a_method_that_there_is_not_is_refused() {
    for (expression, problem) in [
        (
            "async.data.id.like('x')",
            "there is no method `like`; for texts there are `startsWith`, `endsWith`, `contains` and `matches`, for \
             lists `all`, `exists`, `exists_one`, `filter` and `map`, for both `size` (at character 15)",
        ),
        (
            "async.data.id.startswith('x')",
            "there is no method `startswith`; for texts there are `startsWith`",
        ),
        ("async.data.list.any(i, i > 1)", "there is no method `any`"),
        ("async.data.list.exists(i, i.like('x'))", "there is no method `like`"),
        (
            "async.data.id.lowercase() == 'x'",
            "there is no method `lowercase`, but a function: write `lowercase(…)` around the value (at character 15)",
        ),
    ] {
        refused(expression, problem);
    }
}

#[test]
fn a_field_that_no_event_has_is_refused() {
    let request =
        "(its data is `domain`, `method`, `path`, `fn`, `ip`, `content_type`, `query_params`, `body`)";
    for (expression, problem) in [
        (
            "async.date.x == 1",
            "`async` has no `date`: an event has `data`, `name`, `id`, `ts`, `user` and `v`, and what it was sent with \
             is in `async.data` (at character 7)",
        ),
        ("async.data.a == 1 && async['order'] == 1", "`async` has no `order`"),
        (r#"async[ "order" ] == 1"#, "`async` has no `order`"),
        ("async.data.list.exists(i, i == async.order)", "`async` has no `order`"),
        (
            "event.data.order == async.data.order",
            &format!(
                "`event.data` has no `order`: `event` is the HTTP request that began the run {request}; to compare with \
                 a value of the handler write `.matching(\"data.order\", &order)` (at character 12)"
            ),
        ),
        ("async.data.id == event.data.user.id", "`.matching(\"data.user\", &user)` (at character 29)"),
        ("event['data'][\"order id\"] == 1", "`event.data` has no `order id`"),
        ("event.order == 1", "`event` has no `order`: `event` is the HTTP request"),
        ("has(event.data.order)", "`event.data` has no `order`"),
        ("event['data']['ip'] == 'x'", "only as `event.`"),
        ("event .data.ip == async.data.ip", "only as `event.`"),
    ] {
        refused(expression, problem);
    }
}

#[test]
fn what_is_never_a_yes_or_a_no_is_refused() {
    for (expression, what) in [
        ("'abc'", "a text"),
        (r#""async.data.id == 1""#, "a text"),
        ("r'abc'", "a text"),
        ("1", "a number"),
        (".5", "a number"),
        ("null", "`null`"),
        ("[async.data.a == 1]", "a list"),
        ("{'a': true}", "a map"),
        ("async", "a whole event"),
        ("event", "a whole event"),
        ("async.data.n + 1", "the result of a calculation"),
        ("'order-' + async.data.id", "the result of a calculation"),
        ("async.data.n % 2", "the result of a calculation"),
        ("-async.data.n", "the result of a calculation"),
        ("(2 * (3))", "the result of a calculation"),
        ("async.data.done ? 'yes' : 'no'", "a text"),
        ("async.data.done ? 1 : async.data.open ? 2 : 'no'", "a text"),
        ("size(async.data.list)", "a number"),
        ("async.data.list.size()", "a number"),
        ("async.data.list.filter(i, i > 1)", "a list"),
        ("date(async.data.at).getHours()", "a number"),
        ("lowercase(async.data.id)", "a text"),
        ("now()", "a time"),
        ("duration('1h')", "a duration"),
    ] {
        refused(
            expression,
            &format!("is not valid: it gives {what}, never a yes or a no: write a condition, such as"),
        );
    }
}

#[track_caller]
fn refused(expression: &str, problem: &str) {
    let fault = cel::check(expression).expect_err(expression);
    assert!(fault.contains(problem), "{fault}");
}

#[test]
fn no_text_makes_it_panic() {
    const PIECES: [&str; 22] = [
        "a", "r", "b", "0", "9", ".", "\"", "'", "\\", "x", "u", "e", "é", "🚀", "(", "]", "{", "?", "-",
        "!", " ", "\n",
    ];
    for n in 0..PIECES.len().pow(4) {
        let text: String = (0..4).map(|place| PIECES[n / PIECES.len().pow(place) % PIECES.len()]).collect();
        let _ = cel::check(&text);
    }
}

#[test]
fn paths_are_plain_names_below_an_events_parts() {
    for path in ["data.order_id", "data.order.id", "name", "user.id", "data"] {
        cel::check_path(path).unwrap();
    }
    for path in
        ["", "order_id", "async.data.x", "data.", "data.a b", "data[0]", "data.in", "data.x == 1 || true"]
    {
        assert!(cel::check_path(path).is_err(), "{path}");
    }
}
