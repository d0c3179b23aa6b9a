//! `cargo xtask simulate`: thousands of simulated services against the real pipeline and a console; draws the curves of docs/scaling.md.

use std::fmt::Write;
use std::fs;

use serde_json::Value;

use crate::run::{Outcome, capture, cargo, execute, program, root, target_dir};

const PAGE: &str = "docs/scaling.md";
const BEGIN: &str = "<!-- simulate: begin, written by `cargo xtask simulate` -->\n";
const END: &str = "<!-- simulate: end -->";

/// Name of a curve, and what its axis says.
const CURVES: [(&str, &str); 4] = [
    ("spans", "spans in the trace"),
    ("open", "spans that are open meanwhile"),
    ("threads", "threads at once"),
    ("payload", "bytes of payload"),
];

#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// How many services are simulated
    #[arg(long, default_value_t = 2000)]
    services: usize,
    /// Measure and compare the books, but leave the page and the plots alone
    #[arg(long)]
    dry: bool,
}

/// Builds the simulation optimised, runs it, and writes what it found into the page.
pub(crate) fn run(options: &Options) -> Outcome {
    let build = ["build", "--release", "--package", "galileo-examples", "--features", "simulate", "--bin", "simulate"];
    execute(cargo().args(build))?;
    let mut simulation = program(target_dir().join("release").join("simulate"));
    for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GALILEO_")) {
        simulation.env_remove(variable);
    }
    let said = capture(simulation.args(["--services", &options.services.to_string()]))?;
    let result: Value = serde_json::from_str(&said).map_err(|error| format!("`{said}` is no JSON: {error}"))?;
    let table = table(&result)?;
    eprintln!("{table}");
    if options.dry {
        return Ok(());
    }
    for (name, axis) in CURVES {
        let path = format!("docs/images/scaling-{name}.svg");
        let plot = plot(&points(&result, name)?, axis)?;
        fs::write(root().join(&path), plot).map_err(|error| format!("cannot write `{path}`: {error}"))?;
    }
    let page = fs::read_to_string(root().join(PAGE)).map_err(|error| format!("cannot read `{PAGE}`: {error}"))?;
    let (before, rest) = page.split_once(BEGIN).ok_or_else(|| format!("`{PAGE}` has no place for the results"))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("`{PAGE}` has no end of the results"))?;
    fs::write(root().join(PAGE), format!("{before}{BEGIN}{table}{END}{after}"))
        .map_err(|error| format!("cannot write `{PAGE}`: {error}"))
}

fn points(result: &Value, name: &str) -> Result<Vec<(f64, f64)>, String> {
    let list = result["curves"][name].as_array().ok_or_else(|| format!("there is no curve `{name}`"))?;
    let point = |point: &Value| Some((point[0].as_f64()?, point[1].as_f64()?));
    list.iter().map(|value| point(value).ok_or_else(|| format!("`{value}` is no point"))).collect()
}

fn table(result: &Value) -> Result<String, String> {
    let wrong = |error: std::fmt::Error| error.to_string();
    let day = capture(program("date").args(["-u", "+%Y-%m-%d"]))?;
    let rustc = capture(program("rustc").arg("--version"))?;
    let cpus = std::thread::available_parallelism().map_or(0, |count| count.get());
    let mut text =
        format!("{day}, {rustc}, {cpus} processors. Processor time of the calling thread, for each span:\n\n");
    for (name, axis) in CURVES {
        let points = points(result, name)?;
        let cells =
            |pick: fn(&(f64, f64)) -> f64| points.iter().map(|point| format!(" {} |", pick(point))).collect::<String>();
        writeln!(text, "| {axis} |{}\n| --- |{}", cells(|point| point.0), " --- |".repeat(points.len()))
            .map_err(wrong)?;
        writeln!(text, "| ns |{}\n\n![{axis}](images/scaling-{name}.svg)\n", cells(|point| point.1)).map_err(wrong)?;
    }
    let fleet = &result["fleet"];
    let rows = [
        ("simulated services", fleet["services"].clone()),
        ("requests", fleet["requests"].clone()),
        ("spans, every one of them in the console afterwards", fleet["spans"].clone()),
        ("spans recorded in a second, console in the same process", fleet["recorded_per_second"].clone()),
        ("spans delivered and stored in a second", fleet["delivered_per_second"].clone()),
        ("processor time of the SDK's thread for each span, ns", fleet["worker_ns_per_span"].clone()),
        ("most memory of the whole process, console and its database included, MiB", result["peak_memory_mib"].clone()),
    ];
    writeln!(text, "| the fleet | |\n| --- | --- |").map_err(wrong)?;
    for (what, value) in rows {
        writeln!(text, "| {what} | {value} |").map_err(wrong)?;
    }
    Ok(text)
}

/// A curve over a logarithmic axis; the vertical axis begins at zero.
fn plot(points: &[(f64, f64)], axis: &str) -> Result<String, String> {
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 260.0;
    const EDGE: f64 = 60.0;
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Err("a curve without points".into());
    };
    let top = points.iter().map(|point| point.1).fold(1.0, f64::max) * 1.15;
    let span = (last.0.ln() - first.0.ln()).max(f64::MIN_POSITIVE);
    let x = |value: f64| EDGE + (value.ln() - first.0.ln()) / span * (WIDTH - 2.0 * EDGE);
    let y = |value: f64| HEIGHT - EDGE + 10.0 - value / top * (HEIGHT - EDGE - 20.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Nanoseconds of a span against {axis}</title>\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
    );
    let line: Vec<String> = points.iter().map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1))).collect();
    let base = y(0.0);
    let mut add = |text: String| writeln!(svg, "{text}").map_err(|error| error.to_string());
    add(format!("<path d=\"M{EDGE},{base} H{}\" stroke=\"#9aa3ad\" fill=\"none\"/>", WIDTH - EDGE))?;
    add(format!("<polyline points=\"{}\" fill=\"none\" stroke=\"#1f6feb\" stroke-width=\"2\"/>", line.join(" ")))?;
    for (value, cost) in points {
        let (x, y) = (x(*value), y(*cost));
        add(format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"#1f6feb\"/>"))?;
        add(format!("<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#1f2328\">{cost}</text>", y - 9.0))?;
        add(format!(
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#57606a\">{value}</text>",
            base + 17.0
        ))?;
    }
    add(format!(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#1f2328\">{axis}</text>",
        WIDTH / 2.0,
        HEIGHT - 10.0
    ))?;
    add("<text x=\"8\" y=\"16\" fill=\"#1f2328\">ns of the caller for each span</text>\n</svg>".to_owned())?;
    Ok(svg)
}
