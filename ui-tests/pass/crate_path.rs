//! The SDK under another name, and behind a re-export.
#![deny(warnings)]

extern crate galileo as renamed;

mod facade {
    pub mod tracing {
        pub use ::galileo as sdk;
    }

    macro_rules! traced {
        ($name:ident) => {
            #[renamed::log(crate = $crate::facade::tracing::sdk)]
            fn $name(a: u8) -> u8 {
                a
            }
        };
    }
    pub(crate) use traced;
}

#[renamed::log(crate = renamed)]
fn by_name(a: u8) -> u8 {
    a
}

#[renamed::log(crate = crate::facade::tracing::sdk)]
async fn by_reexport(a: u8) -> u8 {
    a
}

mod nested {
    #[super::renamed::log(crate = super::facade::tracing::sdk)]
    pub(super) fn by_relative_path(a: u8) -> Result<u8, String> {
        Ok(a)
    }
}

facade::traced!(by_macro);

fn main() {
    assert_eq!(by_name(1), 1);
    assert_eq!(futures::executor::block_on(by_reexport(1)), 1);
    assert_eq!(nested::by_relative_path(1), Ok(1));
    assert_eq!(by_macro(1), 1);
}
