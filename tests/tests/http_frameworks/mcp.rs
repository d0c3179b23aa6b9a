//! Model Context Protocol over a pair of pipes, as with a server on standard input and output.

use galileo::Context;
use galileo::middleware::mcp::{McpTracing, MetaExt};
use rmcp::ServerHandler;
use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData};
use rmcp::service::{RequestContext, RoleServer, ServiceExt};

use super::{spans_of, step, traced, tree_of};

struct Search;

impl ServerHandler for Search {
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        assert!(context.meta.get_traceparent().is_some() || request.name == "alone");
        step("rank").await;
        if request.name == "missing" {
            return Err(ErrorData::invalid_params("no such tool", None));
        }
        let trace = Context::current().trace_id().map(|id| id.to_string()).unwrap_or_default();
        Ok(CallToolResult::success(vec![ContentBlock::text(trace)]).into())
    }
}

#[tokio::test]
async fn a_tool_call_joins_the_trace_through_meta() {
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let server = McpTracing::new(Search).serve(far).await.expect("initialised");
        server.waiting().await
    });
    let client = ().serve(near).await.expect("initialised");
    let (trace, answered) = traced(async {
        let arguments = serde_json::json!({"query": "moons", "api_key": "secret"});
        let params = CallToolRequestParams::new("search")
            .with_arguments(arguments.as_object().expect("an object").clone())
            .with_tracing_meta();
        let meta = params.meta.as_ref().expect("a trace runs");
        assert!(meta.contains_key("traceparent") && meta.contains_key("X-Galileo-Trace-ID"));
        let answered = client.call_tool(params).await.expect("served");
        client.call_tool(CallToolRequestParams::new("missing").with_tracing_meta()).await.expect_err("unknown");
        answered
    })
    .await;
    assert!(format!("{answered:?}").contains(&trace));
    assert_eq!(
        tree_of(&trace, 5).await,
        "workflow ask ok 200\n  tool search ok 200\n    tool rank ok 200\n  tool missing error 500\n    tool rank ok 200\n"
    );
    let spans = spans_of(&trace, 5).await;
    assert!(format!("{spans:?}").contains("moons") && !format!("{spans:?}").contains("secret"));
    client.call_tool(CallToolRequestParams::new("alone")).await.expect("served without a trace");
}
