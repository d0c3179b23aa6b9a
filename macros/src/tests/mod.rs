//! The whole way from tokens to tokens.

mod snapshots;

use crate::compile;
use proc_macro2::TokenStream;
use quote::quote;

fn expanded(args: TokenStream, item: TokenStream) -> String {
    compile(args, item).to_string()
}

#[test]
fn the_signature_is_printed_as_it_was_written() {
    for signature in [
        "pub (crate) async unsafe fn f < 'a , T : Clone , const N : usize > (mut a : & 'a T , (b , _) : (u8 , u8)) -> Result < [T ; N] , E > where T : Send",
        "pub unsafe extern \"C\" fn f (a : u8 , _ : u8) -> u8",
        "default fn f (self : Pin < & mut Self > , # [cfg (x)] a : impl Fn (u8)) -> impl Future < Output = u8 > + use < 'a , T >",
    ] {
        let item: TokenStream =
            format!("#[doc = \"kept\"] {signature} {{ #![allow(unused)] 1 }}").parse().expect("tokens");
        let item_signature = signature.split_whitespace().collect::<String>();
        let output: String = expanded(quote!(), item).split_whitespace().collect();
        assert!(output.contains(&item_signature), "{output}");
        assert!(output.starts_with("#[doc=\"kept\"]"), "{output}");
        assert!(output.contains("{#![allow(unused)]"), "{output}");
    }
}

#[test]
fn generated_code_knows_one_path() {
    let output = expanded(
        quote!(
            name = "n {a}",
            tags = ["x"],
            metadata(k = a),
            output = |r| r,
            span_type = "llm",
            usage = |_| (1u64, 2u64)
        ),
        quote!(
            fn f(a: u8) -> Result<u8, E> {
                Ok(a)
            }
        ),
    );
    assert_eq!(output.matches(":: galileo").count(), 1, "{output}");
    assert!(output.contains("use :: galileo :: __private as"), "{output}");
    let renamed = expanded(
        quote!(crate = a::b),
        quote!(
            fn f() {}
        ),
    );
    assert!(renamed.contains("use a :: b :: __private as") && !renamed.contains(":: galileo ::"), "{renamed}");
}

#[test]
fn mistakes_come_together_and_the_item_with_them() {
    let item = quote!(
        fn f(a: u8) -> u8 {
            a
        }
    );
    let output = expanded(quote!(nmae = "x", span_type = "tol", skip(b)), item.clone());
    assert_eq!(output.matches("compile_error !").count(), 3, "{output}");
    assert!(output.ends_with(&item.to_string()), "{output}");
}

#[test]
fn arbitrary_tokens_never_panic() {
    for text in [
        "",
        ",",
        "= =",
        "name",
        "name =",
        "name = = =",
        "skip(",
        "skip((a))",
        "output = |",
        "a b c",
        "crate = 5 5",
        "tags = [",
        "'a",
        "0.0.0",
    ] {
        let Ok(args) = text.parse::<TokenStream>() else { continue };
        for item in
            ["", "fn", "fn f", "fn f()", "fn f() {", "struct", "#[x] pub", "const", "async", "fn f(x: u8) -> { }", "1"]
        {
            let Ok(item) = item.parse::<TokenStream>() else { continue };
            let _ = compile(args.clone(), item);
        }
    }
}
