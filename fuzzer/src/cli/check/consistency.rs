//! What a history can be held to, by name.

use std::path::Path;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use murphy_checker::transactions::levels::Level;

use crate::cli::exit::Failure;

/// What to hold a history to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Consistency {
    /// An order that respects real time; of transactions: strict serializability.
    Linearizable,
    /// One order for all keys that respects that of each process; of transactions: strong session serializability.
    Sequential,
    /// A level of the isolation of transactions.
    Level(Level),
}

impl Consistency {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Linearizable => "linearizable",
            Self::Sequential => "sequential",
            Self::Level(level) => level.name(),
        }
    }

    /// What it means for transactions.
    pub(super) fn level(self) -> Level {
        match self {
            Self::Linearizable => Level::StrictSerializable,
            Self::Sequential => Level::StrongSessionSerializable,
            Self::Level(level) => level,
        }
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "linearizable" => Some(Self::Linearizable),
            "sequential" => Some(Self::Sequential),
            name => Level::named(name).map(Self::Level),
        }
    }
}

/// One by its name, or by another name of a level.
pub(super) fn consistency() -> impl TypedValueParser<Value = Consistency> {
    let level = |level: &Level| PossibleValue::new(level.name()).aliases(level.aliases());
    let names = ["linearizable", "sequential"].map(PossibleValue::new).into_iter().chain(Level::ALL.iter().map(level));
    PossibleValuesParser::new(names.collect::<Vec<_>>())
        .map(|name| Consistency::named(&name).expect("it is one of them"))
}

/// What a history whose operations are no transactions is held to, of all that was asked.
pub(super) fn of_operations(asked: &[Consistency], path: &Path) -> Result<Consistency, Failure> {
    match asked {
        [] => Ok(Consistency::Linearizable),
        [one @ (Consistency::Linearizable | Consistency::Sequential | Consistency::Level(Level::Causal))] => Ok(*one),
        _ => {
            let what = "is no history of transactions: `--consistency` is `linearizable`, `sequential` or `causal`";
            Err(Failure::WrongForm { path: path.to_path_buf(), what })
        }
    }
}
