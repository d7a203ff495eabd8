//! The text form of invariants. Hand-written, one function for each rule of the grammar in [`super`].

use std::{fmt, iter::Peekable, str::CharIndices, sync::Arc, vec};

use thiserror::Error;

use super::{
    Clause, Invariant, Scope, Trigger,
    expression::{Expression, Fold, Moment, Operator, at_moment},
    state::Datum,
};
use crate::edn::Place;

/// Why a text is no list of invariants, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: found {found}, expected {expected}")]
pub struct InvariantError {
    /// Where in the text.
    pub place: Place,
    /// What stands there.
    pub found: String,
    /// What could.
    pub expected: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Number(i128),
    Sign(&'static str),
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "`{word}`"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(number) => write!(f, "`{number}`"),
            Self::Sign(sign) => write!(f, "`{sign}`"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// Longer ones first.
const SIGNS: [&str; 21] =
    ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]", "{", "}", ":", ","];

/// Words that are no names of fields.
pub(super) const RESERVED: [&str; 10] =
    ["true", "false", "nil", "and", "or", "not", "on", "for", "system_wide", "invariant"];

/// So deep may expressions be nested.
const DEPTH_MAX: u32 = 64;
/// So many names and values may one condition have: each that is joined to others makes it a level deeper for whoever goes through it.
const TERMS_MAX: u32 = 1000;

/// Reads invariants; `#` begins a comment.
///
/// # Errors
/// At the first word that does not fit, with what would.
pub fn parse(text: &str) -> Result<Vec<Invariant>, InvariantError> {
    let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable(), depth: 0, terms: 0 };
    let mut all: Vec<Invariant> = Vec::new();
    while parser.peek() != Token::End {
        let place = parser.place();
        let invariant = parser.invariant()?;
        if all.iter().any(|other| other.name == invariant.name) {
            let found = format!("a second invariant {:?}", invariant.name);
            return Err(InvariantError { place, found, expected: "a name of its own".into() });
        }
        all.push(invariant);
    }
    if all.is_empty() { Err(parser.wrong("`invariant`")) } else { Ok(all) }
}

fn tokens(text: &str) -> Result<Vec<(Token, Place)>, InvariantError> {
    let mut tokens = Vec::new();
    let mut end = Place { line: 1, column: 1 };
    for (row, line) in text.lines().enumerate() {
        let (mut rest, mut column) = (line, 1);
        loop {
            let gap = rest.len() - rest.trim_start().len();
            column += rest[..gap].chars().count();
            rest = &rest[gap..];
            let place = Place { line: row + 1, column };
            end = place;
            if rest.is_empty() || rest.starts_with('#') {
                break;
            }
            let (token, length) = token(rest).map_err(|(found, expected)| InvariantError {
                place,
                found,
                expected: expected.to_string(),
            })?;
            tokens.push((token, place));
            column += rest[..length].chars().count();
            rest = &rest[length..];
        }
    }
    tokens.push((Token::End, end));
    Ok(tokens)
}

/// Whether a word can have this character in it.
fn word_like(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.')
}

/// Whether a text is a word as it stands.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(word_like) && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// The token that `rest` begins with, and its length in bytes.
fn token(rest: &str) -> Result<(Token, usize), (String, &'static str)> {
    let length = rest.find(|c| !word_like(c)).unwrap_or(rest.len());
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest[..digits].parse().map_err(|_| (format!("`{}`", &rest[..digits]), "a number below 2^127"))?;
        return Ok((Token::Number(number), digits));
    }
    if length > 0 {
        return Ok((Token::Word(rest[..length].to_string()), length));
    }
    if rest.starts_with('"') {
        return quoted(rest).ok_or_else(|| ("a text without an end".to_string(), "`\"` on the same line"));
    }
    let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
    let first = rest.chars().next().unwrap_or_default();
    sign.map(|sign| (Token::Sign(sign), sign.len()))
        .ok_or_else(|| (format!("`{first}`"), "a name, a number, a text or a sign"))
}

/// A text in quotes.
fn quoted(rest: &str) -> Option<(Token, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices();
    chars.next();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((Token::Text(text), at + 1)),
            '\\' => text.push(escaped(&mut chars)?),
            c => text.push(c),
        }
    }
    None
}

/// What a backslash makes of what follows it: what Rust does, in whose way texts are printed; else the next character as it is.
fn escaped(chars: &mut CharIndices<'_>) -> Option<char> {
    Some(match chars.next()?.1 {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        'u' => match coded(chars.as_str()) {
            Some((code, c)) => {
                chars.nth(code + 1);
                c
            }
            None => 'u',
        },
        c => c,
    })
}

/// The character whose hexadecimal code stands here in braces, and how many digits that has.
fn coded(rest: &str) -> Option<(usize, char)> {
    let code = rest.strip_prefix('{')?;
    let length = code.find(|c: char| !c.is_ascii_hexdigit())?;
    let c = char::from_u32(u32::from_str_radix(&code[..length], 16).ok()?)?;
    code[length..].starts_with('}').then_some((length, c))
}

