//! Reads a `.env` file. The file fills in what the real environment does not say and never changes the process's
//! environment, which other threads may be reading.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::error::InitError;

/// A settings file is small; whatever is larger is something else that bears the name.
const MAX_BYTES: u64 = 1 << 20;

/// The variables of the nearest `.env`, from `start` upwards. No file is no error, and neither is one that cannot be opened:
/// the program may run where it has no business reading its parents' folders.
pub(crate) fn nearest(start: &Path, ours: impl Fn(&str) -> bool) -> Result<HashMap<String, String>, InitError> {
    for folder in start.ancestors() {
        let path = folder.join(".env");
        if path.is_file() {
            return match read(&path) {
                Some(text) => parse(&text, &path, ours),
                None => Ok(HashMap::new()),
            };
        }
    }
    Ok(HashMap::new())
}

fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads lines of the form `NAME=value`, `export NAME=value`, `NAME='literal'` and `NAME="with \n escapes"`.
/// Only names for which `ours` answers yes are kept; a broken line is an error only if it sets one of them, because the
/// same file may serve tools with a richer syntax.
fn parse(text: &str, path: &Path, ours: impl Fn(&str) -> bool) -> Result<HashMap<String, String>, InitError> {
    let mut variables = HashMap::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, raw) in text.lines().enumerate() {
        let line = raw.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name.trim_end(), value),
            None => (line, ""),
        };
        if !ours(name) {
            continue;
        }
        let error = |reason| InitError::DotEnv { path: PathBuf::from(path), line: index + 1, reason };
        if !line.contains('=') {
            return Err(error("there is no `=`"));
        }
        variables.insert(name.to_owned(), unquote(value.trim()).map_err(error)?);
    }
    Ok(variables)
}

fn unquote(value: &str) -> Result<String, &'static str> {
    let Some(quote @ ('"' | '\'')) = value.chars().next() else {
        // A comment needs white space in front, so that `#` can be part of a value.
        let end = value
            .match_indices('#')
            .map(|(at, _)| at)
            .find(|&at| value[..at].ends_with(char::is_whitespace) || at == 0);
        return Ok(value[..end.unwrap_or(value.len())].trim_end().to_owned());
    };
    let mut text = String::with_capacity(value.len());
    let mut chars = value[1..].chars();
    loop {
        match chars.next() {
            None => return Err("the quote is not closed"),
            Some(c) if c == quote => break,
            Some('\\') if quote == '"' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some(c @ ('\\' | '"' | '$' | '`')) => text.push(c),
                Some(c) => text.extend(['\\', c]),
                None => return Err("the quote is not closed"),
            },
            Some(c) => text.push(c),
        }
    }
    let rest = chars.as_str().trim_start();
    if rest.is_empty() || rest.starts_with('#') { Ok(text) } else { Err("there is text behind the closing quote") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(line: &str) -> Result<String, &'static str> {
        match parse(line, Path::new(".env"), |name| name == "GALILEO_X") {
            Ok(mut variables) => Ok(variables.remove("GALILEO_X").unwrap_or_else(|| "<unset>".into())),
            Err(InitError::DotEnv { reason, .. }) => Err(reason),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn each_way_to_write_a_value_is_read() {
        let rows = [
            ("GALILEO_X=a b", Ok("a b"), "plain"),
            ("  export GALILEO_X = a ", Ok("a"), "export and white space"),
            ("GALILEO_X=a # note", Ok("a"), "a comment behind"),
            ("GALILEO_X=a#b", Ok("a#b"), "a hash inside"),
            ("GALILEO_X=# note", Ok(""), "only a comment"),
            ("GALILEO_X='a\\n$b' # note", Ok("a\\n$b"), "single quotes are literal"),
            ("GALILEO_X=\"a\\n\\\"b\\\" \\d\"", Ok("a\n\"b\" \\d"), "double quotes know escapes"),
            ("GALILEO_X=a=b", Ok("a=b"), "only the first = separates"),
            ("GALILEO_X=", Ok(""), "empty"),
            ("# GALILEO_X=a", Ok("<unset>"), "commented out"),
            ("GALILEO_Y=a", Ok("<unset>"), "somebody else's"),
            ("if [ broken", Ok("<unset>"), "a line that is not about us"),
            ("GALILEO_X", Err("there is no `=`"), "half a line"),
            ("GALILEO_X='a", Err("the quote is not closed"), "an open quote"),
            ("GALILEO_X=\"a\\", Err("the quote is not closed"), "an open escape"),
            ("GALILEO_X='a' b", Err("there is text behind the closing quote"), "two values"),
        ];
        for (line, expected, reason) in rows {
            assert_eq!(value(line).as_deref().map_err(|e| *e), expected, "{reason}");
        }
    }

    #[test]
    fn a_windows_file_reads_the_same() {
        let variables =
            parse("\u{feff}GALILEO_X=1\r\nGALILEO_X=2\r\n", Path::new(".env"), |_| true).expect("well formed");
        assert_eq!(variables["GALILEO_X"], "2", "the last line wins");
    }

    #[test]
    fn the_nearest_file_upwards_is_used() {
        let root = tempfolder("dotenv");
        let below = root.join("a/b");
        std::fs::create_dir_all(&below).expect("a folder of our own");
        std::fs::write(root.join(".env"), "GALILEO_X=root").expect("writable");
        let ours = |name: &str| name.starts_with("GALILEO_");
        assert_eq!(nearest(&below, ours).expect("well formed")["GALILEO_X"], "root");
        std::fs::write(root.join("a/.env"), "GALILEO_X=nearer").expect("writable");
        assert_eq!(nearest(&below, ours).expect("well formed")["GALILEO_X"], "nearer");
        std::fs::remove_dir_all(root).expect("ours to remove");
    }

    fn tempfolder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("galileo-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        path
    }
}
