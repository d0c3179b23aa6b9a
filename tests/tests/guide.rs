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
