//! How several deliveries of one span (or of a trace itself) become one record, whatever their order.
//!
//! A record is a set of cells. Each cell holds the greatest of all values that were ever sent for it, by
//! `(rank, length, bytes)`; tags are united. Taking the greatest is commutative, associative and idempotent, and that is the
//! whole proof that repeats and permutations end in the same record. The rank says what "greatest" means: an update or the
//! end of a span beats its start, then the later `created_at`, then the longer duration.
//!
//! Metadata and metrics are merged key by key: `user_metadata` and `metrics` are no cells, `user_metadata` + `0x1f` + key are.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Separates the name of a map from its key in the name of a cell. A control character never stands raw in JSON text and no
/// field of any protocol has one in its name.
pub(crate) const SEPARATOR: char = '\u{1f}';

/// Maps that are merged key by key.
const MAPS: [&str; 2] = ["user_metadata", "metrics"];

/// Who wins when two deliveries differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Rank {
    pub(crate) level: Level,
    pub(crate) created_ns: i64,
    pub(crate) duration_ns: i64,
}

/// The first part of a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Level {
    /// A span at its start.
    #[default]
    Open,
    /// A span sent whole.
    Ended,
    /// An update: it "overwrites the previous value", says the published schema.
    Update,
    /// The update that completes a trace.
    Complete,
}

impl Level {
    pub(crate) fn from_i64(value: i64) -> Level {
        match value {
            0 => Level::Open,
            1 => Level::Ended,
            2 => Level::Update,
            _ => Level::Complete,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    rank: Rank,
    json: Box<str>,
}

impl Cell {
    fn beats(&self, other: &Cell) -> bool {
        (self.rank, self.json.len(), &self.json) > (other.rank, other.json.len(), &other.json)
    }
}

/// Everything that is known about one span or trace.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Record {
    cells: BTreeMap<Box<str>, Cell>,
    tags: Vec<String>,
}

impl Record {
    /// Adds one field as it was sent. Nulls, and maps and lists of tags that cannot be read, say nothing.
    pub(crate) fn add(&mut self, name: &str, json: &str, rank: Rank) {
        if json == "null" || name.contains(SEPARATOR) {
            return;
        }
        if name == "tags" {
            if let Ok(tags) = serde_json::from_str::<Vec<String>>(json) {
                self.unite_tags(tags);
            }
        } else if MAPS.contains(&name) {
            let Ok(map) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(json) else { return };
            for (key, value) in map {
                if value.get() != "null" {
                    self.put(format!("{name}{SEPARATOR}{key}").into(), Cell { rank, json: value.get().into() });
                }
            }
        } else {
            self.put(name.into(), Cell { rank, json: json.into() });
        }
    }

    fn put(&mut self, name: Box<str>, cell: Cell) {
        match self.cells.get(&name) {
            Some(present) if !cell.beats(present) => {}
            _ => {
                self.cells.insert(name, cell);
            }
        }
    }

    /// A list that everybody agrees on keeps its order; else the union, sorted, so that the order of arrival does not show.
    fn unite_tags(&mut self, tags: Vec<String>) {
        if tags.is_empty() || tags == self.tags {
            return;
        }
        if self.tags.is_empty() {
            self.tags = tags;
            return;
        }
        self.tags.extend(tags);
        self.tags.sort();
        self.tags.dedup();
    }

    /// Takes over what the other record knows better.
    pub(crate) fn merge(&mut self, other: Record) {
        for (name, cell) in other.cells {
            self.put(name, cell);
        }
        self.unite_tags(other.tags);
    }

    /// The JSON text of a field. Keys of maps are named `map` + [`SEPARATOR`] + `key`.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.cells.get(name).map(|cell| &*cell.json)
    }

    pub(crate) fn tags(&self) -> &[String] {
        &self.tags
    }

    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        integer(self.get(name)?)
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// The record as one JSON object, the form in which it is stored and searched.
    pub(crate) fn to_doc(&self) -> String {
        let mut doc = String::from("{");
        let mut map: Option<&str> = None;
        for (name, cell) in &self.cells {
            let (outer, key) = name.split_once(SEPARATOR).map_or((None, &**name), |(outer, key)| (Some(outer), key));
            if map != outer && map.is_some() {
                doc.push('}');
            }
            if doc.len() > 1 && !doc.ends_with('{') {
                doc.push(',');
            }
            if let Some(outer) = outer.filter(|_| map != outer) {
                push_key(&mut doc, outer);
                doc.push('{');
            }
            map = outer;
            push_key(&mut doc, key);
            doc.push_str(&cell.json);
        }
        if map.is_some() {
            doc.push('}');
        }
        if !self.tags.is_empty() {
            if doc.len() > 1 {
                doc.push(',');
            }
            push_key(&mut doc, "tags");
            doc.push_str(&serde_json::to_string(&self.tags).unwrap_or_else(|_| "[]".into()));
        }
        doc.push('}');
        doc
    }

    /// The ranks of the cells: a list of them, and which cell has another than the first.
    pub(crate) fn to_ranks(&self) -> String {
        let mut ranks: Vec<Rank> = Vec::new();
        let mut cells: Vec<(&str, usize)> = Vec::new();
        for (name, cell) in &self.cells {
            let index = ranks.iter().position(|rank| *rank == cell.rank).unwrap_or_else(|| {
                ranks.push(cell.rank);
                ranks.len() - 1
            });
            if index > 0 {
                cells.push((name, index));
            }
        }
        let ranks: Vec<(i64, i64, i64)> =
            ranks.iter().map(|rank| (rank.level as i64, rank.created_ns, rank.duration_ns)).collect();
        serde_json::to_string(&(ranks, cells)).unwrap_or_default()
    }

