//! `cargo xtask picture`: runs the quickstart and photographs the page of one of its traces for the README.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::browser::chrome::Chrome;
use crate::run::{Outcome, cargo, execute, program, root, target_dir};

const PICTURE: &str = "docs/images/trace.png";

/// What the retrieval service did for the question with two parts, with the documents that it found.
const CHOSEN: &str =
    "[...document.querySelectorAll('.row .nm')].filter((name) => name.textContent === 'search_index').at(-1)";

/// Builds, asks, opens the page, chooses a span, takes the picture.
pub(crate) fn run() -> Outcome {
    execute(cargo().args(["build", "--package", "galileo-examples", "--bin", "quickstart"]))?;
    let mut command = program(target_dir().join("debug").join("quickstart"));
    command.arg("--json").env_remove("OPENAI_API_KEY").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut quickstart = Ended(command.spawn().map_err(|error| format!("the quickstart cannot be started: {error}"))?);
    let stdout = quickstart.0.stdout.take().ok_or("the quickstart has no standard output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
    let summary: Value = serde_json::from_str(&line).map_err(|error| format!("not the summary: {error}"))?;
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("the summary has another form");

    let profile = std::env::temp_dir().join(format!("galileo-picture-{}", std::process::id()));
    let chrome = Chrome::start(&profile)?;
    let page = chrome.page(&text(&summary["console_url"])?, 1360, 760)?;
    page.go(&format!("/traces/{}", text(&summary["trace_ids"][1])?))?;
    page.wait(CHOSEN)?;
    page.eval(&format!("{CHOSEN}.click()"))?;
    page.wait("document.querySelector('#panel h2').textContent === 'search_index'")?;
    let path = root().join(PICTURE);
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(|error| error.to_string())?;
    page.picture(&path)?;
    let size = fs::metadata(&path).map_err(|error| error.to_string())?.len();
    eprintln!("{PICTURE}: {} KiB", size / 1024);
    if size < 300 * 1024 { Ok(()) } else { Err(format!("{PICTURE} is too large for a README")) }
}

/// The services end with their parent, so ending that is enough.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
