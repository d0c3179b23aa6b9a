//! What each type of span says of itself: a model's call, a search, a tool, an agent, a step.

use super::attribute::{Any, Attributes};
use super::map::{Dialect, SpanView};
use crate::export::content::{self, Document};
use crate::export::json;
use crate::export::message::{Block, Message};
use crate::export::semconv::{galileo, gen_ai, openinference};
use crate::model::SpanType;
use serde_json::{Map, Value, json as value};

pub(super) fn set(attributes: &mut Attributes<'_>, view: &SpanView<'_>, dialect: Dialect) {
    // Made once: it is sent under several names.
    let input = view.content.input_text();
    let input = input.as_deref();
    match view.span_type {
        SpanType::Llm => llm(attributes, view, dialect),
        SpanType::Retriever => retriever(attributes, view, dialect, input),
        SpanType::Tool => tool(attributes, view, dialect, input),
        SpanType::Agent => agent(attributes, view, dialect, input),
        SpanType::Control => {}
        _ => {
            attributes.set(gen_ai::OPERATION, gen_ai::INVOKE_WORKFLOW);
            attributes.set(gen_ai::WORKFLOW_NAME, view.name);
            conversation(attributes, view, dialect, input, ["user", "assistant"]);
        }
    }
    match dialect {
        Dialect::General => open_inference(attributes, view, input),
        Dialect::Galileo => attributes.set(gen_ai::SYSTEM, "galileo-otel"),
    }
}

fn llm(attributes: &mut Attributes<'_>, view: &SpanView<'_>, dialect: Dialect) {
    let content = &view.content;
    attributes.set(gen_ai::OPERATION, gen_ai::CHAT);
    attributes.set_some(gen_ai::REQUEST_MODEL, content.model);
    attributes.set_some(gen_ai::REQUEST_TEMPERATURE, content.temperature);
    if let Some(reason) = content.finish_reason {
        attributes.set(gen_ai::FINISH_REASONS, vec![reason.to_owned()]);
    }
    for (metric, name) in [
        ("num_input_tokens", gen_ai::INPUT_TOKENS),
        ("num_output_tokens", gen_ai::OUTPUT_TOKENS),
        ("num_total_tokens", gen_ai::TOTAL_TOKENS),
        ("num_cached_input_tokens", gen_ai::CACHE_READ_TOKENS),
        ("num_cache_write_input_tokens", gen_ai::CACHE_WRITE_TOKENS),
        ("num_reasoning_tokens", gen_ai::REASONING_TOKENS),
    ] {
        attributes.set_some(name, content.metric(metric));
    }
    if let Some(nanos) = content.metric("time_to_first_token_ns") {
        attributes.set(gen_ai::TIME_TO_FIRST_CHUNK, nanos as f64 / 1e9);
    }
    if let Some(tools) = &content.tools {
        attributes.set(gen_ai::TOOL_DEFINITIONS, content::text(tools));
    }
    messages(attributes, gen_ai::INPUT_MESSAGES, &content.input_messages(), dialect);
    messages(attributes, gen_ai::OUTPUT_MESSAGES, &content.output_messages(), dialect);
}

fn retriever(attributes: &mut Attributes<'_>, view: &SpanView<'_>, dialect: Dialect, input: Option<&str>) {
    attributes.set(gen_ai::OPERATION, gen_ai::RETRIEVAL);
    attributes.set_some(gen_ai::RETRIEVAL_QUERY, query(view, input));
    let documents = view.content.documents();
    if dialect == Dialect::Galileo {
        attributes.set(galileo::DB_OPERATION, "search");
        let found: Vec<Value> = documents.iter().map(galileo_document).collect();
        if let Some(input) = input {
            attributes.set(gen_ai::INPUT_MESSAGES, value!([{ "role": "user", "content": input }]).to_string());
        }
        let output = value!([{ "role": "assistant", "content": { "documents": found } }]);
        attributes.set(gen_ai::OUTPUT_MESSAGES, output.to_string());
    } else if !documents.is_empty() {
        attributes.set(gen_ai::RETRIEVAL_DOCUMENTS, Value::Array(documents.iter().map(document).collect()).to_string());
    }
}

/// The text that was searched for: the only text among the arguments, else the whole input.
fn query<'a>(view: &SpanView<'a>, input: Option<&'a str>) -> Option<&'a str> {
    let texts: Vec<_> =
        view.content.arguments.iter().filter(|part| part.kind == crate::model::ValueKind::Text).collect();
    match (view.content.explicit_input, texts.as_slice()) {
        (None, [only]) => Some(only.text()),
        _ => input,
    }
}

