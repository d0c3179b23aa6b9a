//! Starts the console and the two services, asks the questions, and shows the trace of each.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use galileo_console::Store;
use galileo_console::model::{Id, TraceQuery, TraceView};
use galileo_console::term::render_tree;
use galileo_examples::child::{self, Reporting, Service};
use galileo_examples::console::Console;
use serde_json::json;

use crate::ask::{AskReply, AskRequest, Problem};

/// The project that the services report to.
const PROJECT: &str = "quickstart";

/// Where people look for a Galileo console that runs on their own machine.
const CONSOLE: &str = "127.0.0.1:8088";

/// Both must have sent spans of a question.
const SERVICES: [&str; 2] = ["orchestrator", "retrieval"];

const QUESTIONS: [&str; 3] = [
    "How does a span get from my thread to the backend?",
    "What happens when a record cannot be delivered, and what is a workflow span?",
    "Which rules does a test in this repository follow?",
];

#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// End after the questions instead of waiting for Ctrl-C; fails unless each gave one complete trace of both services
    #[arg(long)]
    once: bool,
    /// Print one JSON object on standard output and everything else on standard error
    #[arg(long)]
    json: bool,
    /// Ask this instead of the built-in questions (repeatable)
    #[arg(long = "question", value_name = "TEXT")]
    questions: Vec<String>,
    /// Folder whose Markdown files are searched; this repository unless given
    #[arg(long)]
    docs: Option<PathBuf>,
}

/// A question with everything that came of it.
struct Answered {
    reply: AskReply,
    trace: TraceView,
}

pub(crate) async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let notes = Notes { to_stderr: options.json };
    let console = Console::start(CONSOLE).await?;
    if console.moved {
        notes.say(&format!("{CONSOLE} is taken, so the console has a free port."))?;
    }
    notes.say(&format!("The console is {}; open it to watch the spans arrive.", console.url))?;
    let retrieval = start_retrieval(&options, &console).await?;
    let arguments = ["orchestrator", "--retrieval", retrieval.url()];
    let orchestrator = start("orchestrator", &arguments, &console).await?;
    notes.say(&format!(
        "The retrieval service is {}, the orchestrator {}; they share HTTP headers and nothing else.\n",
        retrieval.url(),
        orchestrator.url()
    ))?;

    let defaults = QUESTIONS.map(str::to_owned);
    let questions = if options.questions.is_empty() { &defaults[..] } else { &options.questions };
    // Ctrl-C also reaches the services; they deliver what they have and end by themselves.
    let all_asked = async {
        let mut answered = Vec::new();
        for question in questions {
            answered.push(ask(question, &console, &orchestrator, &notes).await?);
        }
        Ok::<_, Box<dyn Error>>(answered)
    };
    let answered = tokio::select! {
        answered = all_asked => answered?,
        // Whoever wanted the answers and nothing else has not got them.
        _ = tokio::signal::ctrl_c(), if options.once => return Err("interrupted before every question was answered".into()),
        _ = tokio::signal::ctrl_c(), if !options.once => return Ok(()),
    };

    if options.json {
        writeln!(std::io::stdout(), "{}", summary(&console, &answered).await?)?;
    }
    if !options.once {
        notes.say(&format!("The console stays up at {}. Ctrl-C ends it.", console.url))?;
        tokio::signal::ctrl_c().await?;
    }
    orchestrator.stop().await?;
    retrieval.stop().await?;
    verify(&console.store, &answered).await
}

async fn start_retrieval(options: &Options, console: &Console) -> Result<Service, Box<dyn Error>> {
    let docs = options.docs.as_ref().map(|folder| folder.display().to_string());
    let mut arguments = vec!["retrieval"];
    if let Some(docs) = &docs {
        arguments.extend(["--docs", docs]);
    }
    start("retrieval", &arguments, console).await
}

/// This same binary once more, as one of the services.
async fn start(name: &str, arguments: &[&str], console: &Console) -> Result<Service, Box<dyn Error>> {
    let reporting = Reporting { console_url: &console.url, project: PROJECT, log_stream: &log_stream() };
    child::start(name, &std::env::current_exe()?, arguments, reporting).await
}

/// Asks one question, waits until its trace is complete, and shows both.
async fn ask(
    question: &str,
    console: &Console,
    orchestrator: &Service,
    notes: &Notes,
) -> Result<Answered, Box<dyn Error>> {
    notes.say(&format!("Question: {question}"))?;
    let client = galileo_examples::http_client()?;
    let request = AskRequest { question: question.to_owned() };
    let response = client.post(format!("{}/ask", orchestrator.url())).json(&request).send().await?;
    if !response.status().is_success() {
        return Err(response.json::<Problem>().await?.error.into());
    }
    let reply: AskReply = response.json().await?;

    notes.say(&format!("Answer:   {}", reply.answer))?;
    for (number, source) in reply.sources.iter().enumerate() {
        notes.say(&format!("          [{}] {source}", number + 1))?;
    }
    let id: Id = reply.trace_id.as_deref().ok_or("the orchestrator does not record its requests")?.parse()?;
    let trace = console.completed(id, &SERVICES).await?;
    notes.say(&format!("\n{}", render_tree(&trace).trim_end()))?;
    notes.say(&format!("{}\n", console.page(id)))?;
    Ok(Answered { reply, trace })
}

/// Every run has a log stream of its own: services of an earlier one may still be sending to the same address.
fn log_stream() -> String {
    format!("run {}", std::process::id())
}

/// Every question has one trace, and there is no other: nothing was torn apart.
async fn verify(store: &Store, answered: &[Answered]) -> Result<(), Box<dyn Error>> {
    let stream = log_stream();
    let mut traces = store.traces(TraceQuery { limit: 500, ..TraceQuery::default() }).await?.rows;
    traces.retain(|trace| trace.log_stream_name == stream);
    let expected: BTreeSet<Id> = answered.iter().map(|one| one.trace.summary.id).collect();
    let found: BTreeSet<Id> = traces.iter().map(|trace| trace.id).collect();
    if expected.len() != answered.len() || found != expected {
        return Err(format!("{} questions gave {} traces", answered.len(), found.len()).into());
    }
    Ok(())
}

/// What `--json` prints.
async fn summary(console: &Console, answered: &[Answered]) -> Result<serde_json::Value, Box<dyn Error>> {
    let projects = console.store.projects().await?;
    let project = projects.iter().find(|project| project.name == PROJECT).ok_or("the services reported nothing")?;
    let services: BTreeSet<&String> = answered.iter().flat_map(|one| &one.trace.summary.services).collect();
    Ok(json!({
        "console_url": console.url,
        "project_id": project.id,
        "trace_ids": answered.iter().map(|one| one.trace.summary.id).collect::<Vec<_>>(),
        "answers": answered.iter().map(|one| &one.reply.answer).collect::<Vec<_>>(),
        "services": services,
    }))
}

/// Where people read along: standard output, or standard error when that belongs to a program.
struct Notes {
    to_stderr: bool,
}

impl Notes {
    fn say(&self, text: &str) -> std::io::Result<()> {
        if self.to_stderr { writeln!(std::io::stderr(), "{text}") } else { writeln!(std::io::stdout(), "{text}") }
    }
}
