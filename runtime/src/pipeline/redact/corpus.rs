//! s10: recall on keys of many services in the forms that their documents show, and false alarms on what only looks long.
//!
//! Forms, lengths and alphabets come from the services' public documents; the characters are made here, so that no real key stands in the
//! repository. Kinds without a mark of their own (forty letters and nothing else) can be known by the name of their field alone, and are
//! not in it.

use super::mask_value;

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &[u8] = b"0123456789abcdef";
const DIGITS: &[u8] = b"0123456789";

/// What stands before, the alphabet and the length of what follows.
const KINDS: [(&str, &[u8], usize); 52] = [
    ("sk-", LETTERS, 48),
    ("sk-proj-", LETTERS, 120),
    ("sk-svcacct-", LETTERS, 100),
    ("sk-ant-api03-", LETTERS, 93),
    ("sk-or-v1-", HEX, 64),
    ("gsk_", LETTERS, 52),
    ("xai-", LETTERS, 80),
    ("hf_", LETTERS, 34),
    ("r8_", LETTERS, 37),
    ("pplx-", LETTERS, 48),
    ("tvly-", LETTERS, 32),
    ("pcsk_", LETTERS, 65),
    ("lsv2_pt_", HEX, 43),
    ("lsv2_sk_", HEX, 43),
    ("AIza", LETTERS, 35),
    ("ya29.", LETTERS, 120),
    ("AKIA", UPPER, 16),
    ("ASIA", UPPER, 16),
    ("ghp_", LETTERS, 36),
    ("gho_", LETTERS, 36),
    ("ghu_", LETTERS, 36),
    ("ghs_", LETTERS, 36),
    ("ghr_", LETTERS, 76),
    ("github_pat_", LETTERS, 82),
    ("glpat-", LETTERS, 20),
    ("xoxb-1234567890-1234567890-", LETTERS, 24),
    ("xoxp-1234567890-1234567890-", LETTERS, 32),
    ("xapp-1-A0123456789-", DIGITS, 30),
    ("sk_live_", LETTERS, 24),
    ("sk_test_", LETTERS, 99),
    ("rk_live_", LETTERS, 24),
    ("pk_live_", LETTERS, 24),
    ("whsec_", LETTERS, 32),
    ("sq0atp-", LETTERS, 22),
    ("shpat_", HEX, 32),
    ("SG.", LETTERS, 66),
    ("key-", HEX, 32),
    ("npm_", LETTERS, 36),
    ("pypi-AgEIcHlwaS5vcmc", LETTERS, 100),
    ("dop_v1_", HEX, 64),
    ("dapi", HEX, 32),
    ("hvs.", LETTERS, 90),
    ("glsa_", LETTERS, 41),
    ("NRAK-", UPPER, 27),
    ("PMAK-", HEX, 59),
    ("figd_", LETTERS, 40),
    ("lin_api_", LETTERS, 40),
    ("ntn_", LETTERS, 46),
    ("sbp_", HEX, 40),
    ("AccountKey=", LETTERS, 86),
    ("Bearer ", LETTERS, 40),
    ("Basic ", LETTERS, 24),
];

const FRAMES: [&str; 6] = [
    "{}",
    "please use {} for the call, thanks",
    "{\"key\":\"{}\",\"n\":1}",
    "curl -H 'x-key: {}' https://api.example.com/v1",
    "KEY={}\nOTHER=1",
    "DefaultEndpointsProtocol=https;AccountName=a;{};EndpointSuffix=b",
];

struct Chance(u64);

impl Chance {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.next(alphabet.len())])).collect()
    }
}

fn masked(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    mask_value(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

/// Texts that hold no secret: ids, hashes, addresses, paths, words, numbers, and what begins like a key and is none.
fn negatives() -> Vec<String> {
    let mut chance = Chance(7);
    let words = [
        "retrieval",
        "augmented",
        "generation",
        "task-runner",
        "risk-assessment",
        "desk-sk",
        "asterisk-based",
        "hf",
        "keyboard-layout",
        "sk-learn",
        "disk_usage",
        "AKIA",
        "basic",
        "bearer",
        "monkey-patch",
        "dapifer",
        "internationalization",
        "pk_index",
        "SG.1",
    ];
    let mut all = Vec::new();
    for _ in 0..100 {
        let hex = |chance: &mut Chance, n| chance.text(HEX, n);
        let (a, b, c, d, e) =
            (hex(&mut chance, 8), hex(&mut chance, 4), hex(&mut chance, 4), hex(&mut chance, 4), hex(&mut chance, 12));
        all.push(format!("{a}-{b}-{c}-{d}-{e}"));
        all.push(hex(&mut chance, 40));
        all.push(format!("sha256:{}", hex(&mut chance, 64)));
        all.push(format!("https://example.com/{}/{}?page={}", words[chance.next(words.len())], e, chance.next(900)));
        all.push(format!(
            "src/{}/{}.rs:{}",
            words[chance.next(words.len())],
            words[chance.next(words.len())],
            chance.next(999)
        ));
        all.push((0..12).map(|_| words[chance.next(words.len())]).collect::<Vec<_>>().join(" "));
        all.push((0..8).map(|_| words[chance.next(words.len())]).collect::<Vec<_>>().join("-"));
        all.push(chance.text(LETTERS, 32));
        all.push(format!("{}.{}", chance.text(DIGITS, 16), chance.text(DIGITS, 9)));
        all.push(format!("arn:aws:iam::{}:role/{}", chance.text(DIGITS, 12), words[chance.next(words.len())]));
        all.push(format!(
            "2026-11-{:02}T{:02}:17:07.{}Z",
            chance.next(28) + 1,
            chance.next(24),
            chance.text(DIGITS, 6)
        ));
    }
    all
}

#[test]
fn s10_recall_and_false_alarms_on_a_corpus() {
    let mut chance = Chance(42);
    let (mut positives, mut missed) = (0, Vec::new());
    for (mark, alphabet, length) in KINDS {
        for frame in FRAMES {
            let body = chance.text(alphabet, length);
            let shown = masked(&frame.replace("{}", &format!("{mark}{body}")));
            positives += 1;
            if shown.contains(&body[body.len() - 8..]) {
                missed.push(shown);
            }
        }
    }
    let negatives = negatives();
    let alarms: Vec<&String> = negatives.iter().filter(|text| masked(text) != **text).collect();
    eprintln!(
        "{positives} secrets, {} missed; {} harmless texts, {} masked",
        missed.len(),
        negatives.len(),
        alarms.len()
    );
    assert!(positives >= 200 && negatives.len() >= 1000);
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(alarms.is_empty(), "{alarms:#?}");
}
