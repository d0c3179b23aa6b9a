//! Nothing in the user's scope can get in the way of generated code: no prelude, and local names that hide the usual ones.
#![deny(warnings)]
#![no_implicit_prelude]

mod shadowed {
    #![allow(dead_code, non_camel_case_types)]

    pub(crate) struct Result;
    pub(crate) struct Option;
    pub(crate) struct Some;
    pub(crate) struct None;
    pub(crate) struct Ok;
    pub(crate) struct Err;
    pub(crate) struct Box;
    pub(crate) struct String;
    pub(crate) struct Vec;
    pub(crate) struct str;
    pub(crate) struct bool;
    pub(crate) struct u8;
    pub(crate) struct Frame;
    pub(crate) struct Probe;
    pub(crate) trait Send {}
    pub(crate) trait Drop {}
    pub(crate) trait Future {}
    pub(crate) trait FnOnce {}
    pub(crate) mod std {}
    pub(crate) mod core {}
    pub(crate) mod alloc {}
    pub(crate) mod galileo {}
    pub(crate) mod serde {}
    #[allow(unused_macros)]
    macro_rules! format {
        () => {};
    }
    #[allow(unused_imports)]
    pub(crate) use format;
}

mod user {
    #[allow(unused_imports)]
    use super::shadowed::*;

    #[::galileo::log]
    pub(crate) fn plain(text: &::std::primitive::str) -> ::std::primitive::usize {
        text.len()
    }

    #[::galileo::log(name = "search {query}", tags = ["a"], metadata(k = 1), input = query.len(), output = |r| r.is_ok())]
    pub(crate) fn fallible(
        query: &::std::primitive::str,
    ) -> ::std::result::Result<::std::primitive::u8, ::std::fmt::Error> {
        if query.is_empty() {
            return ::std::result::Result::Err(::std::fmt::Error);
        }
        ::std::result::Result::Ok(1)
    }

    #[::galileo::log(span_type = "llm", model = "m", usage = |_| (1u64, 2u64))]
    pub(crate) async fn asynchronous(a: ::std::primitive::u8) -> ::std::primitive::u8 {
        a
    }

    #[::galileo::log]
    pub(crate) fn future(a: ::std::primitive::u8) -> impl ::std::future::Future<Output = ::std::primitive::u8> {
        async move { a }
    }

    #[::galileo::log]
    pub(crate) fn iterator(
        a: ::std::primitive::u8,
    ) -> ::std::boxed::Box<dyn ::std::iter::Iterator<Item = ::std::primitive::u8>> {
        ::std::boxed::Box::new(0..a)
    }

    #[::galileo::log]
    pub(crate) fn stream(a: ::std::primitive::u8) -> ::futures::stream::BoxStream<'static, ::std::primitive::u8> {
        ::std::boxed::Box::pin(::futures::stream::once(async move { a }))
    }

    #[::galileo::log]
    #[track_caller]
    pub(crate) fn tracked() -> ::std::primitive::u8 {
        1
    }
}

fn main() {
    ::std::assert_eq!(user::plain("ab"), 2);
    ::std::assert!(user::fallible("").is_err());
    ::std::assert_eq!(::futures::executor::block_on(user::asynchronous(1)), 1);
    ::std::assert_eq!(::futures::executor::block_on(user::future(1)), 1);
    ::std::assert_eq!(::std::iter::Iterator::count(user::iterator(1)), 1);
    ::std::assert_eq!(::std::iter::Iterator::count(::futures::executor::block_on_stream(user::stream(1))), 1);
    ::std::assert_eq!(user::tracked(), 1);
}
