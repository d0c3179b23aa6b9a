//! The microservices example: what its seven services have in common.
//!
//! ```text
//! client -> gateway -> auth
//!                   -> orchestrator -> cache
//!                                   -> search (vectors)
//!                                   -> rag -> llm (a server of OpenAI form)
//! ```

pub mod call;
pub mod message;
