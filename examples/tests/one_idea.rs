//! The one-idea programs below `examples/examples` run, and stay short.

#[path = "../examples/export_hook.rs"]
mod export_hook;
#[path = "../examples/opentelemetry.rs"]
mod opentelemetry;
#[path = "../examples/traced_test.rs"]
mod traced_test;
#[path = "../examples/tracing_spans.rs"]
mod tracing_spans;

/// One after the other: a process has one pipeline.
#[test]
fn each_program_runs() -> Result<(), Box<dyn std::error::Error>> {
    export_hook::main()?;
    opentelemetry::main()?;
    traced_test::main();
    tracing_spans::main()?;
    Ok(())
}

#[test]
fn each_program_has_at_most_forty_lines() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let tests = include_str!("one_idea.rs");
    for entry in std::fs::read_dir(folder).expect("the folder of examples") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let lines = std::fs::read_to_string(&path).expect("text").lines().count();
        assert!(lines <= 40, "{name} has {lines} lines");
        assert!(tests.contains(&format!("    {name}::main()")), "{name} is not run by this test");
    }
}