    /// Reads what [`Record::to_doc`] and [`Record::to_ranks`] wrote.
    pub(crate) fn from_stored(doc: &str, ranks: &str) -> Record {
        let (ranks, cells) = parse_ranks(ranks);
        let mut record = Record::default();
        for (name, json) in serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(doc).unwrap_or_default() {
            record.add(&name, json.get(), ranks.first().copied().unwrap_or_default());
        }
        for (name, index) in cells {
            if let (Some(cell), Some(rank)) = (record.cells.get_mut(name.as_str()), ranks.get(index)) {
                cell.rank = *rank;
            }
        }
        record
    }

    /// The greatest rank of any cell.
    pub(crate) fn top_rank(&self) -> Rank {
        self.cells.values().map(|cell| cell.rank).max().unwrap_or_default()
    }
}

fn parse_ranks(text: &str) -> (Vec<Rank>, Vec<(String, usize)>) {
    type Stored = (Vec<(i64, i64, i64)>, Vec<(String, usize)>);
    let (ranks, cells): Stored = serde_json::from_str(text).unwrap_or_default();
    (
        ranks
            .into_iter()
            .map(|(level, created_ns, duration_ns)| Rank { level: Level::from_i64(level), created_ns, duration_ns })
            .collect(),
        cells,
    )
}

fn push_key(doc: &mut String, key: &str) {
    doc.push_str(&serde_json::to_string(key).unwrap_or_else(|_| "\"\"".into()));
    doc.push(':');
}

/// A whole number, also when a sender wrote it as `12.0`.
pub(crate) fn integer(json: &str) -> Option<i64> {
    json.parse().ok().or_else(|| {
        json.parse::<f64>().ok().filter(|value| value.is_finite() && value.abs() < 9.2e18).map(|value| value as i64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(level: Level, created_ns: i64, fields: &[(&str, &str)]) -> Record {
        let mut record = Record::default();
        for (name, json) in fields {
            record.add(name, json, Rank { level, created_ns, duration_ns: 0 });
        }
        record
    }

    fn deliveries() -> Vec<Record> {
        vec![
            record(
                Level::Open,
                5,
                &[
                    ("name", r#""call""#),
                    ("output", r#""early""#),
                    ("user_metadata", r#"{"k":"open","only":"1"}"#),
                    ("tags", r#"["b","a"]"#),
                ],
            ),
            record(
                Level::Update,
                0,
                &[("output", r#""final""#), ("tags", r#"["outcome=error"]"#), ("metrics", r#"{"duration_ns":7}"#)],
            ),
            record(
                Level::Ended,
                5,
                &[
                    ("output", r#""longer than the update""#),
                    ("user_metadata", r#"{"k":"ended","late":"2"}"#),
                    ("model", "null"),
                ],
            ),
            record(
                Level::Ended,
                6,
                &[
                    ("output", r#""later""#),
                    ("user_metadata", r#"{"k":"later"}"#),
                    ("metrics", r#"{"duration_ns":null,"num_input_tokens":3}"#),
                ],
            ),
            record(Level::Open, 9, &[("input", r#""a""#)]),
            record(Level::Open, 9, &[("input", r#""bb""#)]),
        ]
    }

    fn merged<'a>(order: impl Iterator<Item = &'a Record>) -> Record {
        let mut all = Record::default();
        for part in order {
            // Through the stored form, as between two requests.
            let ranks = all.to_ranks();
            all = Record::from_stored(&all.to_doc(), &ranks);
            all.merge(part.clone());
        }
        all
    }

    #[test]
    fn every_permutation_of_the_deliveries_gives_the_same_record() {
        let parts = deliveries();
        let expected = merged(parts.iter());
        let mut order: Vec<usize> = (0..parts.len()).collect();
        let mut seen = 0;
        permute(&mut order, 0, &mut |order| {
            seen += 1;
            assert_eq!(merged(order.iter().map(|&index| &parts[index])), expected, "{order:?}");
            // Each delivered twice, the second time in reverse.
            assert_eq!(merged(order.iter().chain(order.iter().rev()).map(|&index| &parts[index])), expected);
        });
        assert_eq!(seen, 720);
        assert_eq!(expected.get("output"), Some(r#""final""#), "an update beats creates");
        assert_eq!(expected.get("input"), Some(r#""bb""#), "the larger bytes at equal rank");
        assert_eq!(expected.text("user_metadata\u{1f}k").as_deref(), Some("later"), "the later of two ended");
        assert_eq!(expected.text("user_metadata\u{1f}only").as_deref(), Some("1"), "a value beats none");
        assert_eq!(expected.tags(), ["a", "b", "outcome=error"]);
        assert_eq!(expected.integer("metrics\u{1f}duration_ns"), Some(7));
    }

    fn permute(order: &mut [usize], at: usize, visit: &mut dyn FnMut(&[usize])) {
        if at == order.len() {
            return visit(order);
        }
        for index in at..order.len() {
            order.swap(at, index);
            permute(order, at + 1, visit);
            order.swap(at, index);
        }
    }

    #[test]
    fn one_delivery_keeps_its_tags_in_order_and_its_text_as_sent() {
        let record = record(
            Level::Ended,
            1,
            &[
                ("tags", r#"["z","a"]"#),
                ("input", r#"{"b": 1,  "a":2}"#),
                ("user_metadata", "{}"),
                ("metrics", r#"{"duration_ns":1}"#),
            ],
        );
        assert_eq!(record.to_doc(), r#"{"input":{"b": 1,  "a":2},"metrics":{"duration_ns":1},"tags":["z","a"]}"#);
    }
}
