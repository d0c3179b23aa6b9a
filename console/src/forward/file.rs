//! The file of `--forward-config`: targets with their headers, as JSON. `${VAR}` stands for an environment variable, so that the file
//! itself holds no secret.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::target::{Target, TargetError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    forward: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    insecure: bool,
}

/// The targets in a file of the form `{"forward": [{"url": "..", "headers": {"name": "value"}, "insecure": false}]}`.
///
/// # Errors
/// A sentence that says what is wrong with the file.
pub fn read(path: &Path) -> Result<Vec<Target>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    parse(&text, |name| std::env::var(name).ok()).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn parse(text: &str, variable: impl Fn(&str) -> Option<String> + Copy) -> Result<Vec<Target>, String> {
    let file: File = serde_json::from_str(text).map_err(|error| {
        format!("{error}\nhint: {{\"forward\": [{{\"url\": \"https://..\", \"headers\": {{\"Authorization\": \"Bearer ${{TOKEN}}\"}}}}]}}")
    })?;
    let one = |entry: &Entry| -> Result<Target, TargetError> {
        let target = if entry.insecure { Target::insecure(&entry.url) } else { Target::new(&entry.url) }?;
        entry.headers.iter().try_fold(target, |target, (name, value)| target.header_from(name, value, variable))
    };
    file.forward.iter().map(one).collect::<Result<_, _>>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_targets_and_takes_secrets_from_the_environment() {
        let known = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
        let text = r#"{"forward": [{"url": "https://a.example", "headers": {"X-Key": "${TOKEN}"}}, {"url": "http://collector:4318", "insecure": true}]}"#;
        let targets = parse(text, known).unwrap();
        assert_eq!(
            targets.iter().map(Target::url).collect::<Vec<_>>(),
            ["https://a.example/v1/traces", "http://collector:4318/v1/traces"]
        );
        assert_eq!(targets[0].headers["x-key"], "s3cret");
        for (text, part) in [
            ("", "hint"),
            (r#"{"forward": [{"url": "https://a", "header": {}}]}"#, "unknown field `header`"),
            (r#"{"forward": [{"url": "https://a", "headers": {"k": "${NONE}"}}]}"#, "`NONE` is not set"),
            (r#"{"forward": [{"url": "http://collector:4318"}]}"#, "another machine"),
        ] {
            let error = parse(text, known).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
