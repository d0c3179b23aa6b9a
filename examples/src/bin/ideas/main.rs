//! Programs that show one idea each: `ideas` lists them, `ideas NAME` runs one, and each file is a whole program to copy.
//!
//! They share a binary because linking each of them would take longer than all of them take to run.

// These are programs for a terminal.
#![allow(clippy::print_stdout)]

mod batch;
mod blocks;
mod cache;
mod child_process;
mod conversation;
mod dataset;
mod from_inside;
mod function;
mod job_queue;
mod labels;
mod langsmith;
mod late_work;
mod llm_call;
mod logger;
mod opentelemetry;
mod outcomes;
mod own_exporter;
mod parallel;
mod redaction;
mod report;
mod sampling;
mod server_sent_events;
mod stream;
mod threads;
mod two_services;

use std::error::Error;
use std::process::ExitCode;

type Main = fn() -> Result<(), Box<dyn Error>>;

/// Name, source, program; in the order in which somebody new would read them.
const IDEAS: [(&str, &str, Main); 25] = [
    ("function", include_str!("function.rs"), function::main),
    ("parallel", include_str!("parallel.rs"), parallel::main),
    ("stream", include_str!("stream.rs"), stream::main),
    ("outcomes", include_str!("outcomes.rs"), outcomes::main),
    ("late_work", include_str!("late_work.rs"), late_work::main),
    ("threads", include_str!("threads.rs"), threads::main),
    ("blocks", include_str!("blocks.rs"), blocks::main),
    ("logger", include_str!("logger.rs"), logger::main),
    ("from_inside", include_str!("from_inside.rs"), from_inside::main),
    ("redaction", include_str!("redaction.rs"), redaction::main),
    ("sampling", include_str!("sampling.rs"), sampling::main),
    ("conversation", include_str!("conversation.rs"), conversation::main),
    ("dataset", include_str!("dataset.rs"), dataset::main),
    ("two_services", include_str!("two_services.rs"), two_services::main),
    ("child_process", include_str!("child_process.rs"), child_process::main),
    ("job_queue", include_str!("job_queue.rs"), job_queue::main),
    ("llm_call", include_str!("llm_call.rs"), llm_call::main),
    ("own_exporter", include_str!("own_exporter.rs"), own_exporter::main),
    ("report", include_str!("report.rs"), report::main),
    ("batch", include_str!("batch.rs"), batch::main),
    ("server_sent_events", include_str!("server_sent_events.rs"), server_sent_events::main),
    ("opentelemetry", include_str!("opentelemetry.rs"), opentelemetry::main),
    ("langsmith", include_str!("langsmith.rs"), langsmith::main),
    ("labels", include_str!("labels.rs"), labels::main),
    ("cache", include_str!("cache.rs"), cache::main),
];

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let Some((_, _, program)) = IDEAS.iter().find(|(name, ..)| *name == wanted) else {
        for (name, source, _) in IDEAS {
            println!("{name:20} {}", source.lines().next().unwrap_or_default().trim_start_matches("//! "));
        }
        return if wanted.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    };
    match program() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{wanted}: {error}");
            ExitCode::FAILURE
        }
    }
}
