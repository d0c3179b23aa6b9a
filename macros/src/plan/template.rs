//! `name = "search {index}"`: names with arguments in them.

use super::param::Params;
use crate::errors::Errors;
use crate::parse::nearest;
use syn::LitStr;

/// A name that is made at run time: a format string with arguments by name.
pub(crate) struct Template(pub(crate) LitStr);

/// The template, if there is anything in braces; mistakes in it are reported.
pub(crate) fn parse(name: &LitStr, params: &Params, errors: &mut Errors) -> Option<Template> {
    let text = name.value();
    let mut is_template = false;
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['{', '}']) {
        is_template = true;
        let (brace, after) = (&rest[at..=at], &rest[at + 1..]);
        if let Some(after) = after.strip_prefix(brace) {
            rest = after;
            continue;
        }
        let (true, Some(end)) = (brace == "{", after.find('}')) else {
            errors.at(
                name,
                format_args!("unmatched `{brace}` in the name; write `{brace}{brace}` for the character itself"),
            );
            return None;
        };
        check(after[..end].split(':').next().unwrap_or_default(), name, params, errors);
        rest = &after[end + 1..];
    }
    is_template.then(|| Template(name.clone()))
}

fn check(argument: &str, name: &LitStr, params: &Params, errors: &mut Errors) {
    let argument = argument.trim();
    let is_name = !argument.is_empty() && argument.chars().all(|c| c == '_' || c.is_alphanumeric());
    if !is_name || argument.starts_with(|c: char| c.is_ascii_digit()) {
        errors.at(name, format_args!("`{{{argument}}}` in the name is not the name of a parameter"));
        return;
    }
    let names: Vec<_> = params.names().collect();
    let is_self = argument == "self" && params.receiver.is_some();
    let is_constant = argument.chars().all(|c| c == '_' || c.is_ascii_uppercase() || c.is_ascii_digit());
    if is_self || is_constant || names.iter().any(|name| name == argument) {
        return;
    }
    let hint = match nearest(argument, names.iter().map(String::as_str)) {
        Some(meant) => format!("; did you mean `{{{meant}}}`?"),
        None => String::new(),
    };
    errors.at(name, format_args!("`{{{argument}}}` in the name is not a parameter of the function{hint}"));
}