fn tool(attributes: &mut Attributes<'_>, view: &SpanView<'_>, dialect: Dialect, input: Option<&str>) {
    let content = &view.content;
    attributes.set(gen_ai::OPERATION, gen_ai::EXECUTE_TOOL);
    attributes.set(gen_ai::TOOL_NAME, view.name);
    attributes.set(gen_ai::TOOL_TYPE, "function");
    attributes.set_some(gen_ai::TOOL_CALL_ID, content.tool_call_id);
    attributes.set_some(gen_ai::TOOL_CALL_ARGUMENTS, input);
    attributes.set_some(gen_ai::TOOL_CALL_RESULT, content.output.as_ref().map(content::text));
    if dialect == Dialect::Galileo {
        conversation(attributes, view, dialect, input, ["tool", "tool"]);
    }
}

fn agent(attributes: &mut Attributes<'_>, view: &SpanView<'_>, dialect: Dialect, input: Option<&str>) {
    attributes.set(gen_ai::OPERATION, gen_ai::INVOKE_AGENT);
    attributes.set(gen_ai::AGENT_NAME, view.name);
    attributes.set_some(galileo::AGENT_TYPE, view.content.agent_type);
    conversation(attributes, view, dialect, input, ["user", "assistant"]);
}

/// Input and output as one message each.
fn conversation(
    attributes: &mut Attributes<'_>,
    view: &SpanView<'_>,
    dialect: Dialect,
    input: Option<&str>,
    [asks, answers]: [&str; 2],
) {
    let output = view.content.output.as_ref().map(content::text);
    let both = [(gen_ai::INPUT_MESSAGES, asks, input), (gen_ai::OUTPUT_MESSAGES, answers, output.as_deref())];
    for (key, role, text) in both {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            attributes.set(key, one_message(role, text, dialect));
        }
    }
}

