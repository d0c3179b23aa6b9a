//! The arguments of the attribute.

use super::keys::{Key, SPAN_TYPES};
use super::once::Once;
use super::value::{self, As, Entry, Form, OnResult, Parameter, Tags};
use crate::errors::Errors;
use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Ident, LitStr, Path, Token};

/// What stands between the parentheses, key by key.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) name: Once<LitStr>,
    pub(crate) span_type: Once<LitStr>,
    pub(crate) tags: Once<Tags>,
    pub(crate) metadata: Once<Vec<Entry>>,
    pub(crate) input: Once<Expr>,
    pub(crate) output: Once<OnResult>,
    pub(crate) skip: Once<Vec<Ident>>,
    pub(crate) skip_all: Once<()>,
    pub(crate) skip_output: Once<()>,
    pub(crate) capture: Once<Vec<Ident>>,
    pub(crate) redact: Once<Vec<Ident>>,
    pub(crate) capture_as: Once<Vec<As>>,
    pub(crate) err: Once<(Form, Span)>,
    pub(crate) status_code: Once<OnResult>,
    pub(crate) parent: Once<Expr>,
    pub(crate) session: Once<Expr>,
    pub(crate) model: Once<Expr>,
    pub(crate) temperature: Once<Expr>,
    pub(crate) tools: Once<Expr>,
    pub(crate) usage: Once<OnResult>,
    pub(crate) agent_type: Once<Expr>,
    pub(crate) tool_call_id: Once<Expr>,
    pub(crate) cache_hit: Once<OnResult>,
    pub(crate) krate: Once<Path>,
}

impl Args {
    /// Reads all arguments; what is wrong is reported and left out.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let read = |input: ParseStream<'_>| -> syn::Result<()> {
            while !input.is_empty() {
                if let Err(error) = args.argument(input, errors) {
                    errors.absorb(error);
                    value::recover(input);
                }
                if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                    errors.at_span(input.span(), "expected `,` between the arguments");
                    value::recover(input);
                    let _ = input.parse::<Token![,]>();
                }
            }
            Ok(())
        };
        if let Err(error) = read.parse2(tokens) {
            errors.absorb(error);
        }
        args
    }

    fn argument(&mut self, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        let ident = Ident::parse_any(input).map_err(|e| {
            syn::Error::new(e.span(), "expected a key, for example `span_type = \"tool\"` or `skip(client)`")
        })?;
        let key = match Key::lookup(&ident) {
            Ok(key) => key,
            Err(message) => {
                errors.at(&ident, message);
                return value::skip_value(input);
            }
        };
        let expr = |input: ParseStream<'_>| -> syn::Result<Expr> { value::assigned(key, &ident, input, |i| i.parse()) };
        let on_result = |input: ParseStream<'_>| value::assigned(key, &ident, input, |i| value::on_result(key, i));
        let names = |input: ParseStream<'_>| -> syn::Result<Vec<Ident>> {
            Ok(value::listed::<Parameter>(key, &ident, input)?.into_iter().map(|Parameter(name)| name).collect())
        };
        match key {
            Key::Name => {
                let name = value::assigned(key, &ident, input, |i| value::string(key, i))?;
                if name.value().trim().is_empty() {
                    errors.at(&name, "the name of a span cannot be empty");
                }
                self.name.set(&ident, name, errors);
            }
            Key::SpanType => {
                let span_type = value::assigned(key, &ident, input, |i| value::string(key, i))?;
                check_span_type(&span_type, errors);
                self.span_type.set(&ident, span_type, errors);
            }
            Key::Tags => self.tags.set(&ident, value::assigned(key, &ident, input, value::tags)?, errors),
            Key::Metadata => {
                let entries = value::listed::<Entry>(key, &ident, input)?;
                check_entries(&entries, errors);
                self.metadata.set(&ident, entries, errors);
            }
            Key::Input => self.input.set(&ident, expr(input)?, errors),
            Key::Output => self.output.set(&ident, on_result(input)?, errors),
            Key::Skip => self.skip.set(&ident, names(input)?, errors),
            Key::SkipAll => self.skip_all.set(&ident, value::alone(key, input)?, errors),
            Key::SkipOutput => self.skip_output.set(&ident, value::alone(key, input)?, errors),
            Key::Capture => self.capture.set(&ident, names(input)?, errors),
            Key::Redact => self.redact.set(&ident, names(input)?, errors),
            Key::CaptureAs => self.capture_as.set(&ident, value::listed(key, &ident, input)?, errors),
            Key::Err => {
                let form = value::assigned(key, &ident, input, |i| {
                    let span = i.span();
                    Ok((value::error_form(i)?, span))
                })?;
                self.err.set(&ident, form, errors);
            }
            Key::StatusCode => self.status_code.set(&ident, on_result(input)?, errors),
            Key::Parent => self.parent.set(&ident, expr(input)?, errors),
            Key::Session => self.session.set(&ident, expr(input)?, errors),
            Key::Model => self.model.set(&ident, expr(input)?, errors),
            Key::Temperature => self.temperature.set(&ident, expr(input)?, errors),
            Key::Tools => self.tools.set(&ident, expr(input)?, errors),
            Key::Usage => self.usage.set(&ident, on_result(input)?, errors),
            Key::AgentType => {
                let agent_type = expr(input)?;
                check_agent_type(&agent_type, errors);
                self.agent_type.set(&ident, agent_type, errors);
            }
            Key::ToolCallId => self.tool_call_id.set(&ident, expr(input)?, errors),
            Key::CacheHit => self.cache_hit.set(&ident, on_result(input)?, errors),
            Key::Crate => {
                let path = value::assigned(key, &ident, input, Path::parse_mod_style)?;
                self.krate.set(&ident, path, errors);
            }
        }
        Ok(())
    }
}

fn check_span_type(written: &LitStr, errors: &mut Errors) {
    one_of("span type", written, &SPAN_TYPES, errors);
}

fn check_agent_type(written: &Expr, errors: &mut Errors) {
    const AGENT_TYPES: [&str; 8] =
        ["default", "planner", "react", "reflection", "router", "classifier", "supervisor", "judge"];
    if let Expr::Lit(lit) = written
        && let syn::Lit::Str(text) = &lit.lit
    {
        one_of("agent type", text, &AGENT_TYPES, errors);
    }
}

fn one_of(what: &str, written: &LitStr, allowed: &[&'static str], errors: &mut Errors) {
    let text = written.value();
    if allowed.contains(&text.as_str()) {
        return;
    }
    let hint = match super::nearest(&text, allowed.iter().copied()) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => {
            format!("expected one of {}", allowed.iter().map(|a| format!("\"{a}\"")).collect::<Vec<_>>().join(", "))
        }
    };
    errors.at(written, format_args!("unknown {what} \"{text}\"; {hint}"));
}

fn check_entries(entries: &[Entry], errors: &mut Errors) {
    for (at, entry) in entries.iter().enumerate() {
        if entries[..at].iter().any(|before| before.key.value() == entry.key.value()) {
            errors.at(&entry.key, format_args!("the metadata key `{}` is given twice", entry.key.value()));
        }
    }
}
