//! Rows f39 to f43, f47 to f49: values, headers and settings that are meant to do harm.

use crate::common::*;
use galileo_tests::collect::{caller, collecting};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

#[test]
#[cfg(unix)]
fn f39_a_hundred_megabytes_cost_as_much_as_what_is_kept_of_them() {
    use crate::process::{play, said};
    let (backend, folder) = (Backend::start(), temporary("f39"));
    let output = play("large", &backend.url(), &folder);
    let words = said(&output);
    let numbers: Vec<u64> = words.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let [grown, micros, delivered] = numbers[..] else { panic!("{words} {output:?}") };
    assert_eq!(delivered, 18);
    assert!(grown < 4096, "memory grew by {grown} KiB");
    // Three calls, without optimisation, on a machine that is busy.
    assert!(micros < 60_000, "three calls took {micros} us");
    backend.books(|books| {
        let cut = books.spans.values().filter(|span| span.body.to_string().contains("bytes cut]")).count();
        assert_eq!(cut, 15);
    });
}

enum Bad {
    Fails,
    Panics,
    Endless,
    Deep(u32),
    Many(u32),
    Traced,
}

fn traced() -> u32 {
    Span::tool("from inside of serialize").in_scope(|| 7)
}

impl Serialize for Bad {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fails => Err(serde::ser::Error::custom("no")),
            Self::Panics => panic!("not today"),
            Self::Endless => {
                let mut all = serializer.serialize_seq(None)?;
                loop {
                    all.serialize_element("more")?;
                }
            }
            Self::Deep(0) => serializer.serialize_unit(),
            Self::Deep(left) => {
                let mut all = serializer.serialize_seq(Some(1))?;
                all.serialize_element(&Self::Deep(left - 1))?;
                all.end()
            }
            Self::Many(keys) => {
                let mut all = serializer.serialize_map(None)?;
                for key in 0..*keys {
                    all.serialize_entry(&key, &key)?;
                }
                all.end()
            }
            Self::Traced => serializer.serialize_u32(traced()),
        }
    }
}

struct EndlessText;

impl std::fmt::Debug for EndlessText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        loop {
            f.write_str("more and ")?;
        }
    }
}

#[galileo::log(span_type = "tool")]
fn takes(value: &Bad) -> u32 {
    u32::from(matches!(value, Bad::Fails))
}

#[galileo::log(span_type = "tool")]
fn prints(value: &EndlessText) -> usize {
    size_of_val(value)
}

fn continued(trace: &str, span: &str) -> galileo::Context {
    let mut headers = http::HeaderMap::new();
    headers.insert("x-galileo-trace-id", trace.parse().unwrap());
    headers.insert("x-galileo-parent-id", span.parse().unwrap());
    galileo::Context::extract(&headers)
}

/// What the collector sees of `run`, whose spans belong to one trace.
fn recorded(spans: usize, run: impl FnOnce()) -> Vec<galileo_tests::collect::Seen> {
    collecting();
    let caller = caller();
    continued(&caller.0, &caller.1).wrap(run)();
    let seen = collecting().wait_for(&caller.0, |seen| seen.len() >= spans);
    assert_eq!(seen.len(), spans, "{seen:?}");
    seen
}

fn input(span: &galileo_tests::collect::Seen) -> &str {
    span.text(galileo::model::Field::Argument)
}

pub(crate) fn f40() {
    let seen = recorded(4, || {
        assert_eq!((takes(&Bad::Fails), takes(&Bad::Panics), takes(&Bad::Endless)), (1, 0, 0));
        assert_eq!(prints(&EndlessText), 0);
    });
    let by_time = {
        let mut seen = seen;
        seen.sort_by_key(|span| span.started);
        seen
    };
    assert!(input(&by_time[0]).contains("Bad") && input(&by_time[1]).contains("Bad"), "{by_time:?}");
    for endless in &by_time[2..] {
        let text = input(endless);
        assert!(text.contains("more") && text.len() <= 70_000, "{} bytes", text.len());
    }
}

pub(crate) fn f41() {
    struct Cycle(RefCell<Option<Rc<Cycle>>>);
    impl Serialize for Cycle {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("next", &self.0.borrow().as_deref())?;
            map.end()
        }
    }
    #[galileo::log(span_type = "tool")]
    fn cycle(value: &Cycle) -> bool {
        value.0.borrow().is_some()
    }
    let small = |run: fn()| std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap().join().unwrap();
    small(|| {
        let seen = recorded(3, || {
            takes(&Bad::Deep(1_000_000));
            takes(&Bad::Many(1_000_000));
            let knot = Rc::new(Cycle(RefCell::new(None)));
            *knot.0.borrow_mut() = Some(knot.clone());
            assert!(cycle(&knot));
            knot.0.borrow_mut().take();
        });
        for span in seen {
            let text = input(&span);
            let value: serde_json::Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert!(text.len() <= 70_000, "{} bytes", text.len());
            drop(value);
        }
    });
}

