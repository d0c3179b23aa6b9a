//! Secrets by their looks: keys and tokens of well-known shapes inside captured values are masked here, on the worker, before any
//! exporter, hook or spool sees the record (design decision D10). What bears the name of a secret was left out by the caller already.
//!
//! Linear in the length of the value: a secret is a long run of token characters, so only such runs are looked at, each once. Masking
//! keeps the length, which keeps records and JSON whole.

use crate::config::RedactionRule;
use crate::model::ValueKind;
use crate::model::part;
use std::sync::Arc;

/// A run shorter than this is no secret that could be known by its looks.
const SHORTEST: usize = 15;
const BLOCK: usize = 8;

/// How a kind of secret begins, and how many token characters follow at least.
const SHAPES: [(&[u8], usize); 48] = [
    (b"sk-", 16),
    (b"sk_live_", 10),
    (b"sk_test_", 10),
    (b"rk_live_", 10),
    (b"pk_live_", 10),
    (b"whsec_", 16),
    (b"ghp_", 30),
    (b"gho_", 30),
    (b"ghu_", 30),
    (b"ghs_", 30),
    (b"ghr_", 30),
    (b"github_pat_", 22),
    (b"glpat-", 16),
    (b"AKIA", 16),
    (b"ASIA", 16),
    (b"AIza", 30),
    (b"ya29.", 20),
    (b"xoxb-", 10),
    (b"xoxp-", 10),
    (b"xoxa-", 10),
    (b"xoxs-", 10),
    (b"xapp-", 10),
    (b"hf_", 30),
    (b"gsk_", 30),
    (b"xai-", 30),
    (b"lsv2_pt_", 20),
    (b"lsv2_sk_", 20),
    (b"npm_", 30),
    (b"pypi-", 40),
    (b"dop_v1_", 40),
    (b"SG.", 40),
    (b"shpat_", 30),
    (b"EAACEdEose0cBA", 10),
    (b"r8_", 30),
    (b"pplx-", 30),
    (b"tvly-", 20),
    (b"pcsk_", 30),
    (b"sq0atp-", 20),
    (b"key-", 32),
    (b"dapi", 32),
    (b"hvs.", 24),
    (b"glsa_", 30),
    (b"NRAK-", 20),
    (b"PMAK-", 30),
    (b"figd_", 30),
    (b"lin_api_", 30),
    (b"ntn_", 30),
    (b"sbp_", 30),
];

/// What is masked in values.
#[derive(Clone, Debug)]
pub(crate) struct Redaction {
    /// Secrets of well-known shapes.
    known: bool,
    rules: Arc<[RedactionRule]>,
}

impl Redaction {
    /// `None` when nothing is to be masked.
    pub(crate) fn new(known: bool, rules: Vec<RedactionRule>) -> Option<Self> {
        (known || !rules.is_empty()).then(|| Self { known, rules: rules.into() })
    }

    /// Masks the secrets in the values of a run of parts.
    pub(crate) fn mask(&self, parts: &mut [u8]) {
        part::for_each_value(parts, |kind, value| {
            if matches!(kind, ValueKind::Text | ValueKind::Json | ValueKind::Debug) {
                if self.known {
                    mask_value(value);
                }
                for rule in self.rules.iter() {
                    rule.mask(kind, value);
                }
            }
        });
    }
}

/// Masks the secrets in one text.
fn mask_value(text: &mut [u8]) {
    let mut at = 0;
    let mut keys_sought = false;
    while let Some(start) = next_run(text, at) {
        let end = start + text[start..].iter().position(|&byte| !is_token(byte)).unwrap_or(text.len() - start);
        at = end;
        if end - start < SHORTEST {
            continue;
        }
        if !std::mem::replace(&mut keys_sought, true) {
            mask_private_keys(text);
        }
        mask_run(text, start, end);
    }
}

/// The start of the next run of token characters that may be long enough. A run of fifteen covers a whole block wherever it begins, so
/// only blocks are looked at, and nearly all of them only as one word: ordinary text has a space or a quote in it.
fn next_run(text: &[u8], from: usize) -> Option<usize> {
    let first = from.div_ceil(BLOCK) * BLOCK;
    let (blocks, _) = text.get(first..)?.as_chunks::<BLOCK>();
    let is_run =
        |block: &[u8; BLOCK]| may_be_run(u64::from_le_bytes(*block)) && block.iter().all(|&byte| is_token(byte));
    let inside = first + blocks.iter().position(is_run)? * BLOCK;
    let before = text[from..inside].iter().rev().take_while(|&&byte| is_token(byte)).count();
    Some(inside - before)
}

/// Whether each of eight bytes is ASCII and not below `%`, the first of the token characters.
#[inline(always)]
fn may_be_run(word: u64) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // The subtraction sets the high bit of the lowest byte that is too small; those above it may then be wrong, and do not matter.
    (word.wrapping_sub(EACH * b'%' as u64) | word) & (EACH << 7) == 0
}

