//! docs/reliability.md says nothing that is not there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn the_page_on_reliability_names_tests_that_exist_and_every_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let mut all = String::new();
    for folder in ["tests/tests", "runtime/src"] {
        sources(&root.join(folder), &mut all);
    }
    let codes: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    let mut named = 0;
    for code in codes {
        if let Some((_, test)) = code.rsplit_once("::")
            && test.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && test.contains('_')
            && !code.starts_with("ConfigBuilder")
        {
            assert!(all.contains(&format!("fn {test}(")), "`{code}` does not exist");
            named += 1;
        } else if code.starts_with("ui-tests/") {
            assert!(root.join(code).exists(), "`{code}` does not exist");
        }
    }
    assert!(named > 70, "the page has another form now: {named}");
    // Whoever adds a row to the matrix adds it here.
    let rows: BTreeSet<u32> = (1..=57).collect();
    let mut there = BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with("| f")) {
        let first = line.trim_start_matches("| ").split('|').next().unwrap_or_default();
        let numbers: Vec<u32> = first.split(['f', ',', ' ']).filter_map(|word| word.trim().parse().ok()).collect();
        match (first.contains("to"), numbers.as_slice()) {
            (true, [from, to]) => there.extend(*from..=*to),
            _ => there.extend(numbers),
        }
    }
    assert_eq!(there, rows);
    for line in (1..=20).map(|number| format!("\n| s{number} |")) {
        assert!(page.contains(&line), "{line}");
    }
    // A test of the matrix that the page forgets would be found by nobody.
    for test in all.split("\nfn ").chain(all.split("    fn ")).filter(|rest| rest.starts_with(['f', 's', 'g'])) {
        let name = test.split('(').next().unwrap_or_default();
        let is_row = name.len() > 4 && name.as_bytes()[1..3].iter().all(u8::is_ascii_digit) && &name[3..4] == "_";
        let long = is_row && (page.contains(name) || page.contains(&format!("{}_", &name[..3])));
        assert!(!is_row || long, "`{name}` is not on the page");
    }
}
