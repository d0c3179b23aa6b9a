//! JSON objects as the sender wrote them: fields keep their text, so that what is stored is what was sent and no tree of values
//! is built for what only passes through.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Nesting of arrays and objects in a request.
pub(crate) const DEPTH: usize = 64;

/// A trace, a span, or a request that holds some.
#[derive(Default, Debug)]
pub(crate) struct RawObject<'a> {
    pub(crate) fields: Vec<(Cow<'a, str>, &'a RawValue)>,
    pub(crate) spans: Option<Vec<RawObject<'a>>>,
    pub(crate) traces: Option<Vec<RawObject<'a>>>,
}

impl<'a> RawObject<'a> {
    /// The text of a field that is there and not null. The last one counts when there are several.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.fields
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.get())
            .filter(|json| *json != "null")
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok()
    }
}

#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for RawObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = RawObject<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut object = RawObject { fields: Vec::with_capacity(24), spans: None, traces: None };
                while let Some(Key(key)) = map.next_key()? {
                    match &*key {
                        "spans" => object.spans = map.next_value()?,
                        "traces" => object.traces = map.next_value()?,
                        _ => object.fields.push((key, map.next_value()?)),
                    }
                }
                Ok(object)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// Whether arrays and objects nest deeper than [`DEPTH`]. Looks at brackets outside strings only, so it is right for every text
/// that is JSON, and cheap for one that is not.
pub(crate) fn too_deep(body: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in body {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > DEPTH {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_do_not_count_as_depth() {
        assert!(!too_deep(format!("{:?}", "[".repeat(1000)).as_bytes()));
        assert!(!too_deep(format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH)).as_bytes()));
        assert!(too_deep("[".repeat(DEPTH + 1).as_bytes()));
        assert!(too_deep(format!(r#"{{"a\"":"\\",{}"#, r#""b":{"#.repeat(DEPTH)).as_bytes()));
    }
}
