//! House rules that a program can check. Each test reads the repository's own files and names the line that breaks a rule.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Past this many lines of code (comments, and tests at the end of a file, aside) there is a second noun in the file.
const LINES_OF_CODE: usize = 450;

/// A text file of the repository.
struct File {
    /// Relative to the root, with forward slashes.
    path: String,
    text: String,
}

impl File {
    /// The lines before the file's own tests, numbered from one.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = |line: &&str| {
            line.trim_start().starts_with("#[cfg(test)]") || line.trim_start().starts_with("#[cfg(all(test")
        };
        let end = self
            .text
            .lines()
            .position(|line| tests(&line))
            .filter(|at| followed_by_inline_module(&self.text, *at))
            .unwrap_or(usize::MAX);
        self.text.lines().take(end).enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Those of them that are not comments.
    fn statements(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code().filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// `#[cfg(test)]` above `mod tests {` ends the code; above `mod tests;` or a `use` it does not.
fn followed_by_inline_module(text: &str, at: usize) -> bool {
    text.lines()
        .skip(at + 1)
        .find(|line| !line.trim_start().starts_with("#["))
        .is_some_and(|line| line.contains("mod ") && line.trim_end().ends_with('{'))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every text file that belongs to the project: no build results, nothing installed, nothing hidden but CI and cargo settings.
fn files() -> Vec<File> {
    let mut found = Vec::new();
    collect(&root(), &root(), &mut found);
    assert!(found.iter().any(|file| file.path == "runtime/src/lib.rs"), "the walk does not see the repository");
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let hidden = name.starts_with('.') && ![".ci", ".cargo", ".github"].contains(&name.as_str());
            if !hidden && !["target", "node_modules", "__pycache__"].contains(&name.as_str()) {
                collect(root, &path, found);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path
                .strip_prefix(root)
                .unwrap()
                .iter()
                .map(|part| part.to_string_lossy())
                .collect::<Vec<_>>()
                .join("/");
            found.push(File { path, text });
        }
    }
}

fn rust_files(below: &str) -> Vec<File> {
    files().into_iter().filter(|file| file.path.starts_with(below) && file.path.ends_with(".rs")).collect()
}

fn assert_none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}\n{}", broken.join("\n"));
}

/// Modules of the runtime and their layers, out of the table in ARCHITECTURE.md.
fn layers() -> BTreeMap<String, u8> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut layers = BTreeMap::new();
    for line in text.lines() {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        if let (Some(Ok(layer)), Some(modules)) = (cells.next().map(str::parse), cells.next()) {
            layers.extend(modules.split(',').map(|module| (module.trim().trim_matches('`').to_owned(), layer)));
        }
    }
    assert!(layers.len() > 10, "no table of layers in ARCHITECTURE.md");
    layers
}

/// The module directly below the crate root that a file belongs to; none for `lib.rs`.
fn top_module(path: &str) -> Option<&str> {
    let module = path.strip_prefix("runtime/src/")?;
    let module = module.split('/').next()?;
    let module = module.strip_suffix(".rs").unwrap_or(module);
    (module != "lib").then_some(module)
}

/// The modules that a line names with `crate::`, or with `super::` in a file that is itself a top module.
fn named_modules(path: &str, line: &str) -> Vec<String> {
    let inside = path.trim_start_matches("runtime/src/");
    let is_top = !inside.contains('/') || inside.ends_with("/mod.rs") && inside.matches('/').count() == 1;
    let mut doors = vec!["crate::"];
    if is_top {
        doors.push("super::");
    }
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = Vec::new();
    for door in doors {
        for (at, _) in line.match_indices(door) {
            // `$crate::` and `my_crate::` are other doors.
            if line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$' || c == ':') {
                continue;
            }
            let after = &line[at + door.len()..];
            match after.strip_prefix('{') {
                Some(group) => names.extend(top_of_group(group)),
                None => names.push(word(after)),
            }
        }
    }
    names
}

/// `a::{x, y}, b::z}` as `a` and `b`.
fn top_of_group(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = vec![String::new()];
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => names.last_mut().unwrap().push(character),
            _ => {}
        }
    }
    names
        .iter()
        .map(|name| name.trim().split("::").next().unwrap_or("").to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// A file's statements with every `use` joined onto one line, so that a group over several lines is seen whole.
fn joined(file: &File) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in file.statements() {
        let line = line.trim();
        if open {
            lines.last_mut().unwrap().1.push_str(line);
            open = !line.ends_with(';');
        } else {
            open =
                ["use ", "pub use ", "pub(crate) use ", "pub(super) use "].iter().any(|start| line.starts_with(start))
                    && !line.ends_with(';');
            lines.push((number, line.to_owned()));
        }
    }
    lines
}

#[test]
fn a_module_imports_only_from_lower_layers() {
    let layers = layers();
    let mut broken = Vec::new();
    for file in rust_files("runtime/src/") {
        let Some(module) = top_module(&file.path) else { continue };
        if file.path.ends_with("/tests.rs") || file.path.contains("/tests/") {
            continue;
        }
        let Some(own) = layers.get(module) else {
            broken.push(format!("{}: module `{module}` has no row in the table of ARCHITECTURE.md", file.path));
            continue;
        };
        for (number, line) in joined(&file) {
            for name in named_modules(&file.path, &line) {
                if name != module && layers.get(&name).is_some_and(|layer| layer >= own) {
                    broken.push(format!(
                        "{}:{number}: `{module}` (layer {own}) names `{name}` (layer {})",
                        file.path, layers[&name]
                    ));
                }
            }
        }
    }
    assert_none(&broken, "a module may name only modules of lower layers; the table is in ARCHITECTURE.md");
}

