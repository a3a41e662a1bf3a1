//! CEL's grammar, as far as it takes to say yes or no.

use super::Problem;
use super::fields::{Fields, plain_text};
use super::gives::{Gives, no_method};
use super::names::{binds, is_keyword, is_known, is_reserved};
use super::token::{self, Token};
use crate::untrusted::shown;

/// What no yes or no comes of: a sum, a joined text, a sign.
const CALCULATED: Gives = Gives::Never("the result of a calculation");

/// How deep brackets may go; the server's own limit is 250.
const DEPTH: usize = 100;

pub(super) fn check(expression: &str) -> Result<(), Problem> {
    let mut parser = Parser {
        text: expression,
        at: 0,
        next: (Token::End, 0),
        depth: 0,
        bound: Vec::new(),
        event_at: None,
    };
    parser.advance()?;
    if parser.next.0 == Token::End {
        return Err(Problem::new(0, "it is empty"));
    }
    let start = parser.at;
    let gives = parser.expression()?;
    match (parser.next.0, gives) {
        (Token::End, Gives::Perhaps) => match parser.event_at {
            // The server looks for this text, and puts the run's own event in nowhere else.
            Some(at) if !expression.contains("event.") => {
                let problem = "Inngest knows the run's own event only as `event.`: write `event.data.…`, with a dot and \
                               without a space";
                Err(Problem::new(at, problem))
            }
            _ => Ok(()),
        },
        (Token::End, Gives::Never(what)) => {
            let problem = format!(
                "it gives {what}, never a yes or a no: write a condition, such as `async.data.amount > 100`"
            );
            Err(Problem::new(start, problem))
        }
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
    /// Where the run's own event is named.
    event_at: Option<usize>,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<Token<'a>, Problem> {
        let (taken, length) = self.next;
        let rest = &self.text[self.at + length..];
        self.at += length + rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']).len();
        self.next = token::read(&self.text[self.at..], self.at)?;
        Ok(taken)
    }

    fn is(&self, symbol: &str) -> bool {
        self.next.0 == Token::Symbol(symbol)
    }

    fn accept(&mut self, symbol: &str) -> Result<bool, Problem> {
        let found = self.is(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, symbol: &str) -> Result<(), Problem> {
        if self.accept(symbol)? { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> Problem {
        let found = match self.next.0 {
            Token::End => "it ends".to_owned(),
            _ => format!("`{}` stands", shown(&self.text[self.at..self.at + self.next.1])),
        };
        Problem::new(self.at, format!("{found} where {wanted} was expected"))
    }

    /// `a`, or `a ? b : c`
    fn expression(&mut self) -> Result<Gives, Problem> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Problem::new(self.at, "it is nested too deeply"));
        }
        let mut gives = self.operations()?;
        if self.accept("?")? {
            let first = self.operations()?;
            self.expect(":")?;
            gives = first.or(self.expression()?);
        }
        self.depth -= 1;
        Ok(gives)
    }

    /// `a && b == c + d`: of what binds how tightly, only that calculations bind most tightly
    /// matters here.
    fn operations(&mut self) -> Result<Gives, Problem> {
        const CONDITIONS: [&str; 8] = ["||", "&&", "==", "!=", "<=", ">=", "<", ">"];
        const CALCULATIONS: [&str; 5] = ["+", "-", "*", "/", "%"];
        let mut gives = self.operand()?;
        let mut is_condition = false;
        loop {
            match self.next.0 {
                Token::Symbol(symbol) if CONDITIONS.contains(&symbol) => is_condition = true,
                Token::Word("in") => is_condition = true,
                Token::Symbol(symbol) if CALCULATIONS.contains(&symbol) => gives = CALCULATED,
                _ => return Ok(if is_condition { Gives::Perhaps } else { gives }),
            }
            self.advance()?;
            self.operand()?;
        }
    }

    /// `!a.b[c].d(e)`
    fn operand(&mut self) -> Result<Gives, Problem> {
        let mut is_condition = false;
        let mut is_negative = false;
        if self.is("!") {
            is_condition = true;
            while self.accept("!")? {}
        } else {
            while self.accept("-")? {
                is_negative = !is_negative;
            }
        }
        let gives = self.value()?;
        Ok(match (is_condition, is_negative) {
            (true, _) => Gives::Perhaps,
            (false, true) => CALCULATED,
            (false, false) => gives,
        })
    }

    /// `a.b[c].d(e)`
    fn value(&mut self) -> Result<Gives, Problem> {
        let (mut gives, mut fields) = self.primary()?;
        loop {
            if self.accept(".")? {
                let at = self.at;
                let Token::Word(name) = self.next.0 else { return Err(self.unexpected("a name")) };
                if is_keyword(name) {
                    return Err(self.unexpected("a name"));
                }
                self.advance()?;
                if self.accept("(")? {
                    gives = Gives::method(name).ok_or_else(|| Problem::new(at, no_method(name)))?;
                    fields = Fields::Any;
                    self.arguments(binds(name))?;
                } else {
                    gives = Gives::Perhaps;
                    fields = fields.field(name).map_err(|problem| Problem::new(at, problem))?;
                }
            } else if self.accept("[")? {
                let index = self.at;
                self.expression()?;
                let key = plain_text(self.text[index..self.at].trim_end());
                self.expect("]")?;
                gives = Gives::Perhaps;
                fields = match key {
                    Some(key) => fields.field(key).map_err(|problem| Problem::new(index, problem))?,
                    None => Fields::Any,
                };
            } else {
                return Ok(gives);
            }
        }
    }

    fn primary(&mut self) -> Result<(Gives, Fields), Problem> {
        let (at, length) = (self.at, self.next.1);
        let gives = match self.next.0 {
            Token::Literal => {
                self.advance()?;
                Gives::literal(&self.text[at..at + length])
            }
            Token::Word(word) => {
                if is_keyword(word) && word != "in" {
                    self.advance()?;
                    let gives = if word == "null" { Gives::Never("`null`") } else { Gives::Perhaps };
                    return Ok((gives, Fields::Any));
                }
                if is_keyword(word) || is_reserved(word) {
                    return Err(self.unexpected("a value"));
                }
                self.advance()?;
                if !self.accept("(")? {
                    return self.name(word, at);
                }
                let gives = Gives::function(word)
                    .ok_or_else(|| Problem::new(at, format!("there is no function `{}`", shown(word))))?;
                self.arguments(false)?;
                gives
            }
            Token::Symbol("(") => {
                self.advance()?;
                let gives = self.expression()?;
                self.expect(")")?;
                gives
            }
            Token::Symbol("[") => {
                self.advance()?;
                self.list("]", |parser| parser.expression().map(drop))?;
                Gives::Never("a list")
            }
            Token::Symbol("{") => {
                self.advance()?;
                self.list("}", |parser| {
                    parser.expression()?;
                    parser.expect(":")?;
                    parser.expression().map(drop)
                })?;
                Gives::Never("a map")
            }
            Token::Symbol(_) | Token::End => return Err(self.unexpected("a value")),
        };
        Ok((gives, Fields::Any))
    }

    fn name(&mut self, name: &str, at: usize) -> Result<(Gives, Fields), Problem> {
        if self.bound.contains(&name) {
            return Ok((Gives::Perhaps, Fields::Any));
        }
        if is_known(name) {
            let fields = Fields::named(name);
            if fields == Fields::Event {
                self.event_at.get_or_insert(at);
            }
            let gives = if fields == Fields::Any { Gives::Perhaps } else { Gives::Never("a whole event") };
            return Ok((gives, fields));
        }
        let problem = format!(
            "there is no `{}`: the event that comes is `async`, its data `async.data`; texts need quotes",
            shown(name)
        );
        Err(Problem::new(at, problem))
    }

    /// After the opening parenthesis. With `binds`, the first argument is a new name.
    fn arguments(&mut self, binds: bool) -> Result<(), Problem> {
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
    fn list(&mut self, end: &str, item: impl Fn(&mut Self) -> Result<(), Problem>) -> Result<(), Problem> {
        while !self.is(end) {
            item(self)?;
            if !self.accept(",")? {
                break;
            }
        }
        self.expect(end)
    }
}