/// What [`messages`] writes for a single message of text, for which no tree is needed.
fn one_message(role: &str, text: &str, dialect: Dialect) -> String {
    let mut out = Vec::with_capacity(text.len() + text.len() / 8 + 80);
    let (before, between) = match dialect {
        Dialect::General => (&br#"[{"parts":[{"content":"#[..], &br#","type":"text"}],"role":"#[..]),
        Dialect::Galileo => (&br#"[{"content":"#[..], &br#","role":"#[..]),
    };
    out.extend_from_slice(before);
    json::string(&mut out, text);
    out.extend_from_slice(between);
    json::string(&mut out, role);
    out.extend_from_slice(b"}]");
    // Text and constants make text.
    String::from_utf8(out).unwrap_or_default()
}

fn messages(attributes: &mut Attributes<'_>, key: &str, messages: &[Message], dialect: Dialect) {
    if messages.is_empty() {
        return;
    }
    let list = messages.iter().map(|message| match dialect {
        Dialect::General => message.to_parts(),
        Dialect::Galileo => message.to_galileo(),
    });
    attributes.set(key, Value::Array(list.collect()).to_string());
}

fn document(document: &Document) -> Value {
    let mut object = document.metadata.clone();
    object.insert("content".into(), value!(document.content));
    if let Some(id) = &document.id {
        object.insert("id".into(), value!(id));
    }
    if let Some(score) = document.score {
        object.insert("score".into(), value!(score));
    }
    Value::Object(object)
}

fn galileo_document(document: &Document) -> Value {
    let mut metadata = document.metadata.clone();
    if let Some(id) = &document.id {
        metadata.insert("id".into(), value!(id));
    }
    if let Some(score) = document.score {
        metadata.insert("score".into(), value!(score));
    }
    value!({ "content": document.content, "metadata": metadata })
}

/// The keys by which Phoenix and other readers of OpenInference show a span.
fn open_inference(attributes: &mut Attributes<'_>, view: &SpanView<'_>, input: Option<&str>) {
    let content = &view.content;
    attributes.set(
        openinference::SPAN_KIND,
        match view.span_type {
            SpanType::Llm => "LLM",
            SpanType::Retriever => "RETRIEVER",
            SpanType::Tool => "TOOL",
            SpanType::Agent => "AGENT",
            SpanType::Control => "GUARDRAIL",
            _ => "CHAIN",
        },
    );
    let mime = |json: bool| if json { "application/json" } else { "text/plain" };
    if let Some(input) = input {
        attributes.set(openinference::INPUT_VALUE, input);
        attributes.set(openinference::INPUT_MIME, mime(content.input_is_json()));
    }
    if let Some(output) = &content.output {
        attributes.set(openinference::OUTPUT_VALUE, content::text(output));
        attributes.set(openinference::OUTPUT_MIME, mime(output.kind == crate::model::ValueKind::Json));
    }
    match view.span_type {
        SpanType::Llm => open_inference_llm(attributes, view),
        SpanType::Retriever => open_inference_documents(attributes, &content.documents()),
        SpanType::Tool => {
            attributes.set(openinference::TOOL_NAME, view.name);
            attributes.set_some(openinference::TOOL_ID, content.tool_call_id);
        }
        SpanType::Agent => attributes.set(openinference::AGENT_NAME, view.name),
        _ => {}
    }
}

fn open_inference_llm(attributes: &mut Attributes<'_>, view: &SpanView<'_>) {
    let content = &view.content;
    let provider = content.metadata.iter().find(|(key, _)| *key == gen_ai::PROVIDER).map(|(_, part)| part.text());
    attributes.set_some(openinference::PROVIDER, provider);
    attributes.set_some(openinference::MODEL, content.model);
    attributes.set_some(openinference::FINISH_REASON, content.finish_reason);
    if let Some(temperature) = content.temperature {
        let parameters = Map::from_iter([("temperature".to_owned(), value!(temperature))]);
        attributes.set(openinference::INVOCATION_PARAMETERS, Value::Object(parameters).to_string());
    }
    for (metric, name) in [
        ("num_input_tokens", openinference::PROMPT_TOKENS),
        ("num_output_tokens", openinference::COMPLETION_TOKENS),
        ("num_cached_input_tokens", openinference::CACHE_READ_TOKENS),
        ("num_cache_write_input_tokens", openinference::CACHE_WRITE_TOKENS),
        ("num_reasoning_tokens", openinference::REASONING_TOKENS),
    ] {
        attributes.set_some(name, content.metric(metric));
    }
    let sum = || Some(content.metric("num_input_tokens")? + content.metric("num_output_tokens")?);
    attributes.set_some(openinference::TOTAL_TOKENS, content.metric("num_total_tokens").or_else(sum));
    open_inference_messages(attributes, openinference::INPUT_MESSAGES, &content.input_messages());
    open_inference_messages(attributes, openinference::OUTPUT_MESSAGES, &content.output_messages());
    if let Some(Value::Array(tools)) = content.tools.as_ref().map(content::value) {
        for (index, tool) in tools.iter().enumerate() {
            attributes.set(format!("{}.{index}.tool.json_schema", openinference::TOOLS), tool.to_string());
        }
    }
}

/// Lists are flattened: `llm.input_messages.0.message.role` and so on.
fn open_inference_messages(attributes: &mut Attributes<'_>, list: &str, messages: &[Message]) {
    for (index, message) in messages.iter().enumerate() {
        let mut field = |name: &str, value: Any<'_>| attributes.set(format!("{list}.{index}.message.{name}"), value);
        field("role", message.role.as_str().into());
        let text = message.plain_text();
        if !text.is_empty() {
            field("content", text.into());
        }
        if let Some(name) = &message.name {
            field("name", name.as_str().into());
        }
        if let Some(id) = message.tool_call_id() {
            field("tool_call_id", id.into());
        }
        for (call, (id, name, arguments)) in message.tool_calls().enumerate() {
            let at = format!("tool_calls.{call}.tool_call");
            field(&format!("{at}.id"), id.into());
            field(&format!("{at}.function.name"), name.into());
            field(&format!("{at}.function.arguments"), arguments.into());
        }
        let pictures = message.blocks.iter().filter_map(|block| match block {
            Block::Other(value) => value
                .pointer("/image_url/url")
                .or_else(|| value.get("image_url")?.as_str().map(|_| &value["image_url"])),
            _ => None,
        });
        for (picture, url) in pictures.enumerate() {
            let at = format!("contents.{picture}.message_content");
            field(&format!("{at}.type"), "image".into());
            field(&format!("{at}.image.image.url"), url.as_str().unwrap_or_default().into());
        }
    }
}

fn open_inference_documents(attributes: &mut Attributes<'_>, documents: &[Document]) {
    for (index, document) in documents.iter().enumerate() {
        let at = format!("{}.{index}.document", openinference::DOCUMENTS);
        attributes.set(format!("{at}.content"), document.content.as_str());
        attributes.set_some(&format!("{at}.id"), document.id.as_deref());
        attributes.set_some(&format!("{at}.score"), document.score);
        if !document.metadata.is_empty() {
            attributes.set(format!("{at}.metadata"), Value::Object(document.metadata.clone()).to_string());
        }
    }
}