/// Characters of keys, tokens and addresses. Written without branches, so that a block is one comparison.
#[inline(always)]
fn is_token(byte: u8) -> bool {
    (byte.wrapping_sub(b'a') < 26)
        | (byte.wrapping_sub(b'A') < 26)
        | (byte.wrapping_sub(b'-') < 14) // - . / 0 to 9 :
        | (byte == b'_')
        | (byte == b'=')
        | (byte == b'+')
        | (byte == b'@')
        | (byte == b'%')
        | (byte == b'~')
}

/// Characters inside a key; narrower than those of a run, which may be an address with a key in it.
fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn mask_run(text: &mut [u8], start: usize, end: usize) {
    let login = text[..start].ends_with(b"earer ") || text[..start].ends_with(b"asic ");
    // After these words nearly everything is a secret, but for a word of a language.
    if login && text[start..end].iter().skip(1).any(|byte| !byte.is_ascii_lowercase() && *byte != b'-') {
        text[start..end].fill(b'*');
        return;
    }
    mask_userinfo(&mut text[start..end]);
    mask_account_key(&mut text[start..end]);
    let mut at = start;
    while at + SHORTEST <= end {
        let begins = at == start || !is_key(text[at - 1]);
        let length = text[at..end].iter().take_while(|&&byte| is_key(byte)).count();
        if begins && length >= SHORTEST {
            let word = &text[at..at + length];
            let shape =
                SHAPES.iter().find(|(prefix, least)| word.starts_with(prefix) && length >= prefix.len() + least);
            if let Some((prefix, _)) = shape
                && is_made_up(&word[prefix.len()..])
            {
                text[at + prefix.len()..at + length].fill(b'*');
            } else if is_jwt(word) {
                text[at + 3..at + length].fill(b'*');
            }
        }
        at += length.max(1);
    }
}

/// Whether a machine has chosen the letters: somewhere many stand together, with a digit or a capital among them.
/// Words of a language that are joined by hyphens do not look like that.
fn is_made_up(word: &[u8]) -> bool {
    word.split(|byte| !byte.is_ascii_alphanumeric()).filter(|letters| letters.len() >= 10).any(|letters| {
        // The first letter of a sentence is a capital as well.
        letters.iter().skip(1).any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    })
}

