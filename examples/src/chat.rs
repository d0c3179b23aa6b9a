//! A client for any endpoint that speaks OpenAI's chat-completions protocol.

use std::env;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::retrieval::Hit;

/// The model that is asked when `OPENAI_MODEL` does not name one.
const DEFAULT_MODEL: &str = "gpt-4o-mini";

/// Where chat completions come from.
#[derive(Clone)]
pub struct ChatClient {
    http: reqwest::Client,
    base_url: String,
    api_key: String,
    model: String,
}

impl fmt::Debug for ChatClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key never appears in a log.
        f.debug_struct("ChatClient")
            .field("base_url", &self.base_url)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// The text.
    pub content: String,
}

/// A completed chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What the model said.
    pub text: String,
    /// The model that answered, as the endpoint names it.
    pub model: String,
    /// Tokens of the prompt and of the answer, when the endpoint counts them.
    pub usage: Option<(u64, u64)>,
}

/// Why there is no completion.
#[derive(Debug)]
pub enum ChatError {
    /// The request failed on the way, or the answer was not JSON of the expected form.
    Http(reqwest::Error),
    /// The endpoint refused.
    Status {
        /// The HTTP status.
        status: u16,
        /// The start of the body.
        body: String,
    },
    /// The answer holds no choice with text.
    Empty,
}

impl fmt::Display for ChatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChatError::Http(_) => write!(f, "the chat endpoint could not be asked"),
            ChatError::Status { status, body } => {
                write!(f, "the chat endpoint answered {status}: {body}")
            }
            ChatError::Empty => write!(f, "the chat endpoint answered without a message"),
        }
    }
}

impl std::error::Error for ChatError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ChatError::Http(error) => Some(error),
            _ => None,
        }
    }
}

impl ChatClient {
    /// A client for one endpoint. `base_url` is what comes before `/chat/completions`.
    pub fn new(http: reqwest::Client, base_url: &str, api_key: &str, model: &str) -> ChatClient {
        ChatClient {
            http,
            base_url: base_url.trim_end_matches('/').to_owned(),
            api_key: api_key.to_owned(),
            model: model.to_owned(),
        }
    }

    /// The client that `OPENAI_API_KEY`, `OPENAI_BASE_URL` and `OPENAI_MODEL` describe; none without a key.
    pub fn from_env(http: reqwest::Client) -> Option<ChatClient> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
        let api_key = set("OPENAI_API_KEY")?;
        let base_url = set("OPENAI_BASE_URL").unwrap_or_else(|| "https://api.openai.com/v1".to_owned());
        let model = set("OPENAI_MODEL").unwrap_or_else(|| DEFAULT_MODEL.to_owned());
        Some(ChatClient::new(http, &base_url, &api_key, &model))
    }

    /// The model that is asked.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Asks for one completion.
    ///
    /// # Errors
    ///
    /// When the endpoint cannot be reached, refuses, or says nothing.
    pub async fn complete(&self, messages: &[Message]) -> Result<Completion, ChatError> {
        let request = self.http.post(format!("{}/chat/completions", self.base_url)).bearer_auth(&self.api_key);
        let response = request
            .json(&json!({ "model": self.model, "messages": messages }))
            .send()
            .await
            .map_err(ChatError::Http)?;
        let status = response.status();
        if !status.is_success() {
            let body = response.text().await.unwrap_or_default().chars().take(300).collect();
            return Err(ChatError::Status { status: status.as_u16(), body });
        }
        let reply: Reply = response.json().await.map_err(ChatError::Http)?;
        let text = reply.choices.into_iter().find_map(|choice| choice.message.content).ok_or(ChatError::Empty)?;
        Ok(Completion {
            text,
            model: reply.model.unwrap_or_else(|| self.model.clone()),
            usage: reply.usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens)),
        })
    }
}

