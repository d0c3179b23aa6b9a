//! The imperative face, with the operations of the Python SDK's logger: for ports, and for steps that are known only afterwards.

use galileo::logger::Step;
use galileo::{Logger, Mode, init};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    let mut logger = Logger::new();
    logger.start_trace(Step::new("ask").input("What did Galileo observe in 1610?"));
    logger.add_agent_span(Step::new("astronomer").input("What did Galileo observe in 1610?"));
    logger.add_retriever_span(Step::new("search").input("galileo 1610").output_json(&["Jupiter has moons"]));
    logger.add_llm_span(Step::new("phrase").input("Jupiter has moons").output("Four moons of Jupiter.").model("small"));
    logger.conclude("Four moons of Jupiter.");
    logger.conclude("Four moons of Jupiter.");
    Ok(())
}
