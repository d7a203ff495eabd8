//! `murphy init`: a crate with a small system, its target, its tests and its CI, to be replaced by one's own, file by file; or what a
//! crate that is there lacks of it.
//!
//! The system has one mistake, which the first campaign finds. README walks through the same files, and a test holds both together.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    InitArguments,
    exit::{Exit, Failure, put},
};

/// A file of the crate, and the name that it has there.
type Template = (&'static str, &'static str);

/// What a crate needs besides a target.
const TESTS: [Template; 3] = [
    ("tests/murphy.rs", include_str!("init/tests.rs.txt")),
    (".github/workflows/murphy.yml", include_str!("init/workflow.yml.txt")),
    ("crashes/README.md", include_str!("../../../crashes/README.md")),
];

/// What a crate of its own needs, too.
const CRATE: [Template; 5] = [
    ("Cargo.toml", include_str!("init/cargo.toml.txt")),
    ("src/lib.rs", include_str!("init/lib.rs.txt")),
    ("src/main.rs", include_str!("init/main.rs.txt")),
    ("src/system.rs", include_str!("init/system.rs.txt")),
    (".gitignore", include_str!("init/gitignore.txt")),
];

/// How the crate and the target of the templates are called.
const NAME: &str = "mirror";

/// Writes a crate, or what one lacks. Nothing is written if any of the files is there.
pub(super) fn init(arguments: &InitArguments, json: bool) -> Result<Exit, Failure> {
    let folder = &arguments.folder;
    let there = fs::read_to_string(folder.join("Cargo.toml")).ok();
    let name = match &there {
        Some(manifest) => package(manifest),
        None => fs::canonicalize(folder).ok().or_else(|| Some(folder.clone())).as_deref().and_then(file_name),
    };
    let name = name.filter(|name| is_package(name)).ok_or_else(|| Failure::NoPackage(folder.clone()))?;
    let needed = if there.is_some() { &[][..] } else { &CRATE };
    let dependency = arguments.target_crate.as_deref().map(dependency).transpose()?.unwrap_or_default();
    let templates = needed.iter().chain(&TESTS);
    let files: Vec<(PathBuf, String)> =
        templates.map(|(path, text)| (folder.join(path), adapted(text, &name, &dependency))).collect();
    let taken: Vec<PathBuf> = files.iter().map(|(path, _)| path.clone()).filter(|path| path.exists()).collect();
    if !taken.is_empty() {
        return Err(Failure::Taken(taken));
    }
    for (path, text) in &files {
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(Failure::file("create", parent))?;
        fs::write(path, text).map_err(Failure::file("write", path))?;
    }
    put(&if json {
        let files: Vec<&PathBuf> = files.iter().map(|(path, _)| path).collect();
        json!({ "schema": "murphy/init/1", "name": name, "files": files }).to_string()
    } else {
        let list: Vec<String> = files.iter().map(|(path, _)| format!("  {}", path.display())).collect();
        format!("{}\n\n{}", list.join("\n"), next(&name, folder, there.is_some()))
    });
    Ok(Exit::Clean)
}

/// A template with the names of this crate, and with one more dependency where there are some.
fn adapted(text: &str, name: &str, dependency: &str) -> String {
    let identifier = name.replace('-', "_");
    let text = text.replace("mirror::System", &format!("{identifier}::System")).replace(NAME, name);
    text.replace("[dependencies]\n", &format!("[dependencies]\n{dependency}"))
}

/// The line by which a crate depends on one that lies in a folder.
fn dependency(folder: &Path) -> Result<String, Failure> {
    let path = folder.join("Cargo.toml");
    let manifest = fs::read_to_string(&path).map_err(Failure::file("read", &path))?;
    let name = package(&manifest).ok_or_else(|| Failure::NoPackage(folder.to_path_buf()))?;
    let folder = fs::canonicalize(folder).map_err(Failure::file("find", folder))?;
    Ok(format!("{name} = {{ path = {:?} }}\n", folder.display().to_string()))
}

/// What to do now.
fn next(name: &str, folder: &Path, was_there: bool) -> String {
    let folder = folder.display();
    if was_there {
        return format!(
            "add to {folder}/Cargo.toml   murphy = {{ version = \"0.1\", default-features = false, features = [\"cli\"] }}\n\
             and implement murphy::Target for a `System` in src/lib.rs: `murphy init` in an empty folder shows how"
        );
    }
    format!(
        "cd {folder}\ncargo run -- fuzz {name} --until-first    finds the mistake that src/system.rs has\n\
         cargo test                               fails as long as it is there"
    )
}

fn file_name(path: &Path) -> Option<String> {
    path.file_name().map(|name| name.to_string_lossy().into_owned())
}

/// Whether cargo takes it as the name of a package, more or less.
fn is_package(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// The name of the package that a `Cargo.toml` describes.
fn package(manifest: &str) -> Option<String> {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[package]").skip(1);
    let line = lines.find(|line| line.split('=').next().is_some_and(|key| key.trim() == "name"))?;
    Some(line.split('"').nth(1)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::{is_package, package};

    #[test]
    fn the_name_of_a_package_is_read() {
        assert_eq!(
            package("[workspace]\nname = \"no\"\n[package]\nversion = \"1\"\nname = \"my-kv\"\n"),
            Some("my-kv".into())
        );
        assert_eq!(package("[workspace]\n"), None);
        assert!(is_package("my-kv") && !is_package("7up") && !is_package("a b") && !is_package(""));
    }
}