/// The conversation that asks a model to answer from passages, numbered as in [`crate::answer::extract`].
pub fn prompt(question: &str, hits: &[Hit]) -> Vec<Message> {
    let mut passages = String::new();
    for (number, hit) in hits.iter().enumerate() {
        passages.push_str(&format!(
            "[{}] {} ({})\n{}\n\n",
            number + 1,
            hit.passage.path,
            hit.passage.heading,
            hit.passage.text
        ));
    }
    let instructions = "Answer from the passages alone, in at most three sentences, and put the number of the passage after each. \
                        When they do not say, say so.";
    vec![
        Message { role: "system".to_owned(), content: format!("{instructions}\n\n{}", passages.trim_end()) },
        Message { role: "user".to_owned(), content: question.to_owned() },
    ]
}

#[derive(Deserialize)]
struct Reply {
    model: Option<String>,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: ReplyMessage,
}

#[derive(Deserialize)]
struct ReplyMessage {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::post;
    use axum::{Json, Router};
    use serde_json::Value;

    use super::*;
    use crate::corpus::Passage;

    /// A chat endpoint on loopback whose answer is made from the request, so that a test sees what was sent.
    async fn endpoint(router: Router) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        format!("http://{address}/v1/")
    }

    async fn echo(headers: HeaderMap, Json(body): Json<Value>) -> Json<Value> {
        let said = format!(
            "{} to {}",
            body["messages"][0]["content"].as_str().unwrap(),
            headers["authorization"].to_str().unwrap()
        );
        Json(json!({
            "model": format!("{}-2024", body["model"].as_str().unwrap()),
            "choices": [{ "message": { "role": "assistant", "content": said } }],
            "usage": { "prompt_tokens": 7, "completion_tokens": 3 }
        }))
    }

    fn ask(content: &str) -> [Message; 1] {
        [Message { role: "user".into(), content: content.into() }]
    }

    #[tokio::test]
    async fn a_completion_carries_text_model_and_usage() {
        let base_url = endpoint(Router::new().route("/v1/chat/completions", post(echo))).await;
        let client = ChatClient::new(crate::http_client().unwrap(), &base_url, "sk-test", "small");
        let completion = client.complete(&ask("hello")).await.unwrap();
        assert_eq!(
            completion,
            Completion { text: "hello to Bearer sk-test".into(), model: "small-2024".into(), usage: Some((7, 3)) }
        );
    }

    #[tokio::test]
    async fn a_refusal_and_an_empty_answer_are_errors() {
        let refuse = post(|| async { (StatusCode::TOO_MANY_REQUESTS, "slow down") });
        let client = ChatClient::new(
            crate::http_client().unwrap(),
            &endpoint(Router::new().route("/v1/chat/completions", refuse)).await,
            "k",
            "m",
        );
        assert_eq!(
            client.complete(&ask("x")).await.unwrap_err().to_string(),
            "the chat endpoint answered 429: slow down"
        );

        let silent = post(|| async { Json(json!({ "choices": [] })) });
        let client = ChatClient::new(
            crate::http_client().unwrap(),
            &endpoint(Router::new().route("/v1/chat/completions", silent)).await,
            "k",
            "m",
        );
        assert!(matches!(client.complete(&ask("x")).await, Err(ChatError::Empty)));
    }

    #[test]
    fn the_key_stays_out_of_debug_output() {
        let client = ChatClient::new(crate::http_client().unwrap(), "http://127.0.0.1:1/v1", "sk-secret", "m");
        assert!(!format!("{client:?}").contains("sk-secret"));
    }

    #[test]
    fn the_prompt_numbers_its_passages() {
        let passage = |text: &str| Passage { path: "a.md".into(), heading: "H".into(), text: text.into() };
        let hits = [Hit { passage: passage("one"), score: 2.0 }, Hit { passage: passage("two"), score: 1.0 }];
        let messages = prompt("why?", &hits);
        assert!(messages[0].content.ends_with("[1] a.md (H)\none\n\n[2] a.md (H)\ntwo"), "{}", messages[0].content);
        assert_eq!(messages[1], Message { role: "user".into(), content: "why?".into() });
    }
}
