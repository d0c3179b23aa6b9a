//! What is captured when the span opens.

use super::param::{Binding, Params};
use super::secret::is_secret_name;
use super::shape::Shape;
use super::template::Template;
use crate::parse::{Args, As, Form, Tags, name_of};
use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{Attribute, Expr, Ident, LitStr};

/// One value of the START record.
pub(crate) struct Captured {
    /// The variant of `Field`.
    pub(crate) field: &'static str,
    /// The name of the argument or metadata entry.
    pub(crate) key: String,
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) how: How,
}

impl Captured {
    /// Whether code of the user's runs outside of our own capture, and may panic there.
    pub(crate) fn runs_user_code(&self) -> bool {
        match &self.how {
            How::Probe(Source::Expression(expr)) => !matches!(**expr, Expr::Lit(_) | Expr::Path(_)),
            How::Format(_) => true,
            _ => false,
        }
    }
}

/// How the value is got.
pub(crate) enum How {
    /// By the best way that its type allows.
    Probe(Source),
    /// In a given way; the span is that of the word, for the compiler's message when the type does not allow it.
    As(Source, Form, Span),
    /// By a format string.
    Format(LitStr),
    /// Not at all.
    Redacted,
}

pub(crate) enum Source {
    Variable(Ident),
    Expression(Box<Expr>),
}

/// A parameter that fills the field of its name when nothing else is given, and the span type that has the field.
const BY_NAME: [(&str, &str, Option<&str>); 6] = [
    ("model", "Model", Some("llm")),
    ("temperature", "Temperature", Some("llm")),
    ("tools", "Tools", Some("llm")),
    ("tool_call_id", "ToolCallId", Some("tool")),
    ("tags", "Tag", None),
    ("metadata", "Metadata", None),
];

pub(crate) fn captured(
    args: &Args,
    params: &Params,
    template: Option<&Template>,
    span_type: &str,
    shape: &Shape,
) -> Vec<Captured> {
    let mut values = Vec::new();
    if let Some(Template(name)) = template {
        values.push(field("Name", How::Format(name.clone())));
    }
    if let Some(expr) = args.input.get() {
        values.push(field("Input", probe(expr)));
    }
    if args.capture.get().is_some_and(|names| names.iter().any(|name| name == "self"))
        && let Some(receiver) = &params.receiver
    {
        let source = Source::Variable(receiver.clone());
        let how = match form_of("self", args) {
            Some(one) => How::As(source, one.form, one.form_span),
            None => How::Probe(source),
        };
        values.push(argument("self".to_owned(), Vec::new(), how));
    }
    for binding in &params.bindings {
        if !binding.unused && !is_in(&args.skip, binding) && !args.skip_all.is_set() && is_at_hand(binding, shape) {
            values.extend(parameter(binding, args, span_type));
        }
    }
    values.extend(explicit(args));
    values
}

fn parameter(binding: &Binding, args: &Args, span_type: &str) -> Option<Captured> {
    let source = || Source::Variable(binding.ident.clone());
    let form = form_of(&name_of(&binding.ident), args);
    let asked = form.is_some() || is_in(&args.capture, binding);
    let redacted = is_in(&args.redact, binding) || is_secret_name(&binding.name) && !asked;
    let how = match form {
        Some(one) => How::As(source(), one.form, one.form_span),
        None => How::Probe(source()),
    };
    if is_mapped(binding, args) {
        return None;
    }
    let fills = BY_NAME.iter().find(|(name, _, on)| *name == binding.name && on.is_none_or(|on| on == span_type));
    if let Some((name, field_name, _)) = fills
        && !redacted
        && !is_given(name, args)
    {
        return Some(Captured { field: field_name, key: String::new(), cfgs: binding.cfgs.clone(), how });
    }
    if args.input.is_set() {
        return None;
    }
    let how = if redacted { How::Redacted } else { how };
    Some(argument(binding.name.clone(), binding.cfgs.clone(), how))
}

/// What `capture_as` says of a parameter.
fn form_of<'a>(name: &str, args: &'a Args) -> Option<&'a As> {
    args.capture_as.get()?.iter().find(|one| name_of(&one.parameter) == name)
}

fn explicit(args: &Args) -> Vec<Captured> {
    let mut values = Vec::new();
    match args.tags.get() {
        Some(Tags::List(tags)) => values.extend(tags.iter().map(|tag| field("Tag", probe(tag)))),
        Some(Tags::All(tags)) => values.push(field("Tag", probe(tags))),
        None => {}
    }
    for entry in args.metadata.get().into_iter().flatten() {
        let key = entry.key.value();
        let how = if is_secret_name(&key) { How::Redacted } else { probe(&entry.value) };
        values.push(Captured { field: "Metadata", key, cfgs: Vec::new(), how });
    }
    for (name, slot) in [
        ("Model", &args.model),
        ("Temperature", &args.temperature),
        ("Tools", &args.tools),
        ("AgentType", &args.agent_type),
        ("ToolCallId", &args.tool_call_id),
    ] {
        values.extend(slot.get().map(|expr| field(name, probe(expr))));
    }
    values
}

fn field(field: &'static str, how: How) -> Captured {
    Captured { field, key: String::new(), cfgs: Vec::new(), how }
}

fn argument(key: String, cfgs: Vec<Attribute>, how: How) -> Captured {
    Captured { field: "Argument", key, cfgs, how }
}

fn probe(expr: &Expr) -> How {
    How::Probe(Source::Expression(Box::new(expr.clone())))
}

fn is_in(list: &crate::parse::Once<Vec<Ident>>, binding: &Binding) -> bool {
    list.get().is_some_and(|names| names.iter().any(|name| name_of(name) == name_of(&binding.ident)))
}

/// Whether the field of this name has a value of its own.
fn is_given(name: &str, args: &Args) -> bool {
    match name {
        "model" => args.model.is_set(),
        "temperature" => args.temperature.is_set(),
        "tools" => args.tools.is_set(),
        "tool_call_id" => args.tool_call_id.is_set(),
        "tags" => args.tags.is_set(),
        _ => args.metadata.is_set(),
    }
}

/// Whether the parameter as a whole is the value of a field, as in `model = model_name`; then it is no part of the input.
fn is_mapped(binding: &Binding, args: &Args) -> bool {
    [&args.model, &args.temperature, &args.tools, &args.agent_type, &args.tool_call_id, &args.session, &args.parent]
        .into_iter()
        .filter_map(|slot| slot.get())
        .any(|expr| is_variable(expr, &binding.ident))
}

fn is_variable(expr: &Expr, ident: &Ident) -> bool {
    match expr {
        Expr::Path(path) => path.path.is_ident(ident),
        Expr::Reference(inner) => is_variable(&inner.expr, ident),
        Expr::Paren(inner) => is_variable(&inner.expr, ident),
        _ => false,
    }
}

/// A block that is rewritten must not begin to own what it did not own before: that would change when it is dropped, and whether the
/// future is `Send`.
fn is_at_hand(binding: &Binding, shape: &Shape) -> bool {
    match shape {
        Shape::AsyncBlock { block, .. } => mentions(block.stream(), &binding.ident),
        _ => true,
    }
}

fn mentions(tokens: TokenStream, ident: &Ident) -> bool {
    let interpolated = [format!("{{{}}}", name_of(ident)), format!("{{{}:", name_of(ident))];
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(found) => found == *ident,
        TokenTree::Group(group) => mentions(group.stream(), ident),
        TokenTree::Literal(literal) => {
            let text = literal.to_string();
            interpolated.iter().any(|form| text.contains(form))
        }
        TokenTree::Punct(_) => false,
    })
}