#[test]
fn the_layer_rule_sees_every_way_to_name_a_module() {
    let cases = [
        ("runtime/src/context/mod.rs", "use crate::export::Exporter;", vec!["export"], "a plain use"),
        ("runtime/src/context/mod.rs", "use crate::{export::{A, B}, model};", vec!["export", "model"], "a group"),
        (
            "runtime/src/context/task.rs",
            "let x = crate::session::current();",
            vec!["session"],
            "a path in an expression",
        ),
        ("runtime/src/diag.rs", "use super::init::Guard;", vec!["init"], "super of a top module is the crate"),
        ("runtime/src/context/mod.rs", "use super::init::Guard;", vec!["init"], "also of a top module in a folder"),
        ("runtime/src/context/task.rs", "use super::Context;", vec![], "super of a deeper module stays inside"),
        ("runtime/src/context/task.rs", "($crate::session::x())", vec![], "a macro's own crate is the public face"),
    ];
    for (path, line, expected, why) in cases {
        assert_eq!(named_modules(path, line), expected, "{why}");
    }
}

#[test]
fn no_file_names_a_path_of_somebodys_machine() {
    let folders = ["work", "farm", "root", "home", "Users"].map(|name| format!("/{name}/"));
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| !file.path.ends_with(".lock")) {
        for (number, line) in file.text.lines().enumerate() {
            let found = folders.iter().any(|folder| {
                line.match_indices(folder.as_str())
                    .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || "_.-/}".contains(c)))
            });
            if found {
                broken.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    assert_none(&broken, "the repository works on any machine; paths are relative or come from the environment");
}

#[test]
fn doc_links_have_a_form_that_rustdoc_follows() {
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| file.path.ends_with(".rs")) {
        for (number, line) in file.text.lines().enumerate() {
            let line = line.trim_start();
            if (line.starts_with("///") || line.starts_with("//!")) && line.contains("]: (") {
                broken.push(format!("{}:{}: {line}", file.path, number + 1));
            }
        }
    }
    assert_none(&broken, "`[name]: (path)` becomes a dead address without a warning; write `[name]: path`");
}

#[test]
fn environment_is_read_through_the_table() {
    let table =
        fs::read_to_string(root().join("runtime/src/config/env.rs")).expect("the table of environment variables");
    let mut broken = Vec::new();
    for file in rust_files("runtime/src/") {
        for (number, line) in file.statements() {
            if !file.path.starts_with("runtime/src/config/")
                && ["env::var", "env::vars", "env::set_var"].iter().any(|call| line.contains(call))
            {
                broken.push(format!("{}:{number}: reads the environment outside of `config`", file.path));
            }
            for name in galileo_names(line) {
                if !table.contains(&format!("\"{name}\"")) {
                    broken.push(format!("{}:{number}: `{name}` is not in runtime/src/config/env.rs", file.path));
                }
            }
        }
    }
    assert_none(&broken, "every environment variable has a row in runtime/src/config/env.rs");
}

/// The names in quotes that look like variables of ours.
fn galileo_names(line: &str) -> BTreeSet<String> {
    let is_name = |text: &str| {
        text.len() > 8
            && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            && !text.ends_with('_')
    };
    line.split('"')
        .skip(1)
        .step_by(2)
        .filter(|text| text.starts_with("GALILEO_") && is_name(text))
        .map(str::to_owned)
        .collect()
}

#[test]
fn nothing_is_left_unfinished_or_skipped() {
    // Written in pieces, so that this file does not find itself.
    let marks = [["todo", "!("], ["unimplemented", "!("], ["FIX", "ME"], ["XX", "X"]].map(|parts| parts.concat());
    let ignored = ["#[ig", "nore"].concat();
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| file.path.ends_with(".rs") || file.path.ends_with(".py")) {
        for (number, line) in file.text.lines().enumerate() {
            // A test that needs more than Rust says which lane runs it: `= "cargo xtask soak"`.
            let skipped = line.contains(&ignored) && !line.contains("cargo xtask ");
            if skipped || marks.iter().any(|mark| line.contains(mark)) {
                broken.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    assert_none(&broken, "finish it, or leave it out");
}

#[test]
fn files_stay_readable() {
    let mut broken = Vec::new();
    let tests = |path: &str| path.contains("/tests/") || path.starts_with("tests/") || path.ends_with("tests.rs");
    for file in files().iter().filter(|file| file.path.ends_with(".rs") && !tests(&file.path)) {
        let lines = file.statements().filter(|(_, line)| !line.trim().is_empty()).count();
        if lines > LINES_OF_CODE {
            broken.push(format!("{}: {lines} lines of code", file.path));
        }
        if !file.text.starts_with("//!") && file.path.contains("/src/") {
            broken.push(format!("{}: the top does not say what the file is for", file.path));
        }
    }
    assert_none(&broken, "a file says what it is for, and has one noun");
}

#[test]
fn the_macro_package_depends_on_token_crates_alone() {
    let manifest = fs::read_to_string(root().join("macros/Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let names: Vec<&str> = dependencies
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim())
        .filter(|name| !name.starts_with('#'))
        .collect();
    assert_eq!(
        names,
        ["proc-macro2", "quote", "syn"],
        "each crate here is compiled before anything else of every user"
    );
}

#[test]
fn each_dependency_of_the_sdk_has_a_reason() {
    for manifest in ["macros/Cargo.toml", "runtime/Cargo.toml", "console/Cargo.toml"] {
        let text = fs::read_to_string(root().join(manifest)).unwrap();
        assert!(
            text.contains("\n[dependencies]\n# "),
            "{manifest}: the first dependency has no line of reason above it"
        );
    }
}
