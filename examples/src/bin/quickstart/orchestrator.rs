//! The orchestrator: plans what to look up, asks the retrieval service, and answers from what it gets.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use galileo::middleware::{ServerSpan, TracingLayer};
use galileo::{Mode, current_span, get_tracing_headers, init, log};
use galileo_examples::chat::{self, ChatClient, ChatError, Message};
use galileo_examples::retrieval::Hit;
use galileo_examples::{answer, http_client, question, service};

use crate::ask::{AskReply, AskRequest, Problem, SearchReply, SearchRequest};

/// How many passages one answer is made from.
const PASSAGES: usize = 4;

#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    #[command(flatten)]
    service: service::Options,
    /// Address of the retrieval service, such as http://127.0.0.1:8001
    #[arg(long)]
    retrieval: String,
}

pub(crate) async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let _galileo = init(Mode::Distributed)?;
    let http = http_client()?;
    let chat = ChatClient::from_env(http.clone());
    let orchestrator =
        Arc::new(Orchestrator { http, chat, retrieval: options.retrieval.trim_end_matches('/').to_owned() });
    // The functions below are the spans; another one for the request itself would say nothing new.
    let tracing = TracingLayer::new().server_span(ServerSpan::Off);
    let router = Router::new().route("/ask", post(ask)).with_state(orchestrator).layer(tracing);
    service::serve("orchestrator", router, &options.service).await
}

async fn ask(
    State(orchestrator): State<Arc<Orchestrator>>,
    Json(request): Json<AskRequest>,
) -> Result<Json<AskReply>, (StatusCode, Json<Problem>)> {
    match orchestrator.answer_question(&request.question).await {
        Ok(reply) => Ok(Json(reply)),
        Err(error) => Err((StatusCode::BAD_GATEWAY, Json(Problem { error: service::with_causes(&error) }))),
    }
}

struct Orchestrator {
    http: reqwest::Client,
    /// Asked for the answer when there is a key; else the answer is extracted from the passages.
    chat: Option<ChatClient>,
    retrieval: String,
}

impl Orchestrator {
    #[log(span_type = "workflow", name = "answer_question")]
    async fn answer_question(&self, question: &str) -> Result<AskReply, AskError> {
        let hits = self.research(question).await?;
        let answer = match &self.chat {
            Some(chat) => ask_model(chat, &chat::prompt(question, &hits)).await?,
            None => extract_answer(question, &hits),
        };
        let sources = hits.iter().map(|hit| format!("{} > {}", hit.passage.path, hit.passage.heading)).collect();
        let trace_id = current_span().trace_id().map(|id| id.to_string());
        Ok(AskReply { answer, sources, trace_id })
    }

    /// Looks up each part of the question at the same time and merges what was found, best first.
    #[log(span_type = "agent", name = "research")]
    async fn research(&self, question: &str) -> Result<Vec<Hit>, AskError> {
        let lookups = question::parts(question).into_iter().map(|part| self.search_passages(part));
        let mut hits: Vec<Hit> = Vec::new();
        for found in futures::future::try_join_all(lookups).await? {
            // Scores of different queries are not comparable; shares of each query's best are.
            let best = found.first().map_or(1.0, |hit| hit.score);
            for hit in found {
                let score = hit.score / best;
                match hits.iter_mut().find(|other| other.passage == hit.passage) {
                    Some(known) => known.score = known.score.max(score),
                    None => hits.push(Hit { score, ..hit }),
                }
            }
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits.truncate(PASSAGES);
        Ok(hits)
    }

    /// The call to the other service. These headers are all that links the two.
    #[log(span_type = "tool", name = "search_passages")]
    async fn search_passages(&self, query: &str) -> Result<Vec<Hit>, AskError> {
        let request = SearchRequest { query: query.to_owned(), limit: PASSAGES };
        let url = format!("{}/search", self.retrieval);
        let response =
            self.http.post(url).headers(get_tracing_headers()).json(&request).send().await?.error_for_status()?;
        Ok(response.json::<SearchReply>().await?.hits)
    }
}

#[log(span_type = "llm", name = "ask_model")]
async fn ask_model(chat: &ChatClient, messages: &[Message]) -> Result<String, ChatError> {
    let completion = chat.complete(messages).await?;
    let span = current_span();
    span.set_model(&completion.model);
    if let Some(usage) = completion.usage {
        span.set_usage(usage);
    }
    Ok(completion.text)
}

#[log(span_type = "tool", name = "extract_answer")]
fn extract_answer(question: &str, hits: &[Hit]) -> String {
    answer::extract(question, hits)
}

/// Why there is no answer.
#[derive(Debug)]
enum AskError {
    /// The retrieval service did not answer as it should.
    Retrieval(reqwest::Error),
    /// The model did not.
    Chat(ChatError),
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::Retrieval(_) => write!(f, "the retrieval service did not answer"),
            AskError::Chat(_) => write!(f, "the model did not answer"),
        }
    }
}

impl Error for AskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            AskError::Retrieval(error) => Some(error),
            AskError::Chat(error) => Some(error),
        }
    }
}

impl From<reqwest::Error> for AskError {
    fn from(error: reqwest::Error) -> AskError {
        AskError::Retrieval(error)
    }
}

impl From<ChatError> for AskError {
    fn from(error: ChatError) -> AskError {
        AskError::Chat(error)
    }
}
