//! `cargo xtask agents`: the agent of `examples/agents` with its two MCP servers, and the one trace that the three processes leave in a console.
//!
//! A lane of its own, because rig and the MCP crate are 250 more crates than the workspace needs.

use serde_json::Value;

use crate::browser::console::Console;
use crate::run::{Outcome, capture, cargo, execute, program, target_dir};

/// Type, name and service of each span, indented by its depth.
const TREE: &str = "\
agent ask @agent
  agent librarian @agent
    llm chat @agent
    tool execute_tool @agent
      tool translate @agent
    tool execute_tool @agent
      tool find_books @agent
        tool find_books @catalog-stdio
          retriever look_up @catalog-stdio
    tool execute_tool @agent
      tool find_books @agent
        retriever look_up @catalog-http
    llm chat @agent
";

/// Builds the agent, runs it against a console, compares the tree.
pub(crate) fn run() -> Outcome {
    let folder = target_dir().join("agents");
    execute(cargo().args(["build", "--package", "galileo-console"]))?;
    let manifest = ["build", "--locked", "--manifest-path", "examples/agents/Cargo.toml", "--target-dir"];
    execute(cargo().args(manifest).arg(&folder))?;

    let binary = target_dir().join("debug").join("galileo-console");
    let console = Console::start(&binary, ":memory:", 0)?;
    let mut agent = program(folder.join("debug").join("galileo-agents"));
    for variable in ["GALILEO_CONSOLE_URL", "GALILEO_EXPORTERS", "GALILEO_PROPAGATORS", "GALILEO_SAMPLE_RATE"] {
        agent.env_remove(variable);
    }
    agent.env("GALILEO_API_URL", console.origin()).env("GALILEO_MODE", "distributed");
    let said = capture(agent.env("GALILEO_SERVICE_NAME", "agent").env("GALILEO_SPOOL", "off"))?;
    eprintln!("{said}");
    let trace = said.lines().find_map(|line| line.strip_prefix("trace: ")).ok_or("the agent names no trace")?;
    let shown = capture(program(&binary).args(["show", trace, "--json", "--url", &console.origin()]))?;
    let view: Value = serde_json::from_str(&shown).map_err(|error| format!("`show --json` is no JSON: {error}"))?;
    let found: String = view["spans"].as_array().into_iter().flatten().map(line).collect();
    if found == TREE { Ok(()) } else { Err(format!("expected\n{TREE}found\n{found}")) }
}

fn line(span: &Value) -> String {
    let text = |name: &str| span[name].as_str().unwrap_or("?");
    let depth = span["depth"].as_u64().and_then(|depth| usize::try_from(depth).ok()).unwrap_or(0);
    format!("{}{} {} @{}\n", "  ".repeat(depth), text("type"), text("name"), text("service"))
}
