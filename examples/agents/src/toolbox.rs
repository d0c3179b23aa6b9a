//! The agent's tools. Those of an MCP server are a call that takes the trace along in `_meta`.

use galileo::log;
use galileo::middleware::mcp::MetaExt;
use rig_agent::tool::Tool;
use rig_core::tool::{ToolContext, ToolExecutionError};
use rmcp::model::CallToolRequestParams;
use rmcp::service::{Peer, RoleClient, ServiceError};
use serde_json::{Value, json};

#[derive(serde::Deserialize)]
pub(crate) struct Word {
    word: String,
}

/// Into Latin, which is what the old titles are in.
pub(crate) struct Translate;

/// The library's own catalog: an MCP server on standard input and output.
pub(crate) struct OnTheShelf(pub(crate) Peer<RoleClient>);

/// The catalog of other libraries: an MCP server over HTTP.
pub(crate) struct InOtherLibraries(pub(crate) Peer<RoleClient>);

#[log(span_type = "tool")]
fn translate(word: &str) -> String {
    if word == "moons" { "lunae".to_owned() } else { word.to_owned() }
}

#[log(span_type = "tool", skip(server))]
async fn find_books(server: &Peer<RoleClient>, word: &str) -> Result<String, ServiceError> {
    let arguments = json!({ "word": word }).as_object().cloned().unwrap_or_default();
    let call = CallToolRequestParams::new("find_books").with_arguments(arguments).with_tracing_meta();
    let result = server.call_tool(call).await?;
    Ok(result.content.iter().filter_map(|block| block.as_text()).map(|text| text.text.as_str()).collect())
}

fn schema() -> Value {
    json!({ "type": "object", "properties": { "word": { "type": "string" } }, "required": ["word"] })
}

macro_rules! tool {
    ($type:ty, $name:literal, $about:literal, |$tool:ident, $word:ident| $call:expr) => {
        impl Tool for $type {
            const NAME: &'static str = $name;
            type Args = Word;
            type Output = String;
            type Error = ToolExecutionError;

            fn description(&self) -> String {
                $about.to_owned()
            }

            fn parameters(&self) -> Value {
                schema()
            }

            async fn call(&self, _: &mut ToolContext, args: Word) -> Result<String, ToolExecutionError> {
                let ($tool, $word) = (self, args.word.as_str());
                $call
            }
        }
    };
}

tool!(Translate, "translate", "Translates a word into Latin", |_tool, word| Ok(translate(word)));
tool!(OnTheShelf, "on_the_shelf", "Books of this library", |tool, word| {
    find_books(&tool.0, word).await.map_err(ToolExecutionError::from_error)
});
tool!(InOtherLibraries, "in_other_libraries", "Books of other libraries", |tool, word| {
    find_books(&tool.0, word).await.map_err(ToolExecutionError::from_error)
});
