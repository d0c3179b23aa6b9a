//! The guide, chapter by chapter.
//!
//! | chapter | answers |
//! | --- | --- |
//! | [`concepts`] | what a trace, a span and a context are |
//! | [`instrumenting`] | how a function becomes a span |
//! | [`between_services`] | how a trace crosses processes |
//! | [`sessions`] | how traces of one conversation belong together |
//! | [`sampling`] | how to record less |
//! | [`llm_calls`] | how calls of models are recorded |
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
    concepts
    instrumenting
    between_services
    sessions
    sampling
    llm_calls
    from_python
    from_tracing
    from_fastrace
}
