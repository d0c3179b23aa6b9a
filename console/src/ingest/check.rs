//! Checks of request fields against the published schema, with findings in FastAPI's form: where, what, and which rule.
//!
//! Stricter than the store needs, on purpose: a sender that passes here passes at the hosted backend. The reference SDK's three
//! known deviations (session filter by `name`, times without a zone, `data` blocks) pass here because real clients send them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::model::Id;
use crate::time::parse_iso;

/// Findings of one request that are reported; more say nothing new.
const MOST: usize = 50;

/// One step of the way to a wrong field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Step {
    Key(Cow<'static, str>),
    Index(usize),
}

impl From<&'static str> for Step {
    fn from(key: &'static str) -> Step {
        Step::Key(Cow::Borrowed(key))
    }
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) loc: Vec<Step>,
    pub(crate) msg: String,
    #[serde(rename = "type")]
    pub(crate) rule: &'static str,
}

impl Finding {
    /// `body.spans[].llm.input: Field required`, the same for every index, so that equal mistakes count as one.
    pub(crate) fn line(&self) -> String {
        let mut path = String::new();
        for step in &self.loc {
            match step {
                Step::Key(key) if path.is_empty() => path.push_str(key),
                Step::Key(key) => path.extend([".", key]),
                Step::Index(_) => path.push_str("[]"),
            }
        }
        format!("{path}: {}", self.msg)
    }
}

/// Collects findings while a request is walked.
#[derive(Default)]
pub(crate) struct Check {
    pub(crate) findings: Vec<Finding>,
    path: Vec<Step>,
}

impl Check {
    pub(crate) fn at(root: &'static str) -> Check {
        Check { findings: Vec::new(), path: vec![root.into()] }
    }

    pub(crate) fn inside<T>(&mut self, step: impl Into<Step>, look: impl FnOnce(&mut Check) -> T) -> T {
        self.path.push(step.into());
        let result = look(self);
        self.path.pop();
        result
    }

    pub(crate) fn inside_index<T>(&mut self, index: usize, look: impl FnOnce(&mut Check) -> T) -> T {
        self.inside(Step::Index(index), look)
    }

    pub(crate) fn report(&mut self, rule: &'static str, msg: impl Into<String>) {
        if self.findings.len() < MOST {
            self.findings.push(Finding { loc: self.path.clone(), msg: msg.into(), rule });
        }
    }

    fn report_at(&mut self, name: &'static str, rule: &'static str, msg: &str) {
        self.inside(name, |check| check.report(rule, msg));
    }

    pub(crate) fn missing(&mut self, name: &'static str) {
        self.report_at(name, "missing", "Field required");
    }

    /// A UUID version 4 or null.
    pub(crate) fn id(&mut self, name: &'static str, json: Option<&str>) -> Option<Id> {
        let id = serde_json::from_str::<Cow<'_, str>>(json?).ok().and_then(|text| text.parse::<Id>().ok());
        match id {
            Some(id) if id.is_v4() => return Some(id),
            Some(_) => self.report_at(name, "uuid_version", "UUID version 4 expected"),
            None => self.report_at(name, "uuid_parsing", "Input should be a valid UUID"),
        }
        None
    }

    pub(crate) fn text(&mut self, name: &'static str, json: Option<&str>) {
        if json.is_some_and(|json| !is_string(json)) {
            self.report_at(name, "string_type", "Input should be a valid string");
        }
    }

    pub(crate) fn boolean(&mut self, name: &'static str, json: Option<&str>) -> Option<bool> {
        match json? {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.report_at(name, "bool_type", "Input should be a valid boolean");
                None
            }
        }
    }

    pub(crate) fn integer(&mut self, name: &'static str, json: Option<&str>) {
        let whole = |json: &str| {
            json.parse::<i64>().is_ok()
                || json.parse::<f64>().is_ok_and(|value| value.fract() == 0.0 && value.abs() < 9.2e18)
        };
        if json.is_some_and(|json| !whole(json)) {
            self.report_at(name, "int_type", "Input should be a valid integer");
        }
    }

    pub(crate) fn number(&mut self, name: &'static str, json: Option<&str>) {
        if json.is_some_and(|json| json.parse::<f64>().is_err()) {
            self.report_at(name, "float_type", "Input should be a valid number");
        }
    }

    pub(crate) fn moment(&mut self, name: &'static str, json: Option<&str>) {
        let valid =
            |json: &str| serde_json::from_str::<Cow<'_, str>>(json).ok().and_then(|text| parse_iso(&text)).is_some();
        if json.is_some_and(|json| !valid(json)) {
            self.report_at(name, "datetime_from_date_parsing", "Input should be a valid datetime");
        }
    }

    pub(crate) fn strings(&mut self, name: &'static str, json: Option<&str>) {
        if json.is_some_and(|json| json != "[]" && serde_json::from_str::<Vec<Text<'_>>>(json).is_err()) {
            self.report_at(name, "list_type", "Input should be a valid list of strings");
        }
    }

    pub(crate) fn string_map(&mut self, name: &'static str, json: Option<&str>) {
        if json.is_some_and(|json| json != "{}" && serde_json::from_str::<BTreeMap<Text<'_>, Text<'_>>>(json).is_err())
        {
            self.report_at(name, "dict_type", "Input should be a valid dictionary of strings");
        }
    }

    pub(crate) fn object(&mut self, name: &'static str, json: Option<&str>) {
        if json.is_some_and(|json| !json.starts_with('{')) {
            self.report_at(name, "dict_type", "Input should be a valid dictionary");
        }
    }

    pub(crate) fn metrics(&mut self, json: Option<&str>) {
        let Some(json) = json else { return };
        self.object("metrics", Some(json));
        let Ok(metrics) = serde_json::from_str::<Metrics<'_>>(json) else { return };
        self.inside("metrics", |check| {
            for (name, value) in [
                ("duration_ns", metrics.duration_ns),
                ("num_input_tokens", metrics.num_input_tokens),
                ("num_output_tokens", metrics.num_output_tokens),
                ("num_total_tokens", metrics.num_total_tokens),
                ("time_to_first_token_ns", metrics.time_to_first_token_ns),
            ] {
                check.integer(name, value.map(RawValue::get).filter(|json| *json != "null"));
            }
        });
    }
}

#[derive(serde::Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Text<'a>(
    #[serde(borrow)]
    #[allow(dead_code)] // Only read by the comparison of map keys.
    Cow<'a, str>,
);

#[derive(serde::Deserialize)]
struct Metrics<'a> {
    #[serde(borrow, default)]
    duration_ns: Option<&'a RawValue>,
    #[serde(borrow, default)]
    num_input_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    num_output_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    num_total_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    time_to_first_token_ns: Option<&'a RawValue>,
}

pub(crate) fn is_string(json: &str) -> bool {
    json.starts_with('"')
}
