//! Rules between arguments, and between arguments and the function.

use super::param::Params;
use super::result::{Flow, Kind, Returns};
use super::shape::Shape;
use crate::errors::Errors;
use crate::parse::{Args, InputFn, Key, Once, name_of, nearest};
use syn::Ident;

pub(crate) fn check(
    args: &Args,
    input: &InputFn,
    params: &Params,
    returns: &Returns,
    shape: &Shape,
    span_type: &str,
    errors: &mut Errors,
) {
    if let Some(constness) = &input.sig.constness {
        errors.at(
            constness,
            "a `const fn` may run in the compiler, where nothing can be recorded; remove `const` or `#[log]`",
        );
    }
    parameters(args, params, errors);
    contradictions(args, errors);
    span_types(args, span_type, errors);
    results(args, returns, shape, errors);
}

/// The lists of parameters: all of them exist, none is named twice, none is in two lists that exclude each other.
fn parameters(args: &Args, params: &Params, errors: &mut Errors) {
    let capture_as: Vec<Ident> = args.capture_as.get().into_iter().flatten().map(|one| one.parameter.clone()).collect();
    let empty = Vec::new();
    let lists: [(&str, &[Ident]); 4] = [
        ("skip", args.skip.get().unwrap_or(&empty)),
        ("redact", args.redact.get().unwrap_or(&empty)),
        ("capture", args.capture.get().unwrap_or(&empty)),
        ("capture_as", &capture_as),
    ];
    for (key, names) in lists {
        for (at, name) in names.iter().enumerate() {
            if names[..at].iter().any(|before| before == name) {
                errors.at(name, format_args!("`{name}` stands twice in `{key}(..)`"));
            }
            // What `capture(self)` takes in may be given a form.
            if !(key == "capture_as" && name == "self" && lists[2].1.contains(name)) {
                exists(key, name, params, errors);
            }
        }
    }
    for (a, (first, names)) in lists.iter().enumerate() {
        for (second, others) in &lists[a + 1..] {
            // `capture` only says that a name is no secret, which `capture_as` says too.
            if *first == "capture" && *second == "capture_as" {
                continue;
            }
            for name in others.iter().filter(|name| names.contains(name)) {
                errors.at(
                    name,
                    format_args!("`{name}` stands in `{first}(..)` and in `{second}(..)`; keep one of the two"),
                );
            }
        }
    }
}

fn exists(key: &str, name: &Ident, params: &Params, errors: &mut Errors) {
    if name == "self" {
        match &params.receiver {
            None => errors.at(name, "this function has no `self`"),
            Some(_) if matches!(key, "redact" | "capture_as") => {
                errors.at(name, format_args!("`self` is not captured unless `capture(self)` asks for it"));
            }
            Some(_) => {}
        }
        return;
    }
    if params.find(name).is_some() {
        return;
    }
    let names: Vec<_> = params.names().collect();
    let hint = match nearest(&name_of(name), names.iter().map(String::as_str)) {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None if names.is_empty() => "; it has none".to_owned(),
        None => format!("; they are {}", names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")),
    };
    errors.at(name, format_args!("`{name}` is not a parameter of this function{hint}"));
}

fn contradictions(args: &Args, errors: &mut Errors) {
    let keys = |lists: [Option<&Ident>; 4]| lists.into_iter().flatten().cloned().collect::<Vec<_>>();
    if args.skip_all.is_set() {
        let all = [
            args.skip.key(),
            args.redact.key(),
            args.capture_as.key(),
            args.capture.key().filter(|_| only_self_is_not(args)),
        ];
        for key in keys(all) {
            errors.at(&key, format_args!("`skip_all` leaves out every parameter already; remove one of the two"));
        }
    }
    if args.input.is_set() {
        for key in keys([args.redact.key(), args.capture_as.key(), args.capture.key(), args.skip_all.key()]) {
            errors.at(
                &key,
                format_args!(
                    "`input` replaces the parameters, so `{key}` has nothing to act on; remove one of the two"
                ),
            );
        }
    }
    if let (Some(_), Some(key)) = (args.output.key(), args.skip_output.key()) {
        errors.at(key, "`output` says what to record and `skip_output` says to record nothing; keep one of the two");
    }
}

/// `skip_all, capture(self)` is a sensible pair.
fn only_self_is_not(args: &Args) -> bool {
    args.capture.get().is_some_and(|names| names.iter().any(|name| name != "self"))
}

/// Keys that belong to one span type.
fn span_types(args: &Args, span_type: &str, errors: &mut Errors) {
    fn key<T>(once: &Once<T>) -> Option<&Ident> {
        once.key()
    }
    for (key, ident) in [
        (Key::Model, key(&args.model)),
        (Key::Temperature, key(&args.temperature)),
        (Key::Tools, key(&args.tools)),
        (Key::Usage, key(&args.usage)),
        (Key::AgentType, key(&args.agent_type)),
        (Key::ToolCallId, key(&args.tool_call_id)),
    ] {
        // A span type that does not exist has its message already.
        let known = crate::parse::SPAN_TYPES.contains(&span_type);
        if let Some(ident) = ident
            && known
            && !key.only_on().contains(&span_type)
        {
            let needed = key.only_on().join("\" or \"");
            errors.at(
                ident,
                format_args!("`{}` belongs to spans of type \"{needed}\"; this one is \"{span_type}\"", key.name()),
            );
        }
    }
}

/// Keys that look at the result.
fn results(args: &Args, returns: &Returns, shape: &Shape, errors: &mut Errors) {
    let lazy_items = matches!(returns.flow, Flow::Lazy { kind: Kind::Stream | Kind::Iterator, .. });
    if let Some(key) = args.err.key()
        && (returns.unit || returns.never)
        && !matches!(shape, Shape::Returned)
    {
        errors.at(key, "this function returns no `Result`, so there is no error to record");
    }
    let why = if returns.never {
        Some("this function never returns, so there is no result to look at")
    } else {
        returns.closure.then_some("this function returns a closure, which cannot be looked at")
    };
    if let Some(why) = why {
        let keys = [args.output.key(), args.status_code.key(), args.usage.key(), args.cache_hit.key()];
        for key in keys.into_iter().chain([args.skip_output.key().filter(|_| returns.never)]).flatten() {
            errors.at(key, why);
        }
    }
    if lazy_items && let Some(key) = args.status_code.key() {
        errors.at(
            key,
            "`status_code` looks at one result, and this function returns many; use `current_span().set_status(..)`",
        );
    }
}
