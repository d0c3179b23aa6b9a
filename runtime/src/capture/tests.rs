use super::json::write_value;
use super::{ErrorProbe, Probe, Value, escape, is_secret_name, write_json};
use crate::model::ValueKind;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

fn json<T: Serialize + ?Sized>(value: &T) -> String {
    limited(value, 64 * 1024)
}

fn limited<T: Serialize + ?Sized>(value: &T, limit: usize) -> String {
    let mut out = Vec::new();
    write_value(&mut out, value, limit).expect("serialisable");
    String::from_utf8(out).expect("UTF-8")
}

fn captured(value: Value<'_>) -> (ValueKind, String) {
    let mut out = Vec::new();
    let kind = value.write(&mut out);
    (kind, String::from_utf8(out).expect("UTF-8"))
}

/// A repeatable source of random values; the seed is printed by the failing assertion.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn text(&mut self) -> String {
        let alphabet =
            ['a', 'Z', ' ', '"', '\\', '\n', '\u{1}', '\u{7f}', 'é', '漢', '🦀', '/', '\u{2028}', 'x', 'y', 'z'];
        let (length, plain) = (self.next(90), self.next(2) == 0);
        (0..length).map(|_| if plain { 'p' } else { alphabet[self.next(16) as usize] }).collect()
    }

    fn value(&mut self, depth: u32) -> serde_json::Value {
        use serde_json::Value::*;
        match self.next(if depth == 0 { 5 } else { 7 }) {
            0 => Null,
            1 => Bool(self.next(2) == 0),
            2 => serde_json::json!(self.next(1 << 30) as i64 - (1 << 29)),
            3 => serde_json::json!((self.next(1 << 30) as f64 - 5e8) / 1024.0),
            4 => String(self.text()),
            5 => Array((0..self.next(5)).map(|_| self.value(depth - 1)).collect()),
            _ => Object((0..self.next(5)).map(|i| (format!("{i}{}", self.text()), self.value(depth - 1))).collect()),
        }
    }
}

#[test]
fn escaping_equals_serde_json_for_generated_texts() {
    for seed in 0..3000 {
        let text = Random(seed).text();
        let mut out = vec![b'"'];
        escape(&mut out, &text);
        out.push(b'"');
        assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&text).unwrap(), "seed {seed}");
    }
}

#[test]
fn json_equals_serde_json_for_generated_values() {
    for seed in 0..2000 {
        let value = Random(seed).value(4);
        let written: serde_json::Value = serde_json::from_str(&json(&value)).expect("valid JSON");
        assert_eq!(written, value, "seed {seed}");
    }
}

#[test]
fn json_is_valid_and_short_wherever_it_is_cut() {
    for seed in 0..300 {
        let value = Random(seed).value(5);
        let whole = json(&value).len();
        for limit in (0..whole + 8).step_by(1 + whole / 40) {
            let cut = limited(&value, limit);
            assert!(serde_json::from_str::<serde_json::Value>(&cut).is_ok(), "seed {seed}, limit {limit}: {cut}");
            assert!(cut.len() <= limit + 400, "seed {seed}, limit {limit}: {} bytes", cut.len());
        }
    }
}

