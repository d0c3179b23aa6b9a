//! Every metric and label that the checked-in dashboard and alert rules name is one that a console tells.

use std::collections::BTreeSet;

use galileo_console::Config;
use galileo_console::forward::Target;
use serde_json::{Value, json};

use crate::support::{Console, PROJECT};

/// Words of the query language and its functions, which are no labels.
fn names<'a>(text: &'a str, begins: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .filter(move |word| word.starts_with(begins))
}

/// The labels in `{..}` and after `by`.
fn labels(query: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in query.split('{').skip(1) {
        let inside = part.split('}').next().unwrap();
        found.extend(
            inside.split(',').filter_map(|pair| pair.split(['=', '!']).next()).map(|name| name.trim().to_owned()),
        );
    }
    for part in query.split("by (").skip(1) {
        found.extend(part.split(')').next().unwrap().split(',').map(|name| name.trim().to_owned()));
    }
    found
}

#[tokio::test]
async fn dashboard_and_alerts_name_only_what_is_emitted() {
    let forward = vec![Target::new("http://127.0.0.1:1").unwrap()];
    let console = Console::with(Config { forward, ..Config::default() }).await;
    let trace = "33333333-3333-4333-8333-333333333333";
    let body = json!({"trace_id": trace, "parent_id": trace, "spans": [
        {"type": "llm", "id": "44444444-4444-4444-8444-444444444401", "name": "m", "metrics": {"duration_ns": 5, "num_input_tokens": 1, "num_output_tokens": 2}},
        {"type": "workflow", "id": "44444444-4444-4444-8444-444444444402", "name": "open"}]});
    console.post(&format!("/v2/projects/{PROJECT}/spans"), body).await;
    let scrape = console.client.get(console.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let samples: Vec<&str> = scrape.lines().filter(|line| !line.starts_with('#')).collect();
    let metrics: BTreeSet<&str> = samples.iter().map(|line| line.split(['{', ' ']).next().unwrap()).collect();
    let known: BTreeSet<String> = samples.iter().flat_map(|line| labels(line)).collect();

    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/grafana");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut queries: Vec<String> = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap())
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect();
    queries.extend(
        dashboard["templating"]["list"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|variable| Some(variable["query"]["query"].as_str()?.to_owned())),
    );
    assert!(queries.len() > 8);
    // The rules: what stands between `expr:` and the next key.
    let alerts = read("alerts.yaml");
    let rules: Vec<&str> = alerts
        .split("expr:")
        .skip(1)
        .map(|rest| rest.split("        for:").next().unwrap().split("        labels:").next().unwrap())
        .collect();
    assert_eq!(rules.len(), alerts.matches("- alert:").count());
    queries.extend(rules.into_iter().map(str::to_owned));
    for query in &queries {
        let mut metric_names = names(query, "galileo_").peekable();
        assert!(metric_names.peek().is_some(), "{query}");
        for name in metric_names {
            assert!(metrics.contains(name), "`{name}` of `{query}` is not in {metrics:?}");
        }
        for label in labels(query) {
            assert!(known.contains(&label), "`{label}` of `{query}` is not in {known:?}");
        }
    }
    // And the table in the documentation names all of them.
    let readme = read("README.md");
    for name in &metrics {
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}
