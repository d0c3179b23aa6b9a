//! Other processes: this program again, which plays a scene and may be killed in it.

use crate::common::*;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// What a scene is told.
pub(crate) struct Scene {
    pub(crate) url: String,
    pub(crate) folder: PathBuf,
}

/// A process that will play this scene towards the backend at `url`, with its spool in `folder`.
pub(crate) fn command(scene: &str, url: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "process::scene", "--nocapture", "--test-threads=1"]);
    command.env("FAULTS_SCENE", scene).env("FAULTS_URL", url).env("FAULTS_FOLDER", folder);
    command.env_remove("HTTP_PROXY").env_remove("http_proxy").stdin(Stdio::null());
    command
}

/// The scene from its beginning to its end.
pub(crate) fn play(scene: &str, url: &str, folder: &Path) -> Output {
    command(scene, url, folder).output().unwrap()
}

/// The same in the background; what it says can be read.
pub(crate) fn start(scene: &str, url: &str, folder: &Path) -> Child {
    command(scene, url, folder).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// The words of a scene, without what the test runner says around them.
pub(crate) fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| line.split_once("said: ").map(|(_, rest)| format!("{rest}\n"))).collect()
}

pub(crate) fn say(text: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nsaid: {text}").and_then(|()| out.flush()).unwrap();
}

/// The process that a test has started; nothing else runs in it.
#[test]
fn scene() {
    let Ok(name) = std::env::var("FAULTS_SCENE") else { return };
    let scene =
        Scene { url: std::env::var("FAULTS_URL").unwrap(), folder: std::env::var_os("FAULTS_FOLDER").unwrap().into() };
    crate::scenes::play(&name, &scene);
}
