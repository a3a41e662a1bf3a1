//! CEL's grammar, as far as it takes to say yes or no.

use super::Fault;
use super::names::{binds, is_function, is_keyword, is_known, is_reserved};
use super::token::{self, Token};

/// How deep brackets may go; the server's own limit is 250.
const DEPTH: usize = 100;

pub(super) fn check(expression: &str) -> Result<(), Fault> {
    let mut parser = Parser { text: expression, at: 0, next: (Token::End, 0), depth: 0, bound: Vec::new() };
    parser.advance()?;
    if parser.next.0 == Token::End {
        return Err(Fault::new(0, "it is empty"));
    }
    parser.expression()?;
    match parser.next.0 {
        Token::End => Ok(()),
        _ => Err(parser.unexpected("an operator such as `&&`")),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Where the next token begins, and how long it is.
    at: usize,
    next: (Token<'a>, usize),
    depth: usize,
    /// The names that macros have bound.
    bound: Vec<&'a str>,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<Token<'a>, Fault> {
        let (taken, length) = self.next;
        let rest = &self.text[self.at + length..];
        self.at += length + rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']).len();
        self.next = token::read(&self.text[self.at..], self.at)?;
        Ok(taken)
    }

    fn is(&self, symbol: &str) -> bool {
        self.next.0 == Token::Symbol(symbol)
    }

    fn accept(&mut self, symbol: &str) -> Result<bool, Fault> {
        let found = self.is(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, symbol: &str) -> Result<(), Fault> {
        if self.accept(symbol)? { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        let found = match self.next.0 {
            Token::End => "it ends".to_owned(),
            _ => format!("`{}` stands", &self.text[self.at..self.at + self.next.1]),
        };
        Fault::new(self.at, format!("{found} where {wanted} was expected"))
    }

    /// `a`, or `a ? b : c`
    fn expression(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Fault::new(self.at, "it is nested too deeply"));
        }
        self.operations()?;
        if self.accept("?")? {
            self.operations()?;
            self.expect(":")?;
            self.expression()?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// `a && b == c + d`: what binds how tightly does not matter here.
    fn operations(&mut self) -> Result<(), Fault> {
        const BINARY: [&str; 13] = ["||", "&&", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%"];
        loop {
            self.operand()?;
            let goes_on = match self.next.0 {
                Token::Symbol(symbol) => BINARY.contains(&symbol),
                Token::Word(word) => word == "in",
                Token::Literal | Token::End => false,
            };
            if !goes_on {
                return Ok(());
            }
            self.advance()?;
        }
    }

    /// `!a.b[c].d(e)`
    fn operand(&mut self) -> Result<(), Fault> {
        if self.accept("!")? {
            while self.accept("!")? {}
        } else {
            while self.accept("-")? {}
        }
        self.primary()?;
        loop {
            if self.accept(".")? {
                let Token::Word(name) = self.next.0 else { return Err(self.unexpected("a name")) };
                if is_keyword(name) {
                    return Err(self.unexpected("a name"));
                }
                self.advance()?;
                if self.accept("(")? {
                    self.arguments(binds(name))?;
                }
            } else if self.accept("[")? {
                self.expression()?;
                self.expect("]")?;
            } else {
                return Ok(());
            }
        }
    }

    fn primary(&mut self) -> Result<(), Fault> {
        let at = self.at;
        match self.next.0 {
            Token::Literal => self.advance().map(drop),
            Token::Word(word) => {
                if is_keyword(word) && word != "in" {
                    return self.advance().map(drop);
                }
                if is_keyword(word) || is_reserved(word) {
                    return Err(self.unexpected("a value"));
                }
                self.advance()?;
                if !self.accept("(")? {
                    return self.name(word, at);
                }
                if !is_function(word) {
                    return Err(Fault::new(at, format!("there is no function `{word}`")));
                }
                self.arguments(false)
            }
            Token::Symbol("(") => {
                self.advance()?;
                self.expression()?;
                self.expect(")")
            }
            Token::Symbol("[") => {
                self.advance()?;
                self.list("]", Self::expression)
            }
            Token::Symbol("{") => {
                self.advance()?;
                self.list("}", |parser| {
                    parser.expression()?;
                    parser.expect(":")?;
                    parser.expression()
                })
            }
            Token::Symbol(_) | Token::End => Err(self.unexpected("a value")),
        }
    }

    fn name(&self, name: &str, at: usize) -> Result<(), Fault> {
        if is_known(name) || self.bound.contains(&name) {
            return Ok(());
        }
        let problem = format!(
            "there is no `{name}`: the event that comes is `async`, its data `async.data`; texts need quotes"
        );
        Err(Fault::new(at, problem))
    }

    /// After the opening parenthesis. With `binds`, the first argument is a new name.
    fn arguments(&mut self, binds: bool) -> Result<(), Fault> {
        if !binds {
            if self.accept(")")? {
                return Ok(());
            }
            loop {
                self.expression()?;
                if !self.accept(",")? {
                    return self.expect(")");
                }
            }
        }
        let Token::Word(name) = self.next.0 else { return Err(self.unexpected("a new name")) };
        self.advance()?;
        self.bound.push(name);
        while self.accept(",")? {
            self.expression()?;
        }
        self.bound.pop();
        self.expect(")")
    }

    /// Items up to `end`, with a comma after the last or without.
    fn list(&mut self, end: &str, item: impl Fn(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        while !self.is(end) {
            item(self)?;
            if !self.accept(",")? {
                break;
            }
        }
        self.expect(end)
    }
}

#[cfg(test)]
mod tests {
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
    fn no_text_makes_it_panic() {
        const PIECES: [&str; 22] = [
            "a", "r", "b", "0", "9", ".", "\"", "'", "\\", "x", "u", "e", "é", "🚀", "(", "]", "{", "?", "-",
            "!", " ", "\n",
        ];
        for n in 0..PIECES.len().pow(4) {
            let text: String =
                (0..4).map(|place| PIECES[n / PIECES.len().pow(place) % PIECES.len()]).collect();
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
}
