//! The rules of the house that a machine can hold: who may wait, who may name whom, sizes, names,
//! and that ARCHITECTURE.md tells the truth about what exists.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// A core file grows because nobody stopped it.
const FILE_LINES_MAX: usize = 800;

/// Names that say nothing about what is inside.
const BANNED_FILE_STEMS: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "manager", "misc", "types"];

/// Files and directories whose code may wait: the port, the assembly, the command line.
const MAY_WAIT: &[&str] =
    &["src/io/", "src/server.rs", "src/server/", "src/cli/", "src/main.rs", "src/config/"];

/// What only those may name.
const WAITING: &[&str] = &[
    "async fn",
    "async move",
    ".await",
    "glommio::",
    "std::fs",
    "std::thread",
    "std::net::Tcp",
    "Instant::now",
    "SystemTime::now",
    "RefCell",
    "tokio::",
];

/// Maps whose order depends on a random seed: a simulation that iterates over one cannot be repeated.
const RANDOMLY_SEEDED: &[&str] = &["RandomState"];

/// A module, and the modules it may name. What is not listed is assembly and may name everything.
const IMPORTS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("record", &["base"]),
    ("log", &["base", "record", "strand"]),
    ("strand", &["base", "record", "log", "shard"]),
    ("metadata", &["base", "record"]),
    ("group", &["base"]),
    ("api", &["base", "record", "metadata", "log", "group"]),
    ("partition", &["base", "record", "log", "strand", "api", "metadata", "shard"]),
    ("kafka", &["base", "record", "api", "metadata", "log", "shard", "group"]),
];

fn files_below(dir: &str, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut dirs = vec![PathBuf::from(dir)];
    while let Some(dir) = dirs.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for entry in entries {
            let path = entry.expect("a readable directory").path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn rust_files() -> Vec<PathBuf> {
    ["src", "bench", "tests"].iter().flat_map(|dir| files_below(dir, ".rs")).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file's lines outside of comments and of its unit tests, with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .enumerate()
        .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("tests/")
}

#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Whether `word` is in the line, and not only the beginning of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || c == '_';
    let ends_in_name = word.ends_with(goes_on);
    line.match_indices(word)
        .any(|(at, _)| !(ends_in_name && line[at + word.len()..].starts_with(goes_on)))
}

#[test]
fn only_the_port_waits() {
    let mut complaints = Vec::new();
    for file in files_below("src", ".rs") {
        let path = file.to_string_lossy().into_owned();
        if MAY_WAIT.iter().any(|may| path.starts_with(may)) || is_test_file(&path) {
            continue;
        }
        for (number, line) in code(&read(&file)) {
            for word in WAITING.iter().chain(RANDOMLY_SEEDED) {
                if has_word(line, word) {
                    complaints.push(format!("{path}:{number}: `{word}` outside of the port"));
                }
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn modules_name_only_what_lies_below_them() {
    let mut complaints = Vec::new();
    for (module, may) in IMPORTS {
        for file in files_below(&format!("src/{module}"), ".rs") {
            let path = file.to_string_lossy().into_owned();
            if is_test_file(&path) {
                continue;
            }
            for (number, line) in code(&read(&file)) {
                for named in line.split("crate::").skip(1) {
                    let named: String =
                        named.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    if named != *module && !may.contains(&named.as_str()) && !named.is_empty() {
                        complaints.push(format!("{path}:{number}: `{module}` names `{named}`"));
                    }
                }
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn files_stay_small_and_have_names_that_say_something() {
    let mut complaints = Vec::new();
    for file in rust_files() {
        let lines = read(&file).lines().count();
        if lines > FILE_LINES_MAX {
            complaints
                .push(format!("{}: {lines} lines, {FILE_LINES_MAX} at the most", file.display()));
        }
        let stem = file.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        if BANNED_FILE_STEMS.contains(&stem.as_str()) {
            complaints.push(format!("{}: a name that says nothing", file.display()));
        }
    }
    assert_none(&complaints);
}

#[test]
fn tests_neither_skip_nor_sleep() {
    let banned = [
        concat!("#[ign", "ore"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("dbg", "!("),
    ];
    let mut complaints = Vec::new();
    for file in rust_files() {
        let path = file.to_string_lossy().into_owned();
        for (index, line) in read(&file).lines().enumerate() {
            for word in banned {
                if line.contains(word) {
                    complaints.push(format!("{path}:{}: `{word}`", index + 1));
                }
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn one_import_a_line() {
    let mut complaints = Vec::new();
    for file in rust_files() {
        for (index, line) in read(&file).lines().enumerate() {
            let line = line.trim_start();
            let import = line.strip_prefix("pub ").unwrap_or(line);
            if import.starts_with("use ") && import.contains('{') {
                complaints.push(format!("{}:{}: {line}", file.display(), index + 1));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn the_architecture_names_what_exists_and_all_of_it() {
    let text = read(Path::new("ARCHITECTURE.md"));
    let mut complaints = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for quoted in line.split('`').skip(1).step_by(2) {
            let is_path = ["src/", "tests/", "bench/", "deploy/", ".ci/", "schemas/"]
                .iter()
                .any(|root| quoted.starts_with(root));
            if is_path && !quoted.contains(['*', '{', '<', ' ']) && !Path::new(quoted).exists() {
                complaints
                    .push(format!("ARCHITECTURE.md:{}: `{quoted}` does not exist", index + 1));
            }
        }
    }
    for entry in fs::read_dir("src").expect("the sources") {
        let path = entry.expect("a readable directory").path();
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let named = text.contains(&format!("`{stem}/`")) || text.contains(&format!("`{stem}.rs`"));
        if stem != "lib" && !named {
            complaints.push(format!("ARCHITECTURE.md does not name `{stem}`"));
        }
    }
    assert_none(&complaints);
}
