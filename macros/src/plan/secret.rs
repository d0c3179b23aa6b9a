//! Names that look like those of secrets.
//!
//! `galileo-sdk-macros` asks about parameters at compile time and `galileo-sdk` about fields of serialised values, so this file stands in
//! both crates, byte for byte the same (a test compares them). It errs towards redaction; `capture(name)` is the way out.

/// Whether a parameter, field or key of this name probably holds a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    may_be_secret(name.as_bytes()) && {
        let mut words = [""; 8];
        let count = split(name, &mut words);
        is_secret(&words[..count])
    }
}

/// Alone enough.
const WORDS: [&str; 29] = [
    "password",
    "passwords",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "secret",
    "secrets",
    "credential",
    "credentials",
    "authorization",
    "jwt",
    "cookie",
    "cookies",
    "bearer",
    "apikey",
    "apikeys",
    "accesskey",
    "privatekey",
    "secretkey",
    "clientsecret",
    "apitoken",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "sessiontoken",
    "ssn",
    "cvv",
    "cvc",
];

/// A `key` after one of these is a secret.
const KEYS: [&str; 10] =
    ["api", "access", "private", "secret", "signing", "encryption", "auth", "master", "account", "subscription"];

/// A `token` after one of these is a piece of text, a cursor or a signal, no credential.
const HARMLESS_TOKENS: [&str; 32] = [
    "next",
    "page",
    "continuation",
    "cursor",
    "first",
    "last",
    "prev",
    "previous",
    "start",
    "end",
    "eos",
    "bos",
    "pad",
    "unk",
    "stop",
    "mask",
    "sep",
    "cls",
    "special",
    "per",
    "cancel",
    "cancellation",
    "max",
    "min",
    "output",
    "input",
    "completion",
    "prompt",
    "text",
    "generated",
    "partial",
    "new",
];

fn is_secret(words: &[&str]) -> bool {
    let any = |word: &str, list: &[&str]| list.iter().any(|known| word.eq_ignore_ascii_case(known));
    let pair = |a: &str, b: &str| {
        (any(a, &KEYS) && any(b, &["key", "keys"]))
            || (any(a, &["credit"]) && any(b, &["card"]))
            || (any(a, &["card"]) && any(b, &["number"]))
    };
    match words {
        [only] if any(only, &["auth", "token"]) => true,
        [.., before, last] if any(last, &["token"]) && !any(before, &HARMLESS_TOKENS) => true,
        _ => words.iter().any(|word| any(word, &WORDS)) || words.windows(2).any(|two| pair(two[0], two[1])),
    }
}

/// A quick no for most names: every secret name holds all letters of one of a few short words.
fn may_be_secret(name: &[u8]) -> bool {
    const fn letters(word: &[u8]) -> u32 {
        let (mut mask, mut i) = (0, 0);
        while i < word.len() {
            mask |= 1 << (word[i] & 31);
            i += 1;
        }
        mask
    }
    const HINTS: [u32; 13] = [
        letters(b"pas"),
        letters(b"pwd"),
        letters(b"secrt"),
        letters(b"cred"),
        letters(b"auth"),
        letters(b"jwt"),
        letters(b"coki"),
        letters(b"bear"),
        letters(b"key"),
        letters(b"token"),
        letters(b"sn"),
        letters(b"cv"),
        letters(b"cardnumbe"),
    ];
    let mask = name.iter().fold(0u32, |mask, byte| mask | 1 << (byte & 31));
    name.len() > 2 && HINTS.iter().any(|hint| mask & hint == *hint)
}

/// Splits `snake_case`, `kebab-case`, `dotted.names` and `camelCase` into words; names of more than eight words are judged by the first.
fn split<'n>(name: &'n str, words: &mut [&'n str; 8]) -> usize {
    let mut count = 0;
    let mut begin = 0;
    let mut push = |from: usize, to: usize| {
        if from < to && count < words.len() {
            words[count] = &name[from..to];
            count += 1;
        }
    };
    let bytes = name.as_bytes();
    for (i, &byte) in bytes.iter().enumerate() {
        if matches!(byte, b'_' | b'-' | b'.' | b' ' | b'/' | b':') {
            push(begin, i);
            begin = i + 1;
        } else if byte.is_ascii_uppercase() && i > 0 && bytes[i - 1].is_ascii_lowercase() {
            push(begin, i);
            begin = i;
        }
    }
    push(begin, name.len());
    count
}
