//! The security checklist of the SDK, as far as other tests do not have it already: docs/reliability.md names the check of each line.

use crate::common::*;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

const KEY: &str = "key-of-the-test";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    walk(folder).into_iter().filter(rust).map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn s01_unsafe_code_stands_in_two_modules_each_with_its_reasons() {
    let mut allowed = Vec::new();
    for package in ["runtime", "macros", "console", "examples"] {
        for (path, text) in sources(&root().join(package).join("src")) {
            // Generated code of the macro is text there, so the attribute is looked for at the start of a line.
            if text.lines().any(|line| line.starts_with("#![") && line.contains("allow(unsafe_code)")) {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let blocks = text.matches("unsafe {").count();
                let reasons = text.matches("// SAFETY:").count();
                assert!(reasons >= blocks && blocks > 0, "{name}: {blocks} blocks, {reasons} reasons");
                allowed.push(name);
            }
        }
    }
    allowed.sort();
    assert_eq!(allowed, ["chunk.rs", "os.rs"], "decision records 4 and 5");
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"deny\""));
}

fn shows_no_key(value: &dyn Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(!text.contains(KEY) && !text.contains("a2V5LW9mLXRoZS10ZXN0"), "{text}");
    }
}

#[test]
fn s02_no_type_and_no_message_shows_a_key() {
    use crate::process::play;
    let _turn = turn();
    let backend = Backend::start();
    let set = || {
        config(&backend.url())
            .variable("LANGSMITH_API_KEY", KEY)
            .variable("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization={KEY}"))
            .variable("GALILEO_EXTRA_HEADERS", format!("{{\"x-extra\": \"{KEY}\"}}"))
    };
    shows_no_key(&set());
    let errors = [
        set().api_url("http://galileo.example").init().unwrap_err(),
        set().variable("GALILEO_EXTRA_HEADERS", format!("{{\"x\": {KEY}")).init().unwrap_err(),
        set().api_key(format!("{KEY}\n")).api_url("not an address").init().unwrap_err(),
        set().variable("OTEL_EXPORTER_OTLP_HEADERS", KEY).init().unwrap_err(),
    ];
    for error in errors {
        shows_no_key(&error);
        assert!(!error.to_string().contains(KEY), "{error}");
    }
    let guard = set().init().unwrap();
    trace("secretive");
    shows_no_key(&guard);
    shows_no_key(&galileo::status());
    shows_no_key(&guard.shutdown(LONG));
    // Everything that the SDK and its HTTP client have to say, while all goes wrong.
    for fault in [
        Fault::Answer(401, "{\"detail\":\"no\"}", ""),
        Fault::Answer(302, "", "location: http://127.0.0.1:1/\r\n"),
        Fault::Answer(500, "x", ""),
        Fault::ResetIn(20),
        Fault::CutAnswer,
    ] {
        let backend = Backend::start();
        backend.always(Some(fault.clone()));
        let folder = temporary("s02");
        let output = play("talkative", &backend.url(), &folder);
        let all = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&all);
        assert!(text.contains("galileo: debug:"), "{fault:?}: it says nothing: {text}");
        assert!(!text.contains(KEY), "{fault:?}: {text}");
        backend.books(|books| assert!(books.keys.iter().all(|key| !key.contains('\n'))));
        let _ = fs::remove_dir_all(folder);
    }
}

#[test]
fn s03_a_key_is_in_no_address_and_on_no_disk() {
    let _turn = turn();
    for mode in [SpoolMode::OnFailure, SpoolMode::Always] {
        let (backend, folder) = (Backend::start(), temporary("s03"));
        backend.faults([Fault::Answer(503, "", ""), Fault::Answer(401, "", "")]);
        let guard = config(&backend.url()).spool(mode).spool_dir(&folder).init().unwrap();
        trace("plain");
        guard.flush(SHORT);
        for file in walk(&folder) {
            let bytes = fs::read(&file).unwrap();
            assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{file:?}");
        }
        drop(guard);
        backend.books(|books| assert!(books.requests.iter().all(|(_, what, _)| !what.contains(KEY))));
        let _ = fs::remove_dir_all(folder);
    }
}

#[test]
fn s04_https_is_for_all_but_this_machine() {
    let _turn = turn();
    for url in ["http://galileo.example", "http://10.0.0.1", "http://127.0.0.1.example.com", "http://localhost.example"]
    {
        assert!(config(url).init().is_err(), "{url}");
    }
    for url in ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9", "https://galileo.example"] {
        let guard = config(url).init();
        assert!(guard.is_ok(), "{url}: {guard:?}");
        drop(guard.unwrap().shutdown(Duration::ZERO));
    }
    // Nothing of ours switches the check of certificates off.
    for (path, text) in sources(&root().join("runtime/src")) {
        for off in ["danger_accept", "dangerous()", "NoVerification", "tls_certs_only"] {
            assert!(!text.contains(off), "{}: {off}", path.display());
        }
    }
}

#[test]
fn s16_no_unwrap_stands_on_a_path_of_the_sdk() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unwrap_used = \"warn\"") && manifest.contains("todo = \"warn\""));
    let mut found = Vec::new();
    for (path, text) in sources(&root().join("runtime/src")) {
        let is_test = path.to_string_lossy().contains("test");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for line in code.lines().filter(|line| !is_test && !line.trim_start().starts_with("//")) {
            if [".unwrap()", ".expect(\"", "unreachable!(", "panic!("].iter().any(|call| line.contains(call)) {
                found.push(format!("{}: {}", path.display(), line.trim()));
            }
        }
    }
    // What tests alone can reach says so with `cfg(test)` above it.
    found.retain(|line| {
        !line.contains("failpoint") && !line.contains("killed in a write") && !line.contains("injected")
    });
    assert!(found.len() <= 12, "{}", found.join("\n"));
}

#[test]
fn s18_the_macros_touch_nothing_outside_of_the_compiler() {
    let folder = root().join("macros");
    assert!(!folder.join("build.rs").exists());
    for (path, text) in sources(&folder.join("src")) {
        let is_test = path.to_string_lossy().contains("tests");
        for outside in ["std::fs", "std::net", "std::process", "std::env", "env!(", "include_str!", "include_bytes!"] {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            assert!(is_test || !code.contains(outside), "{}: {outside}", path.display());
        }
    }
}

#[test]
fn s20_without_a_key_nothing_starts_and_nothing_is_sent() {
    let _turn = turn();
    let backend = Backend::start();
    for url in ["https://app.galileo.ai", "https://galileo.example"] {
        let error = Config::builder().without_dotenv().api_url(url).init().unwrap_err();
        assert!(error.to_string().contains("GALILEO_API_KEY"), "{error}");
        assert!(!galileo::status().recording);
    }
    trace("nobody records");
    let guard = config(&backend.url()).variable("GALILEO_LOGGING_DISABLED", "true").init().unwrap();
    trace("switched off");
    drop(guard);
    assert_eq!(backend.connections(), 0);
}