struct Parser {
    tokens: Peekable<vec::IntoIter<(Token, Place)>>,
    depth: u32,
    /// Names and values of the condition so far.
    terms: u32,
}

type Parsed<T> = Result<T, InvariantError>;

impl Parser {
    fn peek(&mut self) -> Token {
        self.tokens.peek().map_or(Token::End, |(token, _)| token.clone())
    }

    fn place(&mut self) -> Place {
        self.tokens.peek().map_or(Place { line: 1, column: 1 }, |(_, place)| *place)
    }

    fn wrong(&mut self, expected: impl Into<String>) -> InvariantError {
        InvariantError { place: self.place(), found: self.peek().to_string(), expected: expected.into() }
    }

    fn next(&mut self) {
        if self.peek() != Token::End {
            self.tokens.next();
        }
    }

    fn takes(&mut self, token: &Token) -> bool {
        let is = self.peek() == *token;
        if is {
            self.next();
        }
        is
    }

    fn takes_word(&mut self, word: &str) -> bool {
        self.takes(&Token::Word(word.into()))
    }

    fn takes_sign(&mut self, sign: &'static str) -> bool {
        self.takes(&Token::Sign(sign))
    }

    fn sign(&mut self, sign: &'static str) -> Parsed<()> {
        if self.takes_sign(sign) { Ok(()) } else { Err(self.wrong(format!("`{sign}`"))) }
    }

    fn word(&mut self, word: &str) -> Parsed<()> {
        if self.takes_word(word) { Ok(()) } else { Err(self.wrong(format!("`{word}`"))) }
    }

    fn text(&mut self, what: &str) -> Parsed<String> {
        let Token::Text(text) = self.peek() else { return Err(self.wrong(format!("{what} in quotes"))) };
        self.next();
        Ok(text)
    }

    fn number(&mut self, what: &str) -> Parsed<i128> {
        let Token::Number(number) = self.peek() else { return Err(self.wrong(what)) };
        self.next();
        Ok(number)
    }

    /// A name, plain or in quotes, or a number as a name, in parentheses.
    fn named(&mut self, what: &str) -> Parsed<Arc<str>> {
        self.sign("(")?;
        let name: Arc<str> = match self.peek() {
            Token::Word(name) | Token::Text(name) => name.into(),
            Token::Number(number) => number.to_string().into(),
            Token::Sign(_) | Token::End => return Err(self.wrong(what)),
        };
        self.next();
        self.sign(")")?;
        Ok(name)
    }

    fn invariant(&mut self) -> Parsed<Invariant> {
        self.word("invariant")?;
        let name = self.text("a name")?;
        let mut invariant = Invariant { name, when: Vec::new(), priority: 0, clauses: Vec::new() };
        while self.takes_sign(",") {
            self.option(&mut invariant)?;
        }
        if invariant.when.is_empty() {
            invariant.when.push(Trigger::Operation);
        }
        self.sign(":")?;
        self.sign("{")?;
        while !self.takes_sign("}") {
            invariant.clauses.push(self.clause()?);
        }
        if invariant.clauses.is_empty() { Err(self.wrong("a condition before this")) } else { Ok(invariant) }
    }

    fn option(&mut self, invariant: &mut Invariant) -> Parsed<()> {
        if self.takes_word("priority") {
            let place = self.place();
            let number = self.number("a number from 0 to 255")?;
            let wrong = |_| InvariantError {
                place,
                found: format!("`{number}`"),
                expected: "a number from 0 to 255".to_string(),
            };
            invariant.priority = u8::try_from(number).map_err(wrong)?;
            return Ok(());
        }
        let trigger = if self.takes_word("every") { self.period()? } else { self.occasion()? };
        invariant.when.push(trigger);
        Ok(())
    }

    fn period(&mut self) -> Parsed<Trigger> {
        let place = self.place();
        let number = self.number("a number of milliseconds")?;
        self.word("ms")?;
        let nanos =
            u64::try_from(number).ok().and_then(|number| number.checked_mul(1_000_000)).filter(|nanos| *nanos > 0);
        let expected = "at least 1 and fewer than 2^44 milliseconds".to_string();
        nanos.map(Trigger::Every).ok_or_else(|| InvariantError { place, found: format!("`{number}`"), expected })
    }

    fn occasion(&mut self) -> Parsed<Trigger> {
        if !self.takes_word("on") {
            return Err(self.wrong("`every`, `on` or `priority`"));
        }
        for (word, trigger) in [("operation", Trigger::Operation), ("fault", Trigger::Fault), ("step", Trigger::Step)] {
            if self.takes_word(word) {
                return Ok(trigger);
            }
        }
        if self.takes_word("event") {
            return Ok(Trigger::Event(self.text("the event's name")?.into()));
        }
        if self.takes_word("mark") {
            return Ok(Trigger::Mark(self.text("the mark's name")?.into()));
        }
        Err(self.wrong("`operation`, `fault`, `step`, `event` or `mark`"))
    }

