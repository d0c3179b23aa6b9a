//! The parsers of the variable table. Each answers with the value or with a description of what is allowed.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::secret::Secret;
use super::{CompressionSetting, ExporterKind, LogLevel, Mode, OtlpProtocol, PropagatorKind, SpoolMode};

type Parsed<T> = Result<T, &'static str>;

/// Text that may end up in a header, a URL or a line of a log: no control characters, and of a sane length.
pub(super) fn text(text: &str) -> Parsed<String> {
    if text.len() <= 4096 && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err("up to 4096 bytes of text without control characters")
    }
}

pub(super) fn secret(text: &str) -> Parsed<Secret> {
    let secret = Secret::new(text);
    match secret.header("") {
        Some(_) if text.len() <= 16 * 1024 => Ok(secret),
        _ => Err("up to 16384 bytes that can stand in a header, without line breaks"),
    }
}

pub(super) fn uuid4(text: &str) -> Parsed<String> {
    let text = text.to_ascii_lowercase();
    let well_formed = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            14 => byte == b'4',
            19 => matches!(byte, b'8' | b'9' | b'a' | b'b'),
            _ => byte.is_ascii_hexdigit(),
        });
    if well_formed { Ok(text) } else { Err("a version 4 UUID such as `8e69c645-b678-45e1-9c61-dcbed822f9db`") }
}

pub(super) fn boolean(text: &str) -> Parsed<bool> {
    const YES: [&str; 6] = ["true", "1", "t", "yes", "y", "on"];
    const NO: [&str; 6] = ["false", "0", "f", "no", "n", "off"];
    let is = |words: [&str; 6]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(YES) {
        Ok(true)
    } else if is(NO) {
        Ok(false)
    } else {
        Err("`true` or `false`")
    }
}

pub(super) fn mode(text: &str) -> Parsed<Mode> {
    one_of(text, &[("batch", Mode::Batch), ("distributed", Mode::Distributed)]).ok_or("`batch` or `distributed`")
}

pub(super) fn spool_mode(text: &str) -> Parsed<SpoolMode> {
    let names = [("off", SpoolMode::Off), ("on_failure", SpoolMode::OnFailure), ("always", SpoolMode::Always)];
    one_of(text, &names).ok_or("`off`, `on_failure` or `always`")
}

pub(super) fn compression(text: &str) -> Parsed<CompressionSetting> {
    let names =
        [("auto", CompressionSetting::Auto), ("gzip", CompressionSetting::Gzip), ("none", CompressionSetting::None)];
    one_of(text, &names).ok_or("`auto`, `gzip` or `none`")
}

pub(super) fn otlp_protocol(text: &str) -> Parsed<OtlpProtocol> {
    let names = [("http/protobuf", OtlpProtocol::Protobuf), ("http/json", OtlpProtocol::Json)];
    one_of(text, &names).ok_or("`http/protobuf` or `http/json`")
}

pub(super) fn log_level(text: &str) -> Parsed<LogLevel> {
    LogLevel::parse(text).ok_or("`off`, `error`, `warning`, `info` or `debug`")
}

pub(super) fn exporters(text: &str) -> Parsed<Vec<ExporterKind>> {
    let names = [
        ("galileo", ExporterKind::Galileo),
        ("otlp", ExporterKind::Otlp),
        ("langsmith", ExporterKind::LangSmith),
        ("stdout", ExporterKind::Stdout),
    ];
    list(text, &names).ok_or("a list of `galileo`, `otlp`, `langsmith` and `stdout`, or `none`")
}

/// The entries of a list with commas.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

pub(super) fn propagators(text: &str) -> Parsed<Vec<PropagatorKind>> {
    let names = [
        ("galileo", PropagatorKind::Galileo),
        ("tracecontext", PropagatorKind::TraceContext),
        ("baggage", PropagatorKind::Baggage),
        ("langsmith", PropagatorKind::LangSmith),
    ];
    list(text, &names).ok_or("a list of `galileo`, `tracecontext`, `baggage` and `langsmith`, or `none`")
}

