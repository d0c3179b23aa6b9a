//! Beside attributes that rewrite functions, in either order.
#![deny(warnings)]

use galileo::log;

#[log]
#[tokio::main(flavor = "current_thread")]
async fn log_first() -> u8 {
    tokio::task::yield_now().await;
    1
}

#[tokio::main(flavor = "current_thread")]
#[log]
async fn log_last() -> Result<u8, String> {
    tokio::task::yield_now().await;
    Ok(2)
}

#[async_trait::async_trait(?Send)]
trait Local {
    #[log]
    async fn call(&self, text: &str) -> usize {
        text.len()
    }
}

struct Here;

#[async_trait::async_trait(?Send)]
impl Local for Here {}

#[deprecated = "for the sake of the test"]
#[log]
fn old() {}

#[cfg(any())]
#[log]
fn missing(unknown: Type) {}

#[log]
#[cfg_attr(all(), must_use)]
fn used() -> u8 {
    3
}

fn main() {
    assert_eq!(log_first(), 1);
    assert_eq!(log_last(), Ok(2));
    assert_eq!(futures::executor::block_on(Here.call("ab")), 2);
    #[allow(deprecated)]
    old();
    assert_eq!(used(), 3);
}
