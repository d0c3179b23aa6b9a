//! Pages that are made from code: the test compares, and writes them when `UPDATE_DOCS` is set.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use galileo::config::VARIABLES;

#[test]
fn the_chapter_on_the_environment_is_the_table_in_the_code() {
    let mut page = String::from(
        "# Environment\n\nEvery variable that the SDK reads. What is set in the environment wins over a `.env` file, and a setter of \
         [`Config::builder()`](crate::Config)\nover both. This page is made from the code.\n\n| variable | default | meaning |\n| --- | --- | --- |\n",
    );
    for variable in VARIABLES {
        let default = if variable.default.is_empty() { String::new() } else { format!("`{}`", variable.default) };
        // Doc comments are joined without their line ends, and a bar would end the cell.
        let about = variable.about.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        page.push_str(&format!("| `{}` | {default} | {about} |\n", variable.name));
    }
    assert_page("runtime/src/guide/environment.md", &page);
}

#[test]
fn the_table_of_features_is_the_manifest() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manifest = fs::read_to_string(root.join("runtime/Cargo.toml")).unwrap();
    let section = manifest.split("\n[features]\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let mut lines = section.lines();
    let defaults = lines.next().and_then(|line| line.strip_prefix("default = ")).unwrap();
    let mut page = String::from("| feature | default | gives you |\n| --- | --- | --- |\n");
    let mut about = Vec::new();
    for line in lines {
        if let Some(comment) = line.strip_prefix("# ") {
            about.push(comment);
            continue;
        }
        let name = line.split(" = ").next().unwrap();
        assert!(!about.is_empty(), "feature `{name}` has no line above it that says what it is for");
        // Two underscores: what features share, and nobody names.
        if !name.starts_with("__") {
            let default = if defaults.contains(&format!("\"{name}\"")) { "yes" } else { "" };
            page.push_str(&format!("| `{name}` | {default} | {} |\n", about.join(" ")));
        }
        about.clear();
    }
    assert_page("runtime/src/guide/features.md", &page);
}

#[test]
fn the_chapter_on_troubleshooting_quotes_what_the_doctor_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let sources: String = fs::read_dir(root.join("console/src/doctor"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let chapter = fs::read_to_string(root.join("runtime/src/guide/troubleshooting.md")).unwrap();
    let mut quoted = 0;
    for line in chapter.lines() {
        let Some((check, finding)) = line.strip_prefix("| ").and_then(|row| row.split(" | ").next()?.split_once(": "))
        else {
            continue;
        };
        quoted += 1;
        assert!(sources.contains(&format!("\"{check}\"")), "the doctor has no check `{check}`");
        // What differs from case to case stands as `…`.
        for part in finding.split('…').map(|part| part.trim_matches([' ', '`', ':'])).filter(|part| part.len() > 1) {
            assert!(sources.contains(part), "the doctor does not say `{part}` any more: {line}");
        }
    }
    assert!(quoted > 10, "the chapter quotes {quoted} findings");
}

fn assert_page(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, expected).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{path} is not what the code says; run `UPDATE_DOCS=1 cargo test -p galileo-tests --test guide`"
    );
}
