//! Receivers of every kind, associated functions, traits and their default bodies.
#![deny(warnings)]

use galileo::log;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

#[derive(Default)]
struct Engine {
    count: u32,
    name: String,
}

impl Engine {
    #[log]
    fn new(count: u32) -> Self {
        Self { count, ..Default::default() }
    }

    #[log]
    fn by_reference(&self, extra: u32) -> u32 {
        self.count + extra
    }

    #[log]
    fn by_mutable_reference(&mut self) -> &mut u32 {
        self.count += 1;
        &mut self.count
    }

    #[log]
    fn by_value(self) -> String {
        self.name
    }

    #[log]
    fn by_mutable_value(mut self) -> Self {
        self.count = 0;
        self
    }

    #[log]
    fn boxed(self: Box<Self>) -> u32 {
        self.count
    }

    #[log]
    fn counted(self: Rc<Self>) -> Rc<Self> {
        self
    }

    #[log]
    fn shared(self: Arc<Self>, other: &Arc<Self>) -> u32 {
        self.count + other.count
    }

    #[log]
    fn pinned(self: Pin<&mut Self>) -> u32 {
        self.get_mut().count
    }

    #[log]
    fn named<'a>(&'a self, _other: &str) -> &'a str {
        &self.name
    }

    #[log]
    async fn asynchronous(&self, extra: u32) -> u32 {
        self.count + extra
    }

    #[log]
    async fn asynchronous_mutable(&mut self) -> &mut u32 {
        self.count += 1;
        &mut self.count
    }
}

struct Generic<'a, T, const N: usize> {
    items: [&'a T; N],
}

impl<'a, T: Clone, const N: usize> Generic<'a, T, N> {
    #[log]
    fn first(&self) -> Option<T> {
        Some((*self.items.first()?).clone())
    }

    #[log]
    fn make(item: &'a T) -> [&'a T; N] {
        [item; N]
    }

    #[log]
    async fn later<U>(&self, other: U) -> (T, U)
    where
        U: Send,
    {
        (self.items[0].clone(), other)
    }
}

trait Tool {
    type Output;

    const NAME: &'static str;

    fn required(&self, input: &str) -> Self::Output;

    #[log(span_type = "tool")]
    fn provided(&self, input: &str) -> Self::Output {
        self.required(input)
    }

    #[log]
    fn constructed() -> &'static str
    where
        Self: Sized,
    {
        Self::NAME
    }

    #[log(span_type = "tool")]
    async fn asynchronous(&self, input: &str) -> Self::Output {
        self.required(input)
    }
}

struct Echo;

impl Tool for Echo {
    type Output = String;

    const NAME: &'static str = "echo";

    #[log]
    fn required(&self, input: &str) -> String {
        input.to_owned()
    }

    #[log]
    async fn asynchronous(&self, input: &str) -> Self::Output {
        format!("{input}!")
    }
}

fn main() {
    let mut engine = Engine::new(1);
    assert_eq!(engine.by_reference(1), 2);
    *engine.by_mutable_reference() += 1;
    assert_eq!(engine.named("x"), "");
    assert_eq!(Pin::new(&mut engine).pinned(), 3);
    assert_eq!(futures::executor::block_on(engine.asynchronous(1)), 4);
    assert_eq!(*futures::executor::block_on(engine.asynchronous_mutable()), 4);
    assert_eq!(engine.by_mutable_value().count, 0);
    assert_eq!(Engine::new(1).by_value(), "");
    assert_eq!(Box::new(Engine::new(2)).boxed(), 2);
    assert_eq!(Rc::new(Engine::new(2)).counted().count, 2);
    let shared = Arc::new(Engine::new(2));
    assert_eq!(shared.clone().shared(&shared), 4);
    let generic = Generic { items: [&1, &2] };
    assert_eq!(generic.first(), Some(1));
    assert_eq!(futures::executor::block_on(generic.later("x")), (1, "x"));
    assert_eq!(Generic::<u8, 2>::make(&1), [&1, &1]);
    assert_eq!(Echo.provided("a"), "a");
    assert_eq!(Echo::constructed(), "echo");
    assert_eq!(futures::executor::block_on(Echo.asynchronous("a")), "a!");
}
