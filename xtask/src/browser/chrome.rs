//! A real Chromium over its DevTools protocol. The protocol runs over two pipes, one JSON message after the other with a zero
//! byte between them, so that no web socket and no port is needed.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long the browser may take to answer anything.
const PATIENCE: Duration = Duration::from_secs(20);

const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
];

/// A running browser; it ends with this value.
pub(crate) struct Chrome {
    child: Child,
    input: RefCell<ChildStdin>,
    messages: Receiver<Value>,
    next: Cell<u64>,
    events: RefCell<VecDeque<Value>>,
    profile: PathBuf,
}

/// One tab.
pub(crate) struct Page<'a> {
    chrome: &'a Chrome,
    session: String,
    target: String,
    origin: String,
    faults: RefCell<Vec<String>>,
}

impl Chrome {
    /// Starts `$CHROMIUM`, or the first browser of the family that there is, with an empty profile.
    pub(crate) fn start(profile: &Path) -> Result<Chrome, String> {
        let _ = fs::remove_dir_all(profile);
        fs::create_dir_all(profile).map_err(|error| format!("cannot make `{}`: {error}", profile.display()))?;
        let browser = browser()?;
        // The browser reads messages from descriptor 3 and writes them to 4; the shell puts our two pipes there.
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null"#])
            .arg(browser)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("the browser could not be started: {error}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the browser has no pipes".into());
        };
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                if let Ok(value) = serde_json::from_slice(&message)
                    && sender.send(value).is_err()
                {
                    break;
                }
                message.clear();
            }
        });
        Ok(Chrome {
            child,
            input: RefCell::new(input),
            messages,
            next: Cell::new(1),
            events: RefCell::default(),
            profile: profile.into(),
        })
    }

    /// Opens a tab of that size whose requests may only go to `origin`.
    pub(crate) fn page(&self, origin: &str, width: u32, height: u32) -> Result<Page<'_>, String> {
        let target = text(&self.call(None, "Target.createTarget", json!({"url": "about:blank"}))?, "targetId")?;
        let attached = self.call(None, "Target.attachToTarget", json!({"targetId": target, "flatten": true}))?;
        let page = Page {
            chrome: self,
            session: text(&attached, "sessionId")?,
            target,
            origin: origin.into(),
            faults: RefCell::default(),
        };
        for domain in ["Page.enable", "Runtime.enable", "Network.enable", "Log.enable"] {
            page.call(domain, json!({}))?;
        }
        page.size(width, height)?;
        Ok(page)
    }

    fn call(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value, String> {
        let id = self.next.get();
        self.next.set(id + 1);
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut line = message.to_string().into_bytes();
        line.push(0);
        let mut input = self.input.borrow_mut();
        input.write_all(&line).and_then(|()| input.flush()).map_err(|error| format!("the browser is gone: {error}"))?;
        drop(input);
        let limit = Instant::now() + PATIENCE;
        loop {
            let left = limit.saturating_duration_since(Instant::now());
            let answer =
                self.messages.recv_timeout(left).map_err(|_| format!("the browser did not answer `{method}`"))?;
            if answer["id"] != json!(id) {
                self.events.borrow_mut().push_back(answer);
            } else if let Some(error) = answer.get("error") {
                return Err(format!("`{method}`: {error}"));
            } else {
                return Ok(answer["result"].clone());
            }
        }
    }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        let _ = self.call(None, "Browser.close", json!({}));
        let limit = Instant::now() + Duration::from_secs(5);
        while self.child.try_wait().is_ok_and(|status| status.is_none()) {
            if Instant::now() > limit {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = fs::remove_dir_all(&self.profile);
    }
}

impl Page<'_> {
    fn call(&self, method: &str, params: Value) -> Result<Value, String> {
        self.chrome.call(Some(&self.session), method, params)
    }

    /// Goes to a path and waits until the page's scripts have run.
    pub(crate) fn go(&self, path: &str) -> Result<(), String> {
        self.collect();
        self.call("Page.navigate", json!({"url": format!("{}{path}", self.origin)}))?;
        // The evaluation may still meet the page before; only the new one has this address and is complete.
        self.wait(&format!(
            "location.href === {} && document.readyState === 'complete'",
            json!(format!("{}{path}", self.origin))
        ))
    }

    /// The value of an expression; promises are awaited.
    pub(crate) fn eval(&self, expression: &str) -> Result<Value, String> {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let result = self.call("Runtime.evaluate", params)?;
        match result.get("exceptionDetails") {
            Some(details) => Err(format!("`{expression}`: {}", details["exception"]["description"])),
            None => Ok(result["result"]["value"].clone()),
        }
    }

    /// Waits until an expression holds, looking at each turn of the page's own clock.
    pub(crate) fn wait(&self, condition: &str) -> Result<(), String> {
        self.wait_within(condition, Duration::from_secs(10)).map(drop)
    }

    /// The same with a limit; returns how long it took.
    pub(crate) fn wait_within(&self, condition: &str, limit: Duration) -> Result<Duration, String> {
        let started = Instant::now();
        let script = format!(
            "new Promise((done) => {{ const end = performance.now() + 1500; const look = () => {{ let met = false; \
             try {{ met = Boolean({condition}); }} catch {{}} \
             if (met || performance.now() > end) done(met); else setTimeout(look, 15); }}; look(); }})"
        );
        loop {
            // A navigation destroys the context in which the promise lives; then it is asked again in the new one.
            match self.eval(&script) {
                Ok(Value::Bool(true)) => return Ok(started.elapsed()),
                Ok(_) | Err(_) if started.elapsed() < limit => {}
                Ok(_) => return Err(format!("not so after {limit:?}: {condition}")),
                Err(error) => return Err(error),
            }
        }
    }

    /// Presses a key: a character, or a name such as `ArrowDown`.
    pub(crate) fn key(&self, key: &str) -> Result<(), String> {
        let mut down = json!({"type": "keyDown", "key": key});
        match key {
            "Enter" => down["text"] = "\r".into(),
            _ if key.chars().count() == 1 => down["text"] = key.into(),
            _ => {}
        }
        let code = match key {
            "Enter" => 13,
            "Escape" => 27,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ => 0,
        };
        if code != 0 {
            down["windowsVirtualKeyCode"] = code.into();
        }
        self.call("Input.dispatchKeyEvent", down)?;
        self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}))?;
        Ok(())
    }

    /// Types into what has the focus.
    pub(crate) fn type_text(&self, text: &str) -> Result<(), String> {
        self.call("Input.insertText", json!({"text": text})).map(drop)
    }

    /// Clicks the middle of the first element that matches.
    pub(crate) fn click(&self, selector: &str) -> Result<(), String> {
        let script = format!(
            "(() => {{ const e = document.querySelector({}); if (!e) return null; e.scrollIntoView({{block: 'nearest'}}); \
             const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()",
            json!(selector)
        );
        let at = self.eval(&script)?;
        let (Some(x), Some(y)) = (at[0].as_f64(), at[1].as_f64()) else { return Err(format!("no `{selector}`")) };
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", params)?;
        }
        Ok(())
    }

    /// The size of the window in CSS pixels.
    pub(crate) fn size(&self, width: u32, height: u32) -> Result<(), String> {
        let params = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", params).map(drop)
    }

    /// Light or dark, as the system would ask for.
    pub(crate) fn dark(&self, dark: bool) -> Result<(), String> {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": value}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features})).map(drop)
    }

    /// Saves what the window shows.
    pub(crate) fn picture(&self, path: &Path) -> Result<(), String> {
        // Two frames, so that what a script asked for at the last moment is drawn.
        self.eval(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30))))",
        )?;
        let shot = self.call("Page.captureScreenshot", json!({"format": "png"}))?;
        let bytes = base64(&text(&shot, "data")?)?;
        fs::write(path, bytes).map_err(|error| format!("cannot write `{}`: {error}", path.display()))
    }

    /// Console errors, uncaught exceptions, policy violations and requests to other hosts since the last call.
    pub(crate) fn faults(&self) -> Vec<String> {
        // An answer to this makes sure that what happened before it has arrived.
        let _ = self.eval("0");
        self.collect();
        std::mem::take(&mut self.faults.borrow_mut())
    }

    fn collect(&self) {
        let mut events = self.chrome.events.borrow_mut();
        let (mine, others): (VecDeque<Value>, VecDeque<Value>) =
            events.drain(..).partition(|event| event["sessionId"] == json!(self.session));
        *events = others;
        drop(events);
        let mut faults = self.faults.borrow_mut();
        for event in mine {
            let params = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" => {
                    faults.push(format!("exception: {}", params["exceptionDetails"]["exception"]["description"]));
                }
                "Runtime.consoleAPICalled" if params["type"] == json!("error") => {
                    faults.push(format!("console: {}", params["args"]));
                }
                "Log.entryAdded" if params["entry"]["level"] == json!("error") => {
                    faults.push(format!("log: {} {}", params["entry"]["text"], params["entry"]["url"]));
                }
                "Network.requestWillBeSent" => {
                    let url = params["request"]["url"].as_str().unwrap_or_default();
                    if !url.starts_with(&self.origin) && !url.starts_with("data:") {
                        faults.push(format!("request to another host: {url}"));
                    }
                }
                "Page.javascriptDialogOpening" => faults.push("a dialog opened".into()),
                _ => {}
            }
        }
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        let _ = self.chrome.call(None, "Target.closeTarget", json!({"targetId": self.target}));
    }
}

fn browser() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let found = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    let mut found = found.filter(|file| file.is_file());
    found.next().ok_or_else(|| {
        "no Chromium found\ninstall it (Debian: `apt-get install chromium`) or name it in `CHROMIUM`".into()
    })
}

fn text(value: &Value, field: &str) -> Result<String, String> {
    value[field].as_str().map(str::to_owned).ok_or_else(|| format!("the browser's answer has no `{field}`"))
}

fn base64(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for character in text.bytes().filter(|byte| *byte != b'=') {
        let digit = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err("not base64".into()),
        };
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Ok(bytes)
}
