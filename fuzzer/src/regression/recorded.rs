//! What a folder says of its finding as it was when it was filed.

use std::{ffi::OsStr, fs, path::Path};

use serde_json::Value;

use crate::finding::KEY_VERSION;

/// What is known of a finding as it was filed. What a folder does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Class and anomaly, if the folder has its verdict.
    pub anomaly: Option<(String, String)>,
    /// Kinds of faults with the roles of those they struck, in order.
    pub struck: Vec<String>,
    /// The keyword of each step that had an effect; `None`: it was not recorded.
    pub fired: Option<Vec<String>>,
    /// The name of the program that found it, which has the commands.
    pub program: Option<String>,
}

impl Recorded {
    /// What the folder at `path` says, whose `meta.json` is `meta`.
    pub fn read(path: &Path, meta: Option<&Value>) -> Self {
        let verdict = fs::read(path.join("verdict.json")).ok();
        let verdict: Value = verdict.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let meta = meta.unwrap_or(&Value::Null);
        let text = |value: &Value| value.as_str().map(str::to_string);
        let fired = meta["faults_that_fired"].as_array();
        // Skeletons of another version are made in another way.
        let skeleton = meta["skeleton"].as_str().filter(|_| meta["key_version"] == KEY_VERSION);
        Self {
            anomaly: text(&verdict["class"]).zip(text(&verdict["anomaly"])),
            struck: skeleton.map(parts).unwrap_or_default(),
            fired: fired.map(|fired| fired.iter().filter_map(text).collect()),
            program: meta["command"].as_str().and_then(program),
        }
    }
}

/// The parts of a skeleton: `crash(leader) partition(leader|follower)` has two. A role may have a space in its name.
pub(super) fn parts(skeleton: &str) -> Vec<String> {
    skeleton.split_inclusive(')').map(|part| part.trim().to_string()).filter(|part| !part.is_empty()).collect()
}

/// The name of the program in a command line.
fn program(command: &str) -> Option<String> {
    let word = command.split_whitespace().next()?;
    Path::new(word).file_stem().map(OsStr::to_string_lossy).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn a_role_may_have_a_space_in_its_name() {
        assert_eq!(parts("crash(lock server) cut(store|idle)"), ["crash(lock server)", "cut(store|idle)"]);
        assert_eq!(parts(""), Vec::<String>::new());
    }
}
