//! The guide, chapter by chapter.
//!
//! | chapter | answers |
//! | --- | --- |
//! | [`start`] | what to write first, and where traces go |
//! | [`concepts`] | what a trace, a span and a context are |
//! | [`instrumenting`] | how a function becomes a span |
//! | [`between_services`] | how a trace crosses processes |
//! | [`delivery`] | when spans are sent, and what became of them |
//! | [`redaction`] | what is left out by itself, and what you leave out |
//! | [`sessions`] | how traces of one conversation belong together |
//! | [`sampling`] | how to record less |
//! | [`llm_calls`] | how calls of models are recorded |
//! | [`opentelemetry`] | how to share traces with OpenTelemetry, and where to send spans |
//! | [`langsmith`] | how to stand in a LangSmith trace |
//! | [`production`] | sizes, ends, Kubernetes, serverless |
//! | [`testing`] | how traces are tested |
//! | [`troubleshooting`] | why something is not where it should be |
//! | [`environment`] | every variable |
//! | [`from_python`], [`from_tracing`], [`from_fastrace`] | what is called what |

macro_rules! chapters {
    ($($name:ident)+) => {
        $(
            #[doc = include_str!(concat!(stringify!($name), ".md"))]
            pub mod $name {}
        )+
    };
}

chapters! {
    start
    concepts
    instrumenting
    between_services
    delivery
    redaction
    sessions
    sampling
    llm_calls
    opentelemetry
    langsmith
    production
    troubleshooting
    environment
    from_python
    from_tracing
    from_fastrace
}

/// Traces as tests. With the feature `testing` this chapter's examples are compiled and run.
#[cfg_attr(feature = "testing", doc = "")]
#[cfg_attr(feature = "testing", doc = include_str!("testing.md"))]
pub mod testing {}