pub(super) fn ratio(text: &str) -> Parsed<f64> {
    match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("a number from 0 to 1"),
    }
}

/// A number of seconds, or a number with one of the units ms, s, m, h.
pub(super) fn duration(text: &str) -> Parsed<Duration> {
    const EXPECTED: &str = "a duration such as `500ms`, `2s`, `5m` or `24h`";
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit.trim() {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(EXPECTED),
    };
    let number = number.trim().parse::<f64>().map_err(|_| EXPECTED)?;
    match Duration::try_from_secs_f64(number * unit) {
        Ok(duration) if duration <= Duration::from_secs(366 * 86_400) => Ok(duration),
        _ => Err(EXPECTED),
    }
}

pub(super) fn positive_duration(text: &str) -> Parsed<Duration> {
    duration(text).and_then(|value| {
        if value.is_zero() { Err("a duration of more than nothing, such as `60s`") } else { Ok(value) }
    })
}

pub(super) fn milliseconds(text: &str) -> Parsed<Duration> {
    match text.parse::<u64>() {
        Ok(number) if number > 0 => Ok(Duration::from_millis(number)),
        _ => Err("a number of milliseconds above 0"),
    }
}

/// Bytes, or a number with one of the units KiB, MiB, GiB.
pub(super) fn disk_bytes(text: &str) -> Parsed<u64> {
    const EXPECTED: &str = "a number of bytes such as `65536`, `64KiB` or `32MiB`";
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        _ => return Err(EXPECTED),
    };
    let number = number.parse::<u64>().map_err(|_| EXPECTED)?;
    number.checked_mul(1 << shift).ok_or(EXPECTED)
}

fn bytes(text: &str, least: u64, expected: &'static str) -> Parsed<usize> {
    // 1 GiB: record lengths have to fit 32 bits with room to spare.
    match disk_bytes(text)? {
        value if (least..=1 << 30).contains(&value) => usize::try_from(value).map_err(|_| expected),
        _ => Err(expected),
    }
}

pub(super) fn bytes_from_64(text: &str) -> Parsed<usize> {
    bytes(text, 64, "a number of bytes from 64 to 1GiB")
}

pub(super) fn bytes_from_4k(text: &str) -> Parsed<usize> {
    bytes(text, 4 << 10, "a number of bytes from 4KiB to 1GiB")
}

pub(super) fn bytes_from_64k(text: &str) -> Parsed<usize> {
    bytes(text, 64 << 10, "a number of bytes from 64KiB to 1GiB")
}

/// A JSON object of strings as headers. What Galileo sets itself is refused by whoever uses them, not here.
pub(super) fn extra_headers(text: &str) -> Parsed<Vec<(HeaderName, HeaderValue)>> {
    const EXPECTED: &str = "a JSON object of strings whose keys and values can stand in headers";
    let object: std::collections::BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| EXPECTED)?;
    object
        .into_iter()
        .map(|(name, value)| {
            let mut value = HeaderValue::try_from(value).map_err(|_| EXPECTED)?;
            // People put tokens for gateways in here.
            value.set_sensitive(true);
            Ok((HeaderName::try_from(name).map_err(|_| EXPECTED)?, value))
        })
        .collect()
}

/// `key=value,key=value` with percent-encoded values, as OpenTelemetry's variables have it.
pub(super) fn pairs(text: &str) -> Parsed<Vec<(String, String)>> {
    const EXPECTED: &str = "a list of key=value, separated by commas, with values percent-encoded";
    text.split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').ok_or(EXPECTED)?;
            let (key, value) =
                (percent_decode(key.trim()).ok_or(EXPECTED)?, percent_decode(value.trim()).ok_or(EXPECTED)?);
            if key.is_empty() { Err(EXPECTED) } else { Ok((key, value)) }
        })
        .collect()
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
                tail
            }
            (b'%', _) => return None,
            (byte, tail) => {
                bytes.push(*byte);
                tail
            }
        };
    }
    String::from_utf8(bytes).ok()
}

