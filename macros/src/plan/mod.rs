//! Syntax to decisions. Building a [`Plan`] is the validation: it answers every question, so that expansion cannot fail.

mod conflict;
pub(crate) mod early;
mod param;
mod result;
mod secret;
mod shape;
mod template;
mod value;

pub(crate) use param::Binding;
pub(crate) use result::{Flow, Kind, Returns};
pub(crate) use shape::Shape;
pub(crate) use value::{Captured, How, Source};

use crate::errors::Errors;
use crate::parse::{Args, Form, InputFn, OnResult};
use proc_macro2::Span;
use syn::{Expr, Path};

/// Everything that expansion reads.
pub(crate) struct Plan {
    pub(crate) input: InputFn,
    pub(crate) krate: Option<Path>,
    pub(crate) name: String,
    /// The variant of `SpanType`.
    pub(crate) span_type: &'static str,
    pub(crate) shape: Shape,
    pub(crate) returns: Returns,
    /// What is captured when the span opens.
    pub(crate) values: Vec<Captured>,
    /// What the body's closure has to own, in the order in which the function would have dropped it.
    pub(crate) owned: Vec<Binding>,
    pub(crate) end: End,
    pub(crate) parent: Option<Expr>,
    pub(crate) session: Option<Expr>,
}

/// What is recorded when the span closes.
pub(crate) struct End {
    pub(crate) output: Output,
    pub(crate) err: Option<(Form, Span)>,
    pub(crate) status_code: Option<OnResult>,
    pub(crate) usage: Option<OnResult>,
    pub(crate) cache_hit: Option<OnResult>,
}

pub(crate) enum Output {
    /// The result itself.
    Auto,
    /// Nothing.
    Skip,
    /// What the user makes of the result.
    Made(OnResult),
}

impl Plan {
    /// Decides everything; `None` when there are errors.
    pub(crate) fn build(args: Args, input: InputFn, errors: &mut Errors) -> Option<Self> {
        let params = param::Params::of(&input.sig);
        let returns = Returns::of(&input.sig.output);
        let shape = Shape::of(&input, &returns);
        let span_type = args.span_type.get().map_or_else(|| "workflow".to_owned(), |text| text.value());
        conflict::check(&args, &input, &params, &returns, &shape, &span_type, errors);
        let template = args.name.get().and_then(|name| template::parse(name, &params, errors));
        let values = value::captured(&args, &params, template.as_ref(), &span_type, &shape);
        if !errors.is_empty() {
            return None;
        }
        let name = match (args.name.get(), &template) {
            (Some(name), None) => name.value(),
            _ => crate::parse::name_of(&input.sig.ident),
        };
        Some(Self {
            name,
            span_type: variant(&span_type),
            owned: params.owned(),
            values,
            end: End {
                output: match (args.skip_output.is_set(), args.output.take()) {
                    (true, _) => Output::Skip,
                    (false, Some(made)) => Output::Made(made),
                    (false, None) => Output::Auto,
                },
                err: args.err.take(),
                status_code: args.status_code.take(),
                usage: args.usage.take(),
                cache_hit: args.cache_hit.take(),
            },
            parent: args.parent.take(),
            session: args.session.take(),
            krate: args.krate.take(),
            shape,
            returns,
            input,
        })
    }
}

fn variant(span_type: &str) -> &'static str {
    match span_type {
        "agent" => "Agent",
        "llm" => "Llm",
        "retriever" => "Retriever",
        "tool" => "Tool",
        _ => "Workflow",
    }
}