    fn clause(&mut self) -> Parsed<Clause> {
        let scope = self.scope()?;
        self.terms = 0;
        let condition = self.expression()?;
        Ok(Clause { scope, condition })
    }

    fn scope(&mut self) -> Parsed<Scope> {
        let scope = if self.takes_word("on") {
            if self.takes_word("every") {
                self.word("object")?;
                Scope::EveryObject
            } else {
                self.word("object")?;
                Scope::Object(self.named("the name of an object")?)
            }
        } else if self.takes_word("for") {
            self.word("group")?;
            Scope::Group(self.named("the name of a group")?)
        } else if self.takes_word("system_wide") {
            Scope::System
        } else {
            return Ok(Scope::System);
        };
        self.sign(":")?;
        Ok(scope)
    }

    fn expression(&mut self) -> Parsed<Expression> {
        self.deeper(|parser| parser.binary(1))
    }

    /// Goes one level down, unless there are too many.
    fn deeper(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<Expression>) -> Parsed<Expression> {
        if self.depth >= DEPTH_MAX {
            return Err(self.wrong(format!("at most {DEPTH_MAX} levels of nesting")));
        }
        self.depth += 1;
        let expression = inner(self);
        self.depth -= 1;
        expression
    }

    /// What is joined by operators that bind at least so tightly.
    fn binary(&mut self, least: u8) -> Parsed<Expression> {
        let mut left = if least == 3 && self.takes_word("not") {
            self.deeper(|parser| parser.binary(3))?.negated()
        } else if least > 6 {
            return self.unary();
        } else {
            self.binary(least + 1)?
        };
        while let Some(operator) = self.operator(least) {
            self.next();
            left = left.with(operator, self.binary(least + 1)?);
            if operator.compares() {
                if self.operator(least).is_some() {
                    return Err(self.wrong("`and`, `or` or the end of the condition: comparisons do not chain"));
                }
                break;
            }
        }
        Ok(left)
    }

    /// The operator that comes next, if it binds just so.
    fn operator(&mut self, binds: u8) -> Option<Operator> {
        let word = match self.peek() {
            Token::Word(word) => word,
            Token::Sign("&&") => "and".to_string(),
            Token::Sign("||") => "or".to_string(),
            Token::Sign(sign) => sign.to_string(),
            Token::Text(_) | Token::Number(_) | Token::End => return None,
        };
        Operator::ALL.into_iter().find(|operator| operator.word() == word && operator.binds() == binds)
    }

    fn unary(&mut self) -> Parsed<Expression> {
        if self.takes_sign("-") {
            let inner = self.deeper(Self::unary)?;
            return Ok(match inner {
                Expression::Literal(Datum::Int(number)) => Expression::Literal(Datum::Int(-number)),
                inner => Expression::Negative(Box::new(inner)),
            });
        }
        let mut expression = self.primary()?;
        while self.takes_sign("[") {
            let id = self.expression()?;
            self.sign("]")?;
            expression = Expression::At(Box::new(expression), Box::new(id));
        }
        Ok(expression)
    }

    fn primary(&mut self) -> Parsed<Expression> {
        self.terms += 1;
        if self.terms > TERMS_MAX {
            return Err(self.wrong(format!("at most {TERMS_MAX} names and values in a condition")));
        }
        let expected = "a name, a number, a text, `read`, `count`, `sum`, `min`, `max` or `(`";
        let token = self.peek();
        if token == Token::Sign("(") {
            self.next();
            let inner = self.expression()?;
            self.sign(")")?;
            return Ok(inner);
        }
        let expression = match &token {
            Token::Number(number) => Expression::Literal(Datum::Int(*number)),
            Token::Text(text) => Expression::Literal(text.as_str().into()),
            Token::Word(word) => match word.as_str() {
                "true" | "false" => Expression::Literal(Datum::Bool(word == "true")),
                "nil" => Expression::Literal(Datum::Nil),
                word if RESERVED.contains(&word) => return Err(self.wrong(expected)),
                _ => return self.name(word),
            },
            Token::Sign(_) | Token::End => return Err(self.wrong(expected)),
        };
        self.next();
        Ok(expression)
    }

    fn name(&mut self, word: &str) -> Parsed<Expression> {
        self.next();
        let (moment, name) = at_moment(word);
        if self.peek() != Token::Sign("(") {
            return Ok(Expression::Field(moment, name.into()));
        }
        if name == "read" {
            return Ok(Expression::Read(moment, self.named("the name of an object")?));
        }
        let fold = Fold::ALL.into_iter().find(|fold| fold.word() == name && moment == Moment::New);
        let Some(fold) = fold else { return Err(self.wrong(format!("no parentheses: `{word}` is no function"))) };
        let field = self.named("the name of a field")?;
        let (moment, field) = at_moment(&field);
        Ok(Expression::Fold(fold, moment, field.into()))
    }
}
