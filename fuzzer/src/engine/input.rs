//! A schedule as an input of LibAFL. On disk and between processes it is its canonical bytes, so that files are the same
//! for every fuzzer, and their names for every build.

use std::path::Path;

use libafl::{Error, corpus::CorpusId, inputs::Input};
use murphy_schedule::{Schedule, bytes::BYTES_MAX};
use serde::{Deserialize, Serialize};

use super::folder;
use crate::aside;

/// A schedule to run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<u8>", into = "Vec<u8>")]
pub(crate) struct ScheduleInput(pub(crate) Schedule);

impl From<Vec<u8>> for ScheduleInput {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Schedule::from_bytes(&bytes))
    }
}

impl From<ScheduleInput> for Vec<u8> {
    fn from(input: ScheduleInput) -> Self {
        input.0.to_bytes()
    }
}

impl Input for ScheduleInput {
    fn to_file<P: AsRef<Path>>(&self, path: P) -> Result<(), Error> {
        Ok(aside::write_file(path.as_ref(), &self.0.to_bytes())?)
    }

    fn from_file<P: AsRef<Path>>(path: P) -> Result<Self, Error> {
        Ok(Self::from(folder::read_at_most(path.as_ref(), BYTES_MAX as u64)?))
    }

    fn generate_name(&self, _id: Option<CorpusId>) -> String {
        name(&self.0)
    }
}

/// The name of a schedule in a corpus: 16 hex digits of the hash of its bytes.
pub(crate) fn name(schedule: &Schedule) -> String {
    blake3::hash(&schedule.to_bytes()).to_hex()[..16].to_string()
}

#[cfg(test)]
mod tests {
    use libafl::inputs::Input;
    use murphy_schedule::{Dice, Vocabulary, mutate};

    use super::ScheduleInput;

    #[test]
    fn an_input_survives_a_file_whose_content_is_its_bytes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for seed in 0..20 {
            let input = ScheduleInput(mutate::random(&Vocabulary::default(), &mut Dice::new(seed)));
            let path = folder.path().join(input.generate_name(None));
            input.to_file(&path).expect("written");
            assert_eq!(std::fs::read(&path).expect("read"), input.0.to_bytes());
            assert_eq!(ScheduleInput::from_file(&path).expect("read"), input);
        }
    }
}