pub(crate) fn f42() {
    let lock = std::sync::Arc::new(std::sync::Mutex::new(vec![1, 2]));
    let theirs = lock.clone();
    struct Locked(std::sync::Arc<std::sync::Mutex<Vec<i32>>>);
    impl Serialize for Locked {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.lock().unwrap().serialize(serializer)
        }
    }
    #[galileo::log(span_type = "tool")]
    fn locks(value: &Locked) -> usize {
        // While the span is open the lock is ours to take.
        value.0.lock().unwrap().len()
    }
    #[galileo::log(span_type = "tool")]
    fn borrows(cell: &RefCell<Vec<i32>>) -> usize {
        cell.borrow_mut().push(3);
        cell.borrow().len()
    }
    let seen = recorded(4, || {
        assert_eq!(takes(&Bad::Traced), 0);
        assert_eq!(locks(&Locked(theirs)), 2);
        assert_eq!(borrows(&RefCell::new(vec![1])), 2);
    });
    assert!(seen.iter().any(|span| span.name == "from inside of serialize"));
    assert_eq!(lock.lock().unwrap().len(), 2);
}

#[galileo::log(span_type = "tool")]
fn mixed(value: &Mixed) -> usize {
    value.text.len()
}

#[derive(Clone, Debug, Serialize)]
struct Mixed {
    float: f64,
    large: u128,
    keys: BTreeMap<i64, bool>,
    bytes: Vec<u8>,
    text: String,
    character: char,
}

pub(crate) fn f43() {
    use proptest::prelude::*;
    let floats = prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), any::<f64>()];
    let value = (
        floats,
        any::<u128>(),
        proptest::collection::btree_map(any::<i64>(), any::<bool>(), 0..4),
        proptest::collection::vec(any::<u8>(), 0..40),
        ".{0,40}",
        any::<char>(),
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let fixed = ["\0", "\u{202e}evil", "\u{1b}[31m", "\\ud800", "\u{feff}", "\"\\\n\r\t"];
    let run =
        |(float, large, keys, bytes, text, character): (f64, u128, BTreeMap<i64, bool>, Vec<u8>, String, char)| {
            let value = Mixed { float, large, keys, bytes, text, character };
            let seen = recorded(1, || {
                mixed(&value);
            });
            let read: serde_json::Value = serde_json::from_str(input(&seen[0]))
                .map_err(|error| TestCaseError::fail(format!("{error}: {}", input(&seen[0]))))?;
            prop_assert_eq!(read["text"].as_str(), Some(value.text.as_str()));
            let shown = read["character"].as_str().map(str::to_owned);
            prop_assert_eq!(shown, Some(value.character.to_string()));
            prop_assert_eq!(read["keys"].as_object().map(serde_json::Map::len), Some(value.keys.len()));
            Ok(())
        };
    runner.run(&value, run).unwrap();
    for text in fixed {
        run((f64::NAN, u128::MAX, BTreeMap::new(), vec![0xff, 0], text.to_owned(), '\u{2028}')).unwrap();
    }
}

