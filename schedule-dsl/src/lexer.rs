//! One line of text as tokens.
//!
//! Lexing never fails: what fits nowhere is a [`Kind::Stray`] token, and the parser complains about it where it stands. A `#`
//! begins a comment unless a digit follows it directly (`#3` is an ordinal); at the start of a line it always does.

/// What sort of token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `crash`, `previous-leader`, `n3`. A `-` belongs to a word only if a letter or digit follows, so that `leader->n3`
    /// is three tokens.
    Word,
    /// Whatever begins with a digit: `17`, `1.2s`, `30%`, `0x5eed`.
    Number,
    /// `"two leaders"`, `previous-"odd role"`.
    Quoted,
    /// `name:3fa2`, `previous-name:3fa2`.
    Hash,
    /// `#3`.
    Nth,
    /// `->` and single characters.
    Mark,
    /// Nothing that a schedule contains.
    Stray,
}

/// A piece of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'t> {
    pub(crate) kind: Kind,
    pub(crate) text: &'t str,
    /// Byte offset in the line.
    pub(crate) at: usize,
}

/// A line, taken apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line<'t> {
    pub(crate) tokens: Vec<Token<'t>>,
    /// From its `#` on.
    pub(crate) comment: Option<&'t str>,
}

/// Takes a line apart.
pub(crate) fn lex(line: &str) -> Line<'_> {
    let mut lexed = Line::default();
    let mut at = 0;
    while let Some(first) = line[at..].chars().next() {
        let rest = &line[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        if first == '#' && (lexed.tokens.is_empty() || !digit_at(rest, 1)) {
            lexed.comment = Some(rest.trim_end());
            break;
        }
        let (kind, length) = token(rest, first);
        lexed.tokens.push(Token { kind, text: &rest[..length], at });
        at += length;
    }
    lexed
}

/// Whether `text` can stand for itself, without quotes.
pub(crate) fn is_identifier(text: &str) -> bool {
    text.starts_with(word_start) && word_length(text) == text.len()
}

fn token(rest: &str, first: char) -> (Kind, usize) {
    match first {
        '#' => (Kind::Nth, 1 + run(&rest[1..], |c| c.is_ascii_alphanumeric())),
        '"' => quoted(rest, 0),
        '0'..='9' => (Kind::Number, run(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '%'))),
        _ if word_start(first) => word(rest),
        '-' if rest.starts_with("->") => (Kind::Mark, 2),
        ':' | ',' | '|' | '{' | '}' | '+' | '-' | '*' | '~' => (Kind::Mark, 1),
        _ => (Kind::Stray, first.len_utf8()),
    }
}

fn word(rest: &str) -> (Kind, usize) {
    let length = word_length(rest);
    match &rest[..length] {
        "name" | "previous-name" if hash_follows(&rest[length..]) => (Kind::Hash, length + 5),
        "previous" if rest[length..].starts_with("-\"") => quoted(rest, length + 1),
        _ => (Kind::Word, length),
    }
}

fn hash_follows(rest: &str) -> bool {
    rest.starts_with(':') && run(&rest[1..], |c| c.is_ascii_hexdigit()) == 4 && run(&rest[1..], word_middle) == 4
}

/// The quoted text whose opening quote stands at `open`.
fn quoted(rest: &str, open: usize) -> (Kind, usize) {
    match rest[open + 1..].find('"') {
        Some(length) => (Kind::Quoted, open + length + 2),
        None => (Kind::Stray, rest.trim_end().len()),
    }
}

fn word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn word_middle(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn word_length(text: &str) -> usize {
    let mut length = run(text, word_middle);
    while text[length..].starts_with('-') && text[length + 1..].starts_with(|c: char| c.is_ascii_alphanumeric()) {
        length += 1 + run(&text[length + 1..], word_middle);
    }
    length
}

fn run(text: &str, accept: impl Fn(char) -> bool) -> usize {
    text.find(|c| !accept(c)).unwrap_or(text.len())
}

fn digit_at(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_some_and(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::lex;

    #[track_caller]
    fn check(line: &str, tokens: &[&str], comment: Option<&str>) {
        let lexed = lex(line);
        assert_eq!(lexed.tokens.iter().map(|token| token.text).collect::<Vec<_>>(), tokens);
        assert_eq!(lexed.comment, comment);
    }

    #[test]
    fn an_arrow_ends_a_word_and_a_hyphen_does_not() {
        check("previous-leader->n3", &["previous-leader", "->", "n3"], None);
        check("leader -> {n1,n2}", &["leader", "->", "{", "n1", ",", "n2", "}"], None);
    }

    #[test]
    fn a_hash_sign_before_a_digit_is_an_ordinal_unless_it_begins_the_line() {
        check("n1 sync #3 # twice", &["n1", "sync", "#3"], Some("# twice"));
        check("#3 is a comment", &[], Some("#3 is a comment"));
    }

    #[test]
    fn names_by_hash_and_in_quotes_are_one_token_each() {
        check("name:3fa2 previous-name:00ff", &["name:3fa2", "previous-name:00ff"], None);
        check("name: x", &["name", ":", "x"], None);
        check("\"a # b\" previous-\"odd role\"", &["\"a # b\"", "previous-\"odd role\""], None);
    }

    #[test]
    fn strange_characters_are_tokens_too() {
        check("é \"open", &["é", "\"open"], None);
        check("a- b", &["a", "-", "b"], None);
    }
}