fn one_of<T: Copy>(text: &str, names: &[(&str, T)]) -> Option<T> {
    names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|&(_, value)| value)
}

fn list<T: Copy + PartialEq>(text: &str, names: &[(&str, T)]) -> Option<Vec<T>> {
    if text.eq_ignore_ascii_case("none") {
        return Some(Vec::new());
    }
    let mut values = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let value = one_of(word, names)?;
        if !values.contains(&value) {
            values.push(value);
        }
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let rows = [
            ("2s", Some(2_000)),
            ("500ms", Some(500)),
            ("1.5 s", Some(1_500)),
            ("3", Some(3_000)),
            ("5m", Some(300_000)),
            ("24h", Some(86_400_000)),
            ("0", Some(0)),
            ("-1s", None),
            ("1e300", None),
            ("NaN", None),
            ("2 days", None),
            ("", None),
        ];
        for (text, milliseconds) in rows {
            assert_eq!(duration(text).ok(), milliseconds.map(Duration::from_millis), "{text}");
        }
        assert!(positive_duration("0s").is_err());
    }

    #[test]
    fn sizes() {
        let rows =
            [("65536", Some(65_536)), ("64KiB", Some(65_536)), ("32 mib", Some(32 << 20)), ("1g", Some(1 << 30))];
        for (text, size) in rows.into_iter().chain([
            ("1.5MiB", None),
            ("-1", None),
            ("99999999999999999999", None),
            ("17179869184GiB", None),
            ("MiB", None),
        ]) {
            assert_eq!(disk_bytes(text).ok(), size, "{text}");
        }
        assert!(bytes_from_64("63").is_err() && bytes_from_64("64").is_ok() && bytes_from_64("2GiB").is_err());
    }

    #[test]
    fn only_version_4_uuids_are_ids() {
        let rows = [
            ("8e69c645-b678-45e1-9c61-dcbed822f9db", true),
            ("8E69C645-B678-45E1-9C61-DCBED822F9DB", true),
            ("8e69c645-b678-75e1-9c61-dcbed822f9db", false),
            ("8e69c645-b678-45e1-1c61-dcbed822f9db", false),
            ("8e69c645b67845e19c61dcbed822f9db", false),
            ("{8e69c645-b678-45e1-9c61-dcbed822f9db}", false),
        ];
        for (text, valid) in rows {
            assert_eq!(uuid4(text).is_ok(), valid, "{text}");
        }
    }

    #[test]
    fn lists_name_what_they_know_and_nothing_else() {
        assert_eq!(exporters("otlp, Galileo,otlp"), Ok(vec![ExporterKind::Otlp, ExporterKind::Galileo]));
        assert_eq!(exporters("none"), Ok(vec![]));
        assert!(exporters("galileo,jaeger").is_err());
    }

    #[test]
    fn headers_from_outside_cannot_smuggle_lines() {
        assert_eq!(extra_headers("{\"X-A\": \"1\"}").map(|headers| headers.len()), Ok(1));
        for bad in ["{\"X-A\": \"1\\r\\nX-B: 2\"}", "{\"X A\": \"1\"}", "{\"X-A\": 1}", "[]", "{"] {
            assert!(extra_headers(bad).is_err(), "{bad}");
        }
        assert!(secret("key\r\nX-B: 2").is_err());
        assert!(text("name\nwith a line break").is_err());
    }

    #[test]
    fn otel_pairs_are_percent_decoded() {
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(pairs("a=1, b = x%20y ,"), Ok(vec![pair("a", "1"), pair("b", "x y")]));
        for bad in ["a", "=1", "a=%2", "a=%zz", "a=%ff"] {
            assert!(pairs(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn switches() {
        for (text, value) in
            [("TRUE", Some(true)), ("1", Some(true)), ("t", Some(true)), ("no", Some(false)), ("maybe", None)]
        {
            assert_eq!(boolean(text).ok(), value, "{text}");
        }
    }
}
