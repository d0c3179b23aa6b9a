//! The type of a span from its attributes: the first convention that says something wins, our own first.

use super::attributes::Attributes;
use crate::model::SpanType;

pub(super) fn span_type(attributes: &Attributes) -> SpanType {
    let named = |name: &str| attributes.get(name).and_then(|value| value.as_str());
    named("galileo.span.type")
        .and_then(SpanType::parse)
        .or_else(|| open_inference(named("openinference.span.kind")?))
        .or_else(|| operation(named("gen_ai.operation.name")?))
        .or_else(|| lang_smith(named("langsmith.span.kind")?))
        .or_else(|| traceloop(named("traceloop.span.kind")?))
        .or_else(|| request(named("llm.request.type")?))
        .or_else(|| hints(attributes))
        .unwrap_or_default()
}

fn open_inference(kind: &str) -> Option<SpanType> {
    Some(match kind.to_ascii_uppercase().as_str() {
        "LLM" => SpanType::Llm,
        "RETRIEVER" | "RERANKER" => SpanType::Retriever,
        "TOOL" | "EMBEDDING" => SpanType::Tool,
        "AGENT" => SpanType::Agent,
        "GUARDRAIL" => SpanType::Control,
        "CHAIN" | "PROMPT" | "EVALUATOR" => SpanType::Workflow,
        _ => return None,
    })
}

fn operation(name: &str) -> Option<SpanType> {
    Some(match name {
        "chat" | "text_completion" | "completion" | "generate_content" => SpanType::Llm,
        "execute_tool" | "embeddings" | "embedding" => SpanType::Tool,
        "invoke_agent" | "create_agent" => SpanType::Agent,
        "retrieval" => SpanType::Retriever,
        "invoke_workflow" => SpanType::Workflow,
        _ => return None,
    })
}

/// Also the type of a LangSmith run.
pub(crate) fn lang_smith(kind: &str) -> Option<SpanType> {
    Some(match kind {
        "llm" => SpanType::Llm,
        "retriever" => SpanType::Retriever,
        "tool" | "embedding" => SpanType::Tool,
        "chain" | "prompt" | "parser" => SpanType::Workflow,
        _ => return None,
    })
}

fn traceloop(kind: &str) -> Option<SpanType> {
    Some(match kind {
        "workflow" | "task" => SpanType::Workflow,
        "agent" => SpanType::Agent,
        "tool" => SpanType::Tool,
        _ => return None,
    })
}

fn request(kind: &str) -> Option<SpanType> {
    matches!(kind, "chat" | "completion").then_some(SpanType::Llm)
}

/// Attributes that only one type has.
fn hints(attributes: &Attributes) -> Option<SpanType> {
    let has = |name: &str| attributes.get(name).is_some();
    if has("gen_ai.tool.name") || has("gen_ai.tool.call.arguments") {
        return Some(SpanType::Tool);
    }
    // How the Galileo SDK for Python marks a retriever.
    if attributes
        .text(&["db.operation", "db.operation.name"])
        .is_some_and(|operation| matches!(operation, "search" | "query_vectors" | "vector_search"))
    {
        return Some(SpanType::Retriever);
    }
    let model = has("gen_ai.request.model") || has("gen_ai.response.model") || has("llm.model_name");
    let tokens = has("gen_ai.usage.input_tokens") || has("gen_ai.usage.prompt_tokens") || has("llm.token_count.prompt");
    (model && tokens).then_some(SpanType::Llm)
}