#[test]
fn f47_hostile_headers_mean_no_parent_and_nothing_worse() {
    let start = Instant::now();
    let long = "a".repeat(1 << 20);
    let uuid = "8e69c645-b678-45e1-9c61-dcbed822f9db";
    let rows: Vec<(&str, Vec<(&str, Vec<u8>)>)> = vec![
        ("a megabyte", vec![("x-galileo-trace-id", long.clone().into_bytes())]),
        ("control characters", vec![("x-galileo-trace-id", b"8e69c645\tb678".to_vec())]),
        ("not text", vec![("traceparent", vec![0xff, 0xfe, 0x80]), ("x-galileo-trace-id", vec![0xff; 36])]),
        ("a look-alike", vec![("x-galileo-trace-id", "８e69c645-b678-45e1-9c61-dcbed822f9db".into())]),
        ("another version", vec![("x-galileo-trace-id", b"01890a5d-ac96-774b-bcce-b302099a8057".to_vec())]),
        (
            "two that differ",
            vec![
                ("x-galileo-trace-id", uuid.into()),
                ("x-galileo-trace-id", b"1e69c645-b678-45e1-9c61-dcbed822f9db".to_vec()),
            ],
        ),
        ("ten thousand lines", (0..10_000).map(|_| ("baggage", b"key=value".to_vec())).collect()),
        ("zeros", vec![("traceparent", b"00-00000000000000000000000000000000-0000000000000000-01".to_vec())]),
        ("a megabyte of state", vec![("tracestate", long.into_bytes())]),
    ];
    for (name, lines) in rows {
        let mut headers = http::HeaderMap::new();
        for (key, value) in lines {
            let name = http::HeaderName::from_bytes(key.as_bytes()).unwrap();
            if let Ok(value) = http::HeaderValue::from_bytes(&value) {
                headers.append(name, value);
            }
        }
        let context = galileo::Context::extract(&headers);
        assert!(context.span_id().is_none(), "{name}: {context:?}");
        let mut out = http::HeaderMap::new();
        context.inject(&mut out);
        let bytes: usize = out.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        assert!(bytes <= 9 << 10, "{name}: {bytes} bytes go out");
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn f48_hostile_settings_are_an_error_or_safe() {
    let _turn = turn();
    let backend = Backend::start();
    let url = backend.url();
    let rows = [
        ("GALILEO_API_URL", "http://user:hunter22@127.0.0.1:1/".to_owned()),
        ("GALILEO_API_URL", "http://127.0.0.1:1/with space".to_owned()),
        ("GALILEO_API_URL", "http://127.0.0.1:1/\r\nX: y".to_owned()),
        ("GALILEO_API_URL", "ftp://127.0.0.1".to_owned()),
        ("GALILEO_API_KEY", "key\r\nX-Injected: yes".to_owned()),
        ("GALILEO_PROJECT", "name\nwith a line".to_owned()),
        ("GALILEO_EXTRA_HEADERS", "{\"X-A\": \"1\\r\\nX-B: 2\"}".to_owned()),
        ("GALILEO_SPOOL", "sometimes".to_owned()),
        ("GALILEO_QUEUE_BYTES", "minus one".to_owned()),
    ];
    for (name, value) in rows {
        let config = config(&url).variable(name, value.clone());
        match config.init() {
            Err(error) => {
                let text = format!("{error} {error:?}");
                assert!(!text.contains("hunter22") && !text.contains('\r'), "{name}: {text}");
            }
            Ok(guard) => {
                drop(guard);
                panic!("{name}={value:?} was taken");
            }
        }
    }
    // As long as it may be, and ten megabytes.
    let guard = config(&url).project("p".repeat(4096)).service_name("s".repeat(4096)).init().unwrap();
    trace("long names");
    all_arrived(&guard.shutdown(LONG), &backend, 3);
    assert!(config(&url).project("p".repeat(10 << 20)).init().is_err());
}

#[test]
fn f49_secrets_are_masked_on_the_wire_and_on_the_disk() {
    #[derive(Serialize)]
    struct Login {
        user: &'static str,
        password: &'static str,
        nested: HashMap<&'static str, &'static str>,
    }
    #[galileo::log(span_type = "tool")]
    fn login(login: &Login, api_key: &str, note: &str) -> usize {
        login.user.len() + api_key.len() + note.len() + login.password.len() + login.nested.len()
    }
    let _turn = turn();
    for spool in [SpoolMode::OnFailure, SpoolMode::Always] {
        let (backend, folder) = (Backend::start(), temporary("f49"));
        backend.always(Some(Fault::Answer(503, "", "")));
        let rule = galileo::config::RedactionRule::shape("acme_", 6);
        let config = config(&backend.url()).spool(spool).spool_dir(&folder).redact(rule);
        let guard = config.init().unwrap();
        let nested = HashMap::from([("Authorization", "Bearer hunter-in-a-header")]);
        login(
            &Login { user: "ada", password: "hunter-in-a-field", nested },
            "hunter-in-an-argument",
            "sk-hunterinatext0123456789 and acme_hunter12345",
        );
        let on_disk = |when: &str| {
            for file in walk(&folder) {
                let bytes = std::fs::read(&file).unwrap();
                assert!(!bytes.windows(6).any(|window| window == b"hunter"), "{spool:?} {when}: {file:?}");
            }
        };
        on_disk("while it runs");
        let report = guard.shutdown(SHORT);
        assert_eq!((report.spooled, walk(&folder).is_empty()), (1, false), "{report}");
        on_disk("after it");
        backend.always(None);
        let guard = self::config(&backend.url()).spool(spool).spool_dir(&folder).init().unwrap();
        all_arrived(&guard.shutdown(LONG), &backend, 1);
        backend.books(|books| {
            let text = books.spans.values().next().unwrap().body.to_string();
            assert!(text.contains("ada") && !text.contains("hunter"), "{text}");
        });
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
#[cfg(unix)]
fn f45_an_overflow_is_said_once_and_counted() {
    use crate::process::{play, said};
    let (backend, folder) = (Backend::start(), temporary("f45"));
    backend.always(Some(Fault::Answer(503, "", "retry-after: 60\r\n")));
    let output = play("overflowing", &backend.url(), &folder);
    let words = said(&output);
    let numbers: Vec<u64> = words.split_whitespace().map(|word| word.parse().unwrap()).collect();
    assert!(numbers[0] == 9000 && numbers[1] > 5000, "{words}");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("galileo: ")).collect();
    assert!(!lines.is_empty() && lines.len() <= 4, "{text}");
}

/// These share the collector, which records for as long as its process lives, so they run in a process of their own.
#[test]
#[cfg(unix)]
fn f40_f41_f42_f43_no_value_hurts_the_program() {
    use crate::process::{play, said};
    let folder = temporary("f40");
    for row in ["f40", "f41", "f42", "f43"] {
        let output = play(row, "http://127.0.0.1:1", &folder);
        assert!(output.status.success() && said(&output) == "done\n", "{row}: {output:?}");
    }
}
