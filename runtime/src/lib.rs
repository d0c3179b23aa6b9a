//! Distributed tracing of LLM and agent services.
