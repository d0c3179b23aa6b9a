//! What small functions become, pretty-printed, beside what they were.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p galileo-sdk-macros` writes the files anew.

use crate::compile;
use proc_macro2::TokenStream;
use quote::quote;
use std::fs;
use std::path::Path;

#[track_caller]
fn check(name: &str, args: TokenStream, item: TokenStream) {
    let source = compile(args.clone(), item.clone());
    let file = syn::parse2(source).unwrap_or_else(|error| panic!("{name}: the expansion is no Rust: {error}"));
    let before = syn::parse2(quote!(#[log(#args)] #item)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let text = format!("// before\n{}\n// after\n{}", prettyplease::unparse(&before), prettyplease::unparse(&file));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/snapshots").join(name).with_extension("txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{name} expands to something else than {}; UPDATE_SNAPSHOTS=1 writes it anew:\n{text}",
        path.display()
    );
}

#[test]
fn a_plain_function() {
    check(
        "plain",
        quote!(),
        quote! {
            pub fn find(query: &str, mut limit: usize) -> Result<Vec<u8>, Error> {
                limit += 1;
                search(query, limit)
            }
        },
    );
}

#[test]
fn a_function_without_arguments_and_result() {
    check(
        "nothing",
        quote!(),
        quote!(
            fn nothing() {}
        ),
    );
}

#[test]
fn an_async_function() {
    check(
        "async_fn",
        quote!(span_type = "tool"),
        quote! {
            async fn fetch(url: &str) -> Result<String, Error> {
                get(url).await
            }
        },
    );
}

#[test]
fn an_async_function_that_returns_a_stream() {
    check(
        "async_stream",
        quote!(span_type = "llm"),
        quote! {
            async fn tokens(prompt: String) -> Result<impl Stream<Item = String>, Error> {
                start(prompt).await
            }
        },
    );
}

#[test]
fn a_boxed_async_block() {
    check(
        "boxed_block",
        quote!(),
        quote! {
            fn call<'a>(&'a self, query: &'a str) -> Pin<Box<dyn Future<Output = u8> + Send + 'a>> {
                Box::pin(async move {
                    let __self = self;
                    __self.send(query).await
                })
            }
        },
    );
}

#[test]
fn a_returned_future() {
    check(
        "returned_future",
        quote!(),
        quote! {
            fn later(n: u8) -> impl Future<Output = u8> {
                let next = n + 1;
                async move { next }
            }
        },
    );
}

#[test]
fn a_stream_and_an_iterator() {
    check(
        "stream",
        quote!(),
        quote! {
            fn items(n: u8) -> BoxStream<'static, u8> {
                stream::iter(0..n).boxed()
            }
        },
    );
    check(
        "iterator",
        quote!(),
        quote! {
            fn items(n: u8) -> impl Iterator<Item = u8> {
                0..n
            }
        },
    );
}

#[test]
fn the_callers_location() {
    check(
        "track_caller",
        quote!(),
        quote! {
            #[track_caller]
            fn line(text: &str) -> Result<u32, Error> {
                if text.is_empty() {
                    return Ok(0);
                }
                text.parse()?;
                Ok(Location::caller().line())
            }
        },
    );
}

#[test]
fn what_does_not_return_a_value() {
    check(
        "never",
        quote!(),
        quote! {
            fn fail(why: &str) -> ! {
                panic!("{why}")
            }
        },
    );
    check(
        "closure",
        quote!(),
        quote! {
            fn adder(n: i32) -> impl Fn(i32) -> i32 {
                move |x| x + n
            }
        },
    );
}

#[test]
fn a_method_with_a_pattern_and_a_condition() {
    check(
        "method",
        quote!(capture(self)),
        quote! {
            fn go(self: Arc<Self>, (a, _): (u8, u8), #[cfg(test)] b: u8, password: &str) -> Self::Output {
                body()
            }
        },
    );
}

#[test]
fn every_key() {
    check(
        "keys",
        quote!(
            name = "search {index}",
            span_type = "llm",
            tags = ["a", b],
            metadata(region = "eu", "any key" = b + 1),
            skip(c),
            redact(d),
            capture_as(e = Debug),
            output = |result| result.len(),
            err = Display,
            status_code = |_| 206,
            usage = |result| result.tokens,
            cache_hit = was_cached,
            model = "m",
            temperature = 0.1,
            tools = &TOOLS,
            parent = headers,
            session = "s",
            crate = renamed::sdk,
        ),
        quote! {
            fn search(index: &str, b: u8, c: Client, d: &str, e: E, headers: &HeaderMap) -> Result<Answer, Error> {
                body()
            }
        },
    );
}

#[test]
fn mistakes() {
    check(
        "mistakes",
        quote!(nmae = "x", skip(b)),
        quote!(
            fn f(a: u8) {}
        ),
    );
}
