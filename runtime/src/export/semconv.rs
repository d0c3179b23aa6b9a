//! Names of attributes: OpenTelemetry's (generative AI conventions 1.41), OpenInference's and Galileo's.

/// OpenTelemetry: what a span of a model, an agent, a tool or a search says.
pub(crate) mod gen_ai {
    pub(crate) const OPERATION: &str = "gen_ai.operation.name";
    pub(crate) const PROVIDER: &str = "gen_ai.provider.name";
    /// The former name of [`PROVIDER`], still read and written everywhere.
    pub(crate) const SYSTEM: &str = "gen_ai.system";
    pub(crate) const REQUEST_MODEL: &str = "gen_ai.request.model";
    pub(crate) const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
    pub(crate) const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
    /// Seconds.
    pub(crate) const TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
    pub(crate) const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
    pub(crate) const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
    pub(crate) const TOTAL_TOKENS: &str = "gen_ai.usage.total_tokens";
    pub(crate) const CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
    pub(crate) const CACHE_WRITE_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
    pub(crate) const REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
    pub(crate) const INPUT_MESSAGES: &str = "gen_ai.input.messages";
    pub(crate) const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
    pub(crate) const TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";
    pub(crate) const TOOL_NAME: &str = "gen_ai.tool.name";
    pub(crate) const TOOL_TYPE: &str = "gen_ai.tool.type";
    pub(crate) const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
    pub(crate) const TOOL_CALL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
    pub(crate) const TOOL_CALL_RESULT: &str = "gen_ai.tool.call.result";
    pub(crate) const AGENT_NAME: &str = "gen_ai.agent.name";
    pub(crate) const WORKFLOW_NAME: &str = "gen_ai.workflow.name";
    pub(crate) const CONVERSATION_ID: &str = "gen_ai.conversation.id";
    pub(crate) const RETRIEVAL_QUERY: &str = "gen_ai.retrieval.query.text";
    pub(crate) const RETRIEVAL_DOCUMENTS: &str = "gen_ai.retrieval.documents";

    pub(crate) const CHAT: &str = "chat";
    pub(crate) const INVOKE_AGENT: &str = "invoke_agent";
    pub(crate) const INVOKE_WORKFLOW: &str = "invoke_workflow";
    pub(crate) const EXECUTE_TOOL: &str = "execute_tool";
    pub(crate) const RETRIEVAL: &str = "retrieval";
}

/// OpenInference: what Phoenix reads.
pub(crate) mod openinference {
    pub(crate) const SPAN_KIND: &str = "openinference.span.kind";
    pub(crate) const INPUT_VALUE: &str = "input.value";
    pub(crate) const INPUT_MIME: &str = "input.mime_type";
    pub(crate) const OUTPUT_VALUE: &str = "output.value";
    pub(crate) const OUTPUT_MIME: &str = "output.mime_type";
    pub(crate) const MODEL: &str = "llm.model_name";
    pub(crate) const PROVIDER: &str = "llm.provider";
    pub(crate) const INVOCATION_PARAMETERS: &str = "llm.invocation_parameters";
    pub(crate) const FINISH_REASON: &str = "llm.finish_reason";
    pub(crate) const INPUT_MESSAGES: &str = "llm.input_messages";
    pub(crate) const OUTPUT_MESSAGES: &str = "llm.output_messages";
    pub(crate) const TOOLS: &str = "llm.tools";
    pub(crate) const PROMPT_TOKENS: &str = "llm.token_count.prompt";
    pub(crate) const COMPLETION_TOKENS: &str = "llm.token_count.completion";
    pub(crate) const TOTAL_TOKENS: &str = "llm.token_count.total";
    pub(crate) const CACHE_READ_TOKENS: &str = "llm.token_count.prompt_details.cache_read";
    pub(crate) const CACHE_WRITE_TOKENS: &str = "llm.token_count.prompt_details.cache_write";
    pub(crate) const REASONING_TOKENS: &str = "llm.token_count.completion_details.reasoning";
    pub(crate) const DOCUMENTS: &str = "retrieval.documents";
    pub(crate) const TOOL_NAME: &str = "tool.name";
    pub(crate) const TOOL_ID: &str = "tool.id";
    pub(crate) const AGENT_NAME: &str = "agent.name";
    pub(crate) const SESSION_ID: &str = "session.id";
    pub(crate) const METADATA: &str = "metadata";
    pub(crate) const TAGS: &str = "tag.tags";
}

/// Galileo: how its backend routes spans, and what only our own spans know.
pub(crate) mod galileo {
    pub(crate) const SPAN_TYPE: &str = "galileo.span.type";
    pub(crate) const PROJECT_NAME: &str = "galileo.project.name";
    pub(crate) const LOG_STREAM_NAME: &str = "galileo.logstream.name";
    pub(crate) const EXPERIMENT_ID: &str = "galileo.experiment.id";
    pub(crate) const SESSION_ID: &str = "galileo.session.id";
    pub(crate) const DATASET_INPUT: &str = "galileo.dataset.input";
    pub(crate) const DATASET_OUTPUT: &str = "galileo.dataset.output";
    pub(crate) const DATASET_METADATA: &str = "galileo.dataset.metadata";
    pub(crate) const STATUS_CODE: &str = "galileo.status_code";
    pub(crate) const OUTCOME: &str = "galileo.outcome";
    pub(crate) const ERROR_ORIGIN: &str = "galileo.error.origin";
    pub(crate) const AGENT_TYPE: &str = "galileo.agent.type";
    /// The trace's own id, where OTLP carries a received one.
    pub(crate) const TRACE_ID: &str = "galileo.trace.id";
    /// The whole id of the span, whose last half is the OTLP id.
    pub(crate) const SPAN_ID: &str = "galileo.span.id";
    /// What the reference processor marks a search with.
    pub(crate) const DB_OPERATION: &str = "db.operation";
}

/// General OpenTelemetry names.
pub(crate) mod otel {
    pub(crate) const SERVICE_NAME: &str = "service.name";
    pub(crate) const SERVICE_VERSION: &str = "service.version";
    pub(crate) const ENVIRONMENT: &str = "deployment.environment.name";
    pub(crate) const HOST_NAME: &str = "host.name";
    pub(crate) const PROCESS_ID: &str = "process.pid";
    pub(crate) const SDK_NAME: &str = "telemetry.sdk.name";
    pub(crate) const SDK_LANGUAGE: &str = "telemetry.sdk.language";
    pub(crate) const SDK_VERSION: &str = "telemetry.sdk.version";
    pub(crate) const ERROR_TYPE: &str = "error.type";
    pub(crate) const EXCEPTION: &str = "exception";
    pub(crate) const EXCEPTION_TYPE: &str = "exception.type";
    pub(crate) const EXCEPTION_MESSAGE: &str = "exception.message";
    pub(crate) const CODE_FILE: &str = "code.file.path";
    pub(crate) const CODE_LINE: &str = "code.line.number";
}
