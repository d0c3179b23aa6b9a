//! Where no attribute can stand: spans around a block, a scope and a future.

use galileo::{InSpan, Mode, Span, current_span, init};

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    let work = async {
        let sum = Span::tool("add").input((20, 22)).in_scope(|| {
            current_span().set_output(42);
            20 + 22
        });
        {
            let _block = Span::retriever("look up").input("moons").tag("cached").enter();
            current_span().set_output(["Io", "Europa", "Ganymede", "Callisto"]);
        }
        let ask = async {
            current_span().set_usage((12, 3)).set_output("Four.");
        };
        ask.in_span(Span::llm("ask").model("small")).await;
        sum
    };
    println!("{}", work.in_span(Span::workflow("by hand").metadata("version", 2)).await);
    Ok(())
}