/// Three parts between dots, of which the first two are JSON objects in base64.
fn is_jwt(word: &[u8]) -> bool {
    let mut parts = word.split(|&byte| byte == b'.');
    let (Some(head), Some(body), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    head.starts_with(b"eyJ") && body.starts_with(b"eyJ") && head.len() > 8
}

/// The password in `scheme://user:password@host`.
fn mask_userinfo(run: &mut [u8]) {
    let Some(scheme) = run.windows(3).position(|three| three == b"://") else { return };
    let from = scheme + 3;
    let rest = &run[from..];
    let authority = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    let Some(host) = rest[..authority].iter().rposition(|&byte| byte == b'@') else { return };
    if let Some(colon) = rest[..host].iter().position(|&byte| byte == b':') {
        run[from + colon + 1..from + host].fill(b'*');
    }
}

/// The key in `AccountKey=..` of a connection string.
fn mask_account_key(run: &mut [u8]) {
    const NAME: &[u8] = b"AccountKey=";
    if let Some(at) = run.windows(NAME.len()).position(|window| window == NAME) {
        run[at + NAME.len()..].fill(b'*');
    }
}

/// Everything between the lines that begin and end a private key in PEM form.
fn mask_private_keys(text: &mut [u8]) {
    const HEAD: &[u8] = b"PRIVATE KEY-----";
    const TAIL: &[u8] = b"-----END";
    let find = |text: &[u8], what: &[u8]| text.windows(what.len()).position(|window| window == what);
    let mut from = 0;
    while let Some(head) = find(&text[from..], HEAD) {
        let start = from + head + HEAD.len();
        let end = find(&text[start..], TAIL).map_or(text.len(), |tail| start + tail);
        // A quote would end the JSON string around it; a cut value has no end line.
        for byte in &mut text[start..end] {
            if !matches!(byte, b'"' | b'}' | b']') {
                *byte = b'*';
            }
        }
        // The end line names the key as well.
        from = (end + TAIL.len() + 32).min(text.len());
    }
}

#[cfg(test)]
mod corpus;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::part::PartIter;
    use crate::model::{Field, Parts};

    fn masked(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        mask_value(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    /// Every shape with letters that no real key has.
    fn positives() -> Vec<String> {
        let body = "Zz09aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvV";
        SHAPES
            .iter()
            .map(|(prefix, least)| {
                format!("{}{}", std::str::from_utf8(prefix).unwrap(), &body[..(*least).clamp(20, 48)])
            })
            .collect()
    }

    #[test]
    fn each_known_shape_is_masked_wherever_it_stands() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N";
        let mut missed = Vec::new();
        for secret in positives().into_iter().chain([jwt.to_owned()]) {
            for frame in [
                "{}",
                "the key is {} .",
                "{\"key\":\"{}\"}",
                "curl -H 'x: {}' y",
                "https://host/path?key={}&b=1",
                "a={}",
                "KEY:{},",
                "ä {} ö",
            ] {
                let text = frame.replace("{}", &secret);
                let shown = masked(&text);
                assert_eq!(shown.len(), text.len());
                if shown.contains(&secret[secret.len() - 6..]) {
                    missed.push(text);
                }
            }
        }
        assert!(missed.is_empty(), "{missed:#?}");
    }

    #[test]
    fn logins_in_headers_and_addresses_are_masked() {
        let rows = [
            ("Authorization: Bearer abcdef0123456789xyz", "Authorization: Bearer *******************"),
            ("Basic dXNlcjpwYXNzd29yZA==", "Basic ********************"),
            ("postgres://app:hunter22@db.internal:5432/x", "postgres://app:********@db.internal:5432/x"),
            ("https://user@example.com/a/b", "https://user@example.com/a/b"),
        ];
        for (text, shown) in rows {
            assert_eq!(masked(text), shown);
        }
    }

    #[test]
    fn private_keys_are_masked_and_json_around_them_stays_whole() {
        let key = "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\\nBKcwggSjAgEAAoIBAQC7\\n-----END PRIVATE KEY-----\\n";
        let shown = masked(&format!("{{\"pem\":\"{key}\",\"b\":1}}"));
        assert!(!shown.contains("MIIE") && !shown.contains("BKcw"), "{shown}");
        assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok(), "{shown}");
        let cut = masked("{\"pem\":\"-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\"}");
        assert!(!cut.contains("MIIE") && serde_json::from_str::<serde_json::Value>(&cut).is_ok(), "{cut}");
    }

    #[test]
    fn what_only_looks_long_is_left_alone() {
        let texts = [
            "The quick brown fox jumps over the lazy dog, counterrevolutionaries and all.",
            "8e69c645-b678-45e1-9c61-dcbed822f9db",
            "https://api.galileo.ai/v2/projects/8e69c645-b678-45e1-9c61-dcbed822f9db/spans?limit=100",
            "risk-assessment-and-task-management-of-desk-research",
            "src/pipeline/combine/outcome.rs:120:9",
            "2026-11-20T19:17:07.848376Z",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "task-sk-learn",
            "mailto:first.last@example.com",
            "eyJust.a.word.with.dots.in.it",
        ];
        for text in texts {
            assert_eq!(masked(text), text);
        }
        // A thousand sentences of ordinary words.
        let words = [
            "retrieval",
            "augmented",
            "generation",
            "of",
            "documents",
            "with",
            "sk",
            "ghosts",
            "AKIAs",
            "hf",
            "bearer",
            "tokens",
        ];
        for seed in 0..1000_usize {
            let text: Vec<&str> = (0..12).map(|i| words[(seed * 7 + i * (seed % 5 + 1)) % words.len()]).collect();
            let text = text.join(" ");
            assert_eq!(masked(&text), text);
        }
    }

    #[test]
    fn the_values_of_a_record_are_masked_in_place() {
        let mut bytes = Vec::new();
        let mut parts = Parts::new(&mut bytes);
        parts.text(Field::Argument, "note", "use sk-abcdefghij0123456789 for it");
        parts.uint(Field::Metric, "n", u64::MAX);
        parts.push(Field::Output, "", ValueKind::Json, br#"{"a":"ghp_abcdefghijABCDEFGHIJabcdefghij012345"}"#);
        Redaction::new(true, Vec::new()).unwrap().mask(&mut bytes);
        let read: Vec<_> = PartIter(&bytes).collect();
        assert_eq!(read[0].text(), "use sk-******************** for it");
        assert_eq!(read[1].as_u64(), Some(u64::MAX));
        assert!(!read[2].text().contains("abcdefghij"));
    }

    #[test]
    fn time_is_linear_in_the_length() {
        // Runs, near misses and separators, each of which a careless scan would look at again and again.
        for unit in ["sk-", "eyJ.", "://@:", "-----BEGIN PRIVATE KEY-----", "a", "Bearer "] {
            let mut text = unit.repeat(1024 * 1024 / unit.len()).into_bytes();
            let start = std::time::Instant::now();
            mask_value(&mut text);
            assert!(start.elapsed() < std::time::Duration::from_secs(20), "{unit}: {:?}", start.elapsed());
        }
    }
}
