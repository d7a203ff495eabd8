//! Which values a transaction looks for when it reads by a predicate, and what it found.

use super::{Deed, Micro, Names, Value, Values};

/// What a value has to be like. What was never written, or was deleted, fits none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Predicate {
    /// Anything.
    Any,
    /// This very value.
    Equals(u64),
    /// A number that leaves this remainder when it is divided by that.
    Modulo(u64, u64),
    /// A greater number.
    Greater(u64),
    /// A smaller number.
    Less(u64),
}

impl Predicate {
    /// Whether a value fits. Words are equal to themselves and otherwise to be compared with nothing.
    pub fn fits(self, value: u64) -> bool {
        let number = value.cast_signed();
        match self {
            Self::Any => true,
            Self::Equals(other) => value == other,
            Self::Modulo(by, rest) => {
                Names::is_number(value) && number.checked_rem_euclid(by.cast_signed()) == Some(rest.cast_signed())
            }
            Self::Greater(than) => Names::is_number(value) && number > than.cast_signed(),
            Self::Less(than) => Names::is_number(value) && number < than.cast_signed(),
        }
    }

    /// The predicate of this word and these numbers: `true`, `=`, `mod`, `>`, `<`.
    pub(crate) fn new(word: &str, numbers: &[u64]) -> Option<Self> {
        match (word, numbers) {
            ("true", []) => Some(Self::Any),
            ("=", [value]) => Some(Self::Equals(*value)),
            ("mod", [by, rest]) => Some(Self::Modulo(*by, *rest)),
            (">", [than]) => Some(Self::Greater(*than)),
            ("<", [than]) => Some(Self::Less(*than)),
            _ => None,
        }
    }

    /// Its word and its numbers.
    pub(crate) fn spelled(self) -> (&'static str, Vec<u64>) {
        match self {
            Self::Any => ("true", vec![]),
            Self::Equals(value) => ("=", vec![value]),
            Self::Modulo(by, rest) => ("mod", vec![by, rest]),
            Self::Greater(than) => (">", vec![than]),
            Self::Less(than) => ("<", vec![than]),
        }
    }

    fn words(self) -> [u64; 3] {
        match self {
            Self::Any => [0, 0, 0],
            Self::Equals(value) => [1, value, 0],
            Self::Modulo(by, rest) => [2, by, rest],
            Self::Greater(than) => [3, than, 0],
            Self::Less(than) => [4, than, 0],
        }
    }

    fn from_words(words: &[u64]) -> Option<Self> {
        match *words {
            [0, ..] => Some(Self::Any),
            [1, value, _] => Some(Self::Equals(value)),
            [2, by, rest] => Some(Self::Modulo(by, rest)),
            [3, than, _] => Some(Self::Greater(than)),
            [4, than, _] => Some(Self::Less(than)),
            _ => None,
        }
    }
}

impl Values {
    /// The part of a transaction that reads by `predicate`, and the objects that it found with their values, if that is known.
    pub fn search(&mut self, predicate: Predicate, found: Option<&[(u32, Value)]>) -> Micro {
        let words = self.list(&predicate.words());
        let part = |value| Micro { deed: Deed::Match, key: 0, value };
        let Some(found) = found else { return part(words) };
        let reads = found.iter().map(|(key, value)| Micro { deed: Deed::Read, key: *key, value: *value });
        let parts: Vec<Micro> = [part(words)].into_iter().chain(reads).collect();
        part(self.transaction(&parts))
    }

    /// The predicate of a [`search`](Self::search), and what it found: a [`Deed::Read`] of each object.
    pub fn searched(&self, micro: &Micro) -> Option<(Predicate, Option<&[Micro]>)> {
        match self.micros(micro.value) {
            [head, found @ ..] => Some((Predicate::from_words(self.numbers(&head.value))?, Some(found))),
            [] => Some((Predicate::from_words(self.numbers(&micro.value))?, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_predicate_fits_what_it_says() {
        let fits = |word: &str, numbers: &[u64]| {
            let predicate = Predicate::new(word, numbers).expect("there is such a predicate");
            assert_eq!(Predicate::from_words(&predicate.words()), Some(predicate));
            assert_eq!(Predicate::new(predicate.spelled().0, &predicate.spelled().1), Some(predicate));
            (0..5).filter(|value| predicate.fits(*value)).collect::<Vec<u64>>()
        };
        assert_eq!(fits("true", &[]), [0, 1, 2, 3, 4]);
        assert_eq!(fits("=", &[2]), [2]);
        assert_eq!(fits("mod", &[2, 1]), [1, 3]);
        assert_eq!(fits("mod", &[0, 1]), [0; 0]);
        assert_eq!(fits(">", &[2]), [3, 4]);
        assert_eq!(fits("<", &[2]), [0, 1]);
        assert!(Predicate::Less(1).fits((-1_i64).cast_unsigned()));
    }

    #[test]
    fn a_search_is_a_part_of_a_transaction() {
        let mut values = Values::default();
        let open = values.search(Predicate::Equals(3), None);
        assert_eq!(values.searched(&open), Some((Predicate::Equals(3), None)));
        let none = values.search(Predicate::Any, Some(&[]));
        assert_eq!(values.searched(&none), Some((Predicate::Any, Some(&[][..]))));
        let some = values.search(Predicate::Any, Some(&[(7, Value::Int(1))]));
        let mut other = Values::default();
        let there = Micro { value: other.import(some.value, &values), ..some };
        let found = Micro { deed: Deed::Read, key: 7, value: Value::Int(1) };
        assert_eq!(other.searched(&there), Some((Predicate::Any, Some(&[found][..]))));
    }
}
