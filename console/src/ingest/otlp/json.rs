//! Where OTLP's JSON differs from what serde would do: ids are hexadecimal, 64-bit numbers are text, enums may be names, and a
//! value is an object with one member that names its type.

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::proto::{Any, AnyList, AnyMap, AnyValue};

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber<'a> {
    Number(serde_json::Number),
    Text(#[serde(borrow)] std::borrow::Cow<'a, str>),
}

impl TextOrNumber<'_> {
    fn read<T: std::str::FromStr>(&self) -> Option<T> {
        match self {
            TextOrNumber::Number(number) => number.to_string().parse().ok(),
            TextOrNumber::Text(text) => text.parse().ok(),
        }
    }
}

pub(crate) fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Bytes as hexadecimal text.
pub(crate) mod hex {
    use super::{Deserialize, Deserializer, Error, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&text)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
        match digits {
            Some(digits) if digits.len() % 2 == 0 => Ok(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()),
            _ => Err(D::Error::custom("an id must be hexadecimal")),
        }
    }
}

/// 64-bit numbers as text.
pub(crate) mod number {
    use super::{Deserialize, Deserializer, Error, Serializer, TextOrNumber};

    pub(crate) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        TextOrNumber::deserialize(deserializer)?.read().ok_or_else(|| D::Error::custom("a time must be a whole number"))
    }
}

pub(crate) fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    enumeration(deserializer, &["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"])
}

pub(crate) fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    enumeration(deserializer, &["UNSET", "OK", "ERROR"])
}

/// A number, or a name such as `SPAN_KIND_SERVER`; what is unknown counts as unspecified.
fn enumeration<'de, D: Deserializer<'de>>(deserializer: D, names: &[&str]) -> Result<i32, D::Error> {
    let given = TextOrNumber::deserialize(deserializer)?;
    let by_name = |text: &str| names.iter().position(|name| text.ends_with(name)).map(|index| index as i32);
    Ok(given
        .read()
        .or_else(|| match &given {
            TextOrNumber::Text(text) => by_name(text),
            TextOrNumber::Number(_) => None,
        })
        .unwrap_or(0))
}

impl Serialize for Any {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(usize::from(self.value.is_some())))?;
        match &self.value {
            None => {}
            Some(AnyValue::String(value)) => map.serialize_entry("stringValue", value)?,
            Some(AnyValue::Bool(value)) => map.serialize_entry("boolValue", value)?,
            Some(AnyValue::Int(value)) => map.serialize_entry("intValue", &value.to_string())?,
            Some(AnyValue::Double(value)) if value.is_finite() => map.serialize_entry("doubleValue", value)?,
            Some(AnyValue::Double(value)) => map.serialize_entry("doubleValue", &non_finite(*value))?,
            Some(AnyValue::Array(value)) => map.serialize_entry("arrayValue", value)?,
            Some(AnyValue::Map(value)) => map.serialize_entry("kvlistValue", value)?,
            Some(AnyValue::Bytes(value)) => map.serialize_entry("bytesValue", &base64(value))?,
        }
        map.end()
    }
}

pub(crate) fn non_finite(value: f64) -> &'static str {
    match value {
        value if value.is_nan() => "NaN",
        value if value > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Any, D::Error> {
        struct OneMember;
        impl<'de> Visitor<'de> for OneMember {
            type Value = Any;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value such as {\"stringValue\": ...}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Any, A::Error> {
                let mut value = None;
                while let Some(name) = map.next_key::<String>()? {
                    let wrong = || A::Error::custom(format!("`{name}` has the wrong type"));
                    value = Some(match name.as_str() {
                        "stringValue" | "string_value" => AnyValue::String(map.next_value()?),
                        "boolValue" | "bool_value" => AnyValue::Bool(map.next_value()?),
                        "intValue" | "int_value" => {
                            AnyValue::Int(map.next_value::<TextOrNumber<'_>>()?.read().ok_or_else(wrong)?)
                        }
                        "doubleValue" | "double_value" => match map.next_value::<TextOrNumber<'_>>()? {
                            TextOrNumber::Text(text) if text == "Infinity" => AnyValue::Double(f64::INFINITY),
                            TextOrNumber::Text(text) if text == "-Infinity" => AnyValue::Double(f64::NEG_INFINITY),
                            given => AnyValue::Double(given.read().ok_or_else(wrong)?),
                        },
                        "arrayValue" | "array_value" => AnyValue::Array(map.next_value::<AnyList>()?),
                        "kvlistValue" | "kvlist_value" => AnyValue::Map(map.next_value::<AnyMap>()?),
                        "bytesValue" | "bytes_value" => {
                            AnyValue::Bytes(unbase64(&map.next_value::<String>()?).ok_or_else(wrong)?)
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    });
                }
                Ok(Any { value })
            }
        }
        deserializer.deserialize_map(OneMember)
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().enumerate().fold(0_u32, |word, (index, byte)| word | u32::from(*byte) << (16 - 8 * index));
        for index in 0..4 {
            text.push(if index <= chunk.len() {
                ALPHABET[(word >> (18 - 6 * index) & 63) as usize] as char
            } else {
                '='
            });
        }
    }
    text
}

/// Reads both alphabets, with or without padding.
pub(crate) fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut word, mut bits) = (0_u32, 0);
    for character in text.trim_end_matches('=').bytes() {
        let digit = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        word = word << 6 | u32::from(digit);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((word >> bits) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::proto::{ExportRequest, KeyValue};
    use super::*;

    #[test]
    fn json_and_protobuf_hold_the_same() {
        let text = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},"scopeSpans":[{"scope":{"name":"s"},"spans":[
            {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"EEE19B7EC3C1B174","parentSpanId":"","name":"n","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,
             "attributes":[{"key":"list","value":{"arrayValue":{"values":[{"intValue":"-5"},{"doubleValue":0.5},{"boolValue":true},{"bytesValue":"AQL/"},{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}},{}]}}}],
             "status":{"code":"STATUS_CODE_ERROR","message":"m"},"unknown":{"a":[1]}}]}]}]}"#;
        let request: ExportRequest = serde_json::from_str(text).unwrap();
        let span = &request.resource_spans[0].scope_spans[0].spans[0];
        assert_eq!((span.kind, span.status.as_ref().unwrap().code, span.span_id[0]), (2, 2, 0xEE));
        let bytes = prost::Message::encode_to_vec(&request);
        assert_eq!(<ExportRequest as prost::Message>::decode(&*bytes).unwrap(), request);
        let written = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<ExportRequest>(&written).unwrap(), request);
        assert!(written.contains(r#""intValue":"-5""#) && written.contains(r#""bytesValue":"AQL/""#), "{written}");
    }

    #[test]
    fn base64_survives_the_way_there_and_back() {
        for length in 0..10_u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(77)).collect();
            assert_eq!(unbase64(&base64(&bytes)), Some(bytes));
        }
        assert_eq!(unbase64("a b"), None);
    }

    #[test]
    fn numbers_that_json_lacks_are_read_and_written() {
        for text in ["NaN", "Infinity", "-Infinity"] {
            let value: KeyValue =
                serde_json::from_str(&format!(r#"{{"key":"k","value":{{"doubleValue":"{text}"}}}}"#)).unwrap();
            assert!(serde_json::to_string(&value).unwrap().contains(text));
        }
    }
}