#[test]
fn a_cut_value_says_how_much_is_missing() {
    assert_eq!(limited("abcdefghij", 5), r#""abcd...[6 bytes cut]""#);
    assert_eq!(limited(&["aaaaaaaa", "bbbbbbbb", "cc"], 12), r#"["aaaaaaaa","...[8 bytes cut]","...[4 bytes cut]"]"#);
    assert_eq!(limited(&[vec![1, 2, 3], vec![4, 5, 6]], 5), r#"[[1,2,"...[1 bytes cut]"],"...[5 bytes cut]"]"#);
    let map = BTreeMap::from([("a", "xxxxxxxxxx"), ("b", "yyyyyyyyyy")]);
    assert_eq!(limited(&map, 10), r#"{"a":"xxxx...[6 bytes cut]","...":"...[20 bytes cut]"}"#);
}

#[test]
fn a_hundred_megabytes_cost_what_the_limit_costs() {
    let rows = vec!["x".repeat(1000); 100_000];
    let mut out = Vec::new();
    assert!(write_json(&mut out, &rows));
    assert!(out.len() < 70_000 && out.capacity() < 200_000, "{} bytes", out.len());
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with(r#"...[more than 4104192 bytes cut]"]"#), "{}", &text[text.len() - 60..]);
    let one = limited(&"y".repeat(50_000_000), 1000);
    assert!(one.len() < 1100 && one.contains("bytes cut]"));
}

#[test]
fn numbers_that_other_readers_would_spoil_become_text() {
    assert_eq!(json(&(f64::NAN, f64::INFINITY, f64::NEG_INFINITY)), r#"["NaN","Infinity","-Infinity"]"#);
    assert_eq!(
        json(&(1u64 << 53, (1u64 << 53) + 1, -(1i64 << 53))),
        r#"[9007199254740992,"9007199254740993",-9007199254740992]"#
    );
    assert_eq!(
        json(&(7u128, u128::MAX, i128::MIN, i64::MIN)),
        format!(r#"[7,"{}","{}","{}"]"#, u128::MAX, i128::MIN, i64::MIN)
    );
    assert_eq!(json(&(0.1f32, 1.0f64, 1e300f64, 0u8, -5i8)), "[0.1,1.0,1e300,0,-5]");
}

#[test]
fn keys_that_are_no_text_become_text() {
    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
    enum Kind {
        Plain,
    }
    assert_eq!(json(&BTreeMap::from([(3, "c")])), r#"{"3":"c"}"#);
    assert_eq!(json(&BTreeMap::from([(true, 1)])), r#"{"true":1}"#);
    assert_eq!(json(&BTreeMap::from([('"', 1)])), r#"{"\"":1}"#);
    assert_eq!(json(&BTreeMap::from([(Kind::Plain, 1)])), r#"{"Plain":1}"#);
    assert_eq!(json(&BTreeMap::from([((1, "a"), 1)])), r#"{"[1,\"a\"]":1}"#);
    assert_eq!(json(&BTreeMap::from([(Some(4), 1), (None, 2)])), r#"{"null":2,"4":1}"#);
}

#[test]
fn enums_and_bytes_have_the_usual_forms() {
    #[derive(Serialize)]
    enum Shape {
        Unit,
        One(u8),
        Two(u8, u8),
        Named { side: u8 },
    }
    struct Bytes(&'static [u8]);
    impl Serialize for Bytes {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }
    let shapes = [Shape::Unit, Shape::One(1), Shape::Two(1, 2), Shape::Named { side: 3 }];
    assert_eq!(json(&shapes), serde_json::to_string(&shapes).unwrap());
    assert_eq!(json(&(Bytes(b"plain"), Bytes(&[0xff, 0]))), r#"["plain","<2 bytes>"]"#);
}

#[test]
fn fields_and_keys_that_look_secret_are_not_shown() {
    #[derive(Serialize)]
    struct Login {
        user: &'static str,
        password: &'static str,
        #[serde(rename = "apiKey")]
        key: &'static str,
        token_count: u32,
    }
    let login = Login { user: "ada", password: "hunter2", key: "sk-1", token_count: 3 };
    assert_eq!(json(&login), r#"{"user":"ada","password":"[redacted]","apiKey":"[redacted]","token_count":3}"#);
    assert_eq!(json(&HashMap::from([("Authorization", "Bearer x")])), r#"{"Authorization":"[redacted]"}"#);
}

#[test]
fn secret_names_are_known_in_all_spellings() {
    let secret = [
        "password",
        "db_password",
        "userPassword",
        "PASSWD",
        "secret",
        "client_secret",
        "clientSecret",
        "api_key",
        "apiKey",
        "x-api-key",
        "X_API_KEY",
        "apikey",
        "openai_api_key",
        "private_key_pem",
        "token",
        "auth_token",
        "accessToken",
        "id_token",
        "authorization",
        "Authorization",
        "credentials",
        "jwt",
        "session_cookie",
        "set-cookie",
        "bearer",
        "ssn",
        "cvv",
        "card_number",
        "creditCard",
        "passphrase",
        "auth",
        "signing_key",
    ];
    let harmless = [
        "query",
        "tokens",
        "max_tokens",
        "token_count",
        "next_token",
        "page_token",
        "key",
        "keys",
        "sort_key",
        "primary_key",
        "author",
        "authority",
        "pass",
        "passage",
        "compass",
        "monkey",
        "id",
        "name",
        "prompt",
        "messages",
        "secretary",
        "tokenizer",
        "keyboard",
        "card",
        "cookiecutter",
        "eos_token",
        "prompt_tokens",
        "a",
        "",
        "_",
    ];
    for name in secret {
        assert!(is_secret_name(name), "`{name}` should be redacted");
    }
    for name in harmless {
        assert!(!is_secret_name(name), "`{name}` should be shown");
    }
}

#[test]
fn deep_and_wide_values_are_bounded() {
    #[derive(Serialize)]
    struct Deep(Option<Box<Deep>>, u8);
    let deep = (0..2000).fold(Deep(None, 0), |inner, _| Deep(Some(Box::new(inner)), 1));
    let written = json(&deep);
    assert!(written.contains("deeper than 64 levels"), "{written}");
    assert!(serde_json::from_str::<serde_json::Value>(&written).is_ok());
    // Dropping 2,000 nested boxes is fine; a list of a million would not be.
    let wide: HashMap<u32, u32> = (0..1234).map(|i| (i, i)).collect();
    let written: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json(&wide)).unwrap();
    assert_eq!((written.len(), &written["..."]), (1001, &serde_json::json!("...[234 entries cut]")));
    let wider: BTreeMap<u32, u32> = (0..100_000).map(|i| (i, i)).collect();
    assert!(json(&wider).ends_with(r#","...":"...[more than 1 bytes cut]"}"#));
}

#[test]
fn user_code_that_panics_or_fails_leaves_a_marker() {
    struct Panics;
    impl fmt::Debug for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            std::panic::resume_unwind(Box::new("no debug"))
        }
    }
    struct Fails;
    impl Serialize for Fails {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no json"))
        }
    }
    let (kind, text) = captured(Probe::new(&Panics).value());
    assert_eq!(kind, ValueKind::TypeName);
    assert!(text.ends_with("Panics panicked while it was captured"), "{text}");
    let (kind, text) = captured(Probe::new(&vec![Fails]).value());
    assert_eq!(kind, ValueKind::TypeName);
    assert!(text.ends_with("Fails> failed while it was captured"), "{text}");
}

#[test]
fn the_best_way_to_capture_is_chosen_by_type() {
    #[derive(Debug)]
    struct OnlyDebug;
    struct Nothing;
    #[derive(Serialize)]
    struct Both {
        n: u8,
    }
    fn generic<T>(value: &T) -> ValueKind {
        captured(Probe::new(value).value()).0
    }
    fn bounded<T: fmt::Debug>(value: &T) -> ValueKind {
        captured(Probe::new(value).value()).0
    }
    assert_eq!(captured(Probe::new(&"raw \"text\"").value()), (ValueKind::Text, "raw \"text\"".to_owned()));
    assert_eq!(captured(Probe::new(&Some(String::from("s"))).value()).0, ValueKind::Text);
    assert_eq!(captured(Probe::new(&None::<u8>).value()).0, ValueKind::Null);
    assert_eq!(captured(Probe::new(&&mut 5u16).value()).0, ValueKind::UInt);
    assert_eq!(captured(Probe::new(&Both { n: 1 }).value()), (ValueKind::Json, r#"{"n":1}"#.to_owned()));
    assert_eq!(captured(Probe::new(&vec![OnlyDebug]).value()), (ValueKind::Debug, "[OnlyDebug]".to_owned()));
    assert!(captured(Probe::new(&Nothing).value()).1.ends_with("Nothing"));
    assert_eq!(captured(Probe::new(&|| ()).value()).0, ValueKind::TypeName);
    assert_eq!(generic(&5u8), ValueKind::TypeName);
    assert_eq!(bounded(&5u8), ValueKind::Debug);
}

#[test]
fn errors_tell_their_causes_once() {
    #[derive(Debug)]
    struct Outer {
        inner: std::num::ParseIntError,
        repeats: bool,
    }
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            if self.repeats { write!(f, "outer: {}", self.inner) } else { f.write_str("outer") }
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.inner)
        }
    }
    let outer = |repeats| Outer { inner: "x".parse::<i32>().unwrap_err(), repeats };
    let text = "outer: invalid digit found in string";
    assert_eq!(captured(ErrorProbe::new(&outer(false)).value()).1, text);
    assert_eq!(captured(ErrorProbe::new(&outer(true)).value()).1, text);
    let boxed: Box<dyn std::error::Error + Send + Sync> = outer(false).into();
    assert_eq!(captured(ErrorProbe::new(&boxed).value()).1, text);
    assert_eq!(captured(ErrorProbe::new(&"plain").value()).1, "plain");
    #[derive(Debug)]
    struct Silent;
    assert_eq!(captured(ErrorProbe::new(&Silent).value()).1, "Silent");
}

#[test]
fn text_and_debug_are_cut_at_a_character() {
    let text = "é".repeat(40_000);
    let (kind, kept) = captured(Probe::new(&text.as_str()).value());
    assert_eq!(kind, ValueKind::Text);
    assert!(kept.ends_with("é...[14464 bytes cut]"), "{}", &kept[kept.len() - 30..]);
    #[derive(Debug)]
    struct Long {
        #[allow(dead_code, reason = "Debug reads it")]
        text: String,
    }
    let (kind, kept) = captured(Probe::new(&Long { text }).value());
    assert_eq!(kind, ValueKind::Debug);
    assert!(kept.len() < 66_000 && kept.ends_with("bytes cut]"), "{}", &kept[kept.len() - 30..]);
}
