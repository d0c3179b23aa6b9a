//! JSON whose objects keep the order of their keys: the arguments of a call are shown as its signature has them.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// A value with ordered objects. A key that comes twice is there twice.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ordered {
    Object(Vec<(String, Ordered)>),
    Array(Vec<Ordered>),
    /// Text, a number, a truth value or null.
    Leaf(Value),
}

impl From<&Value> for Ordered {
    fn from(value: &Value) -> Ordered {
        match value {
            Value::Object(map) => Ordered::Object(map.iter().map(|(key, value)| (key.clone(), value.into())).collect()),
            Value::Array(items) => Ordered::Array(items.iter().map(Ordered::from).collect()),
            leaf => Ordered::Leaf(leaf.clone()),
        }
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ordered, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Ordered;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Ordered::Object(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Ordered, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Ordered::Array(items))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Ordered, E> {
        Ok(Ordered::Leaf(text.into()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Ordered, E> {
        Ok(Ordered::Leaf(value.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Ordered, E> {
        Ok(Ordered::Leaf(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Ordered, E> {
        Ok(Ordered::Leaf(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Ordered, E> {
        Ok(Ordered::Leaf(Number::from_f64(number).map_or(Value::Null, Value::Number)))
    }

    fn visit_unit<E: Error>(self) -> Result<Ordered, E> {
        Ok(Ordered::Leaf(Value::Null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_serde_json_reads_in_its_own_order() {
        let text = r#"{"b": [1, -2, 3.5, true, null, "x"], "a": {"d": {}, "c": []}}"#;
        let Ordered::Object(fields) = serde_json::from_str(text).unwrap() else { panic!("an object") };
        assert_eq!(fields.iter().map(|field| field.0.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        let value: Value = serde_json::from_str(text).unwrap();
        let mut sorted = fields;
        sorted.sort_by(|one, other| one.0.cmp(&other.0));
        if let Ordered::Object(inner) = &mut sorted[0].1 {
            inner.reverse();
        }
        assert_eq!(Ordered::Object(sorted), Ordered::from(&value));
    }
}
