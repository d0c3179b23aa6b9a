//! The documents that the example services search: the Markdown files of a folder, cut into passages.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A passage is closed at the next paragraph once it has this many bytes: long enough to answer from, short enough to rank.
const PASSAGE_BYTES: usize = 900;

/// Folders that hold other people's Markdown.
const SKIPPED_FOLDERS: [&str; 2] = ["target", "node_modules"];

/// A few paragraphs of one document, below one heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// Path of the document, relative to the folder that was loaded, with forward slashes.
    pub path: String,
    /// The headings above the passage, outermost first, joined by ` > `; empty above the first heading.
    pub heading: String,
    /// The Markdown of the passage.
    pub text: String,
}

/// Why a folder could not be used as a corpus.
#[derive(Debug)]
pub enum CorpusError {
    /// A folder or a file could not be read.
    Read {
        /// What was being read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds no Markdown with text in it.
    Empty(PathBuf),
}

impl fmt::Display for CorpusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CorpusError::Read { path, .. } => write!(f, "cannot read `{}`", path.display()),
            CorpusError::Empty(path) => {
                write!(f, "no Markdown documents in `{}`\npass --docs with a folder that has some", path.display())
            }
        }
    }
}

impl std::error::Error for CorpusError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CorpusError::Read { source, .. } => Some(source),
            CorpusError::Empty(_) => None,
        }
    }
}

/// The folder whose documents the examples search unless told otherwise: this repository.
pub fn repository() -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR"));
    examples.parent().unwrap_or(examples).to_path_buf()
}

/// Reads every Markdown file below `folder` and cuts it into passages, in the order of the paths.
///
/// Hidden folders, build results and installed packages are left out.
///
/// # Errors
///
/// When a file cannot be read, or when there is nothing to search.
pub fn load(folder: &Path) -> Result<Vec<Passage>, CorpusError> {
    let mut files = Vec::new();
    find_markdown(folder, &mut files)?;
    files.sort();

    let mut passages = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|source| CorpusError::Read { path: file.clone(), source })?;
        let relative = file.strip_prefix(folder).unwrap_or(&file);
        let path = relative.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
        passages.extend(split(&path, &text));
    }
    if passages.is_empty() { Err(CorpusError::Empty(folder.to_path_buf())) } else { Ok(passages) }
}

fn find_markdown(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), CorpusError> {
    let unreadable = |source| CorpusError::Read { path: folder.to_path_buf(), source };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            if !name.starts_with('.') && !SKIPPED_FOLDERS.contains(&name.as_ref()) {
                find_markdown(&entry.path(), files)?;
            }
        } else if kind.is_file() && name.ends_with(".md") {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Cuts one Markdown document into passages: at every heading, and between paragraphs once a passage is long enough.
///
/// A fenced block is never cut, and a `#` inside one is not a heading.
///
/// ```
/// use galileo_examples::corpus::split;
///
/// let passages = split("moons.md", "# Jupiter\n\nA planet.\n\n## Moons\n\nGalileo saw four.\n");
/// assert_eq!(passages[1].heading, "Jupiter > Moons");
/// assert_eq!(passages[1].text, "Galileo saw four.");
/// ```
pub fn split(path: &str, markdown: &str) -> Vec<Passage> {
    let mut cutter = Cutter { path, headings: Vec::new(), text: String::new(), passages: Vec::new() };
    let mut fence: Option<&str> = None;
    for line in markdown.lines() {
        let start = line.trim_start();
        if let Some(open) = fence {
            cutter.push(line);
            if start.starts_with(open) {
                fence = None;
            }
        } else if let Some(marker) = ["```", "~~~"].into_iter().find(|marker| start.starts_with(marker)) {
            cutter.push(line);
            fence = Some(marker);
        } else if let Some((level, title)) = heading(line) {
            cutter.close();
            cutter.headings.retain(|(above, _)| *above < level);
            cutter.headings.push((level, title.to_owned()));
        } else if start.is_empty() && cutter.text.len() >= PASSAGE_BYTES {
            cutter.close();
        } else {
            cutter.push(line);
        }
    }
    cutter.close();
    cutter.passages
}

/// `## Title` as its level and its text.
fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    let title = line.get(level..)?.strip_prefix(' ')?;
    (1..=6).contains(&level).then(|| (level, title.trim().trim_end_matches('#').trim_end()))
}

struct Cutter<'a> {
    path: &'a str,
    headings: Vec<(usize, String)>,
    text: String,
    passages: Vec<Passage>,
}

impl Cutter<'_> {
    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn close(&mut self) {
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        if !text.is_empty() {
            let titles: Vec<&str> = self.headings.iter().map(|(_, title)| title.as_str()).collect();
            self.passages.push(Passage {
                path: self.path.to_owned(),
                heading: titles.join(" > "),
                text: text.to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn headings_nest_and_return() {
        let passages = split("a.md", "intro\n# One\none\n### Deep\ndeep\n## Two\ntwo\n");
        let seen: Vec<_> = passages.iter().map(|p| (p.heading.as_str(), p.text.as_str())).collect();
        assert_eq!(seen, [("", "intro"), ("One", "one"), ("One > Deep", "deep"), ("One > Two", "two")]);
    }

    #[test]
    fn a_comment_in_a_fence_is_not_a_heading() {
        let passages = split("a.md", "# Run\n\n```bash\n# not a heading\ncargo run\n```\n");
        assert_eq!(passages.len(), 1);
        assert!(passages[0].text.contains("# not a heading"));
    }

    #[test]
    fn a_fence_closes_with_its_own_marker() {
        let passages = split("a.md", "~~~\n```\n# inside\n~~~\n# After\ntext\n");
        assert_eq!(passages.last().unwrap().heading, "After");
        assert_eq!(passages.len(), 2);
    }

    #[test]
    fn long_sections_are_cut_between_paragraphs() {
        let paragraph = "word ".repeat(120);
        let passages = split("a.md", &format!("# Long\n\n{paragraph}\n\n{paragraph}\n\n{paragraph}\n"));
        assert_eq!(passages.len(), 2);
        assert!(passages.iter().all(|passage| passage.heading == "Long"));
    }

    #[test]
    fn a_hash_without_a_space_is_text() {
        assert_eq!(heading("#[log]"), None);
        assert_eq!(heading("####### seven"), None);
        assert_eq!(heading("## Title ##"), Some((2, "Title")));
    }

    #[test]
    fn the_repository_is_a_corpus_without_build_results() {
        let passages = load(&repository()).unwrap();
        assert!(passages.iter().any(|passage| passage.path == "README.md"));
        assert!(
            passages.iter().all(|passage| !passage.path.contains("target/") && !passage.path.contains("node_modules/"))
        );
    }

    #[test]
    fn a_folder_without_documents_is_an_error_that_says_what_to_do() {
        let empty = std::env::temp_dir().join(format!("galileo-empty-corpus-{}", std::process::id()));
        fs::create_dir_all(&empty).unwrap();
        let error = load(&empty).unwrap_err();
        fs::remove_dir(&empty).unwrap();
        assert!(error.to_string().contains("--docs"), "{error}");
    }
}
