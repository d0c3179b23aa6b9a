//! An exporter of your own: spans as plain data, on the SDK's thread, with a word for each on what became of it.

use galileo::export::{ExportError, Exporter, Outcomes, SpanRecord};
use galileo::{Config, Mode, log};

struct Printing;

impl Exporter for Printing {
    fn export(&mut self, batch: &[SpanRecord<'_>], out: &mut Outcomes) -> Result<(), ExportError> {
        for span in batch {
            println!("{:?} {} {:?}", span.span_type(), span.name(), span.duration());
        }
        out.deliver_all();
        Ok(())
    }
}

#[log(span_type = "tool")]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Beside what the environment names.
    let config = Config::builder().mode(Mode::from_env()?).exporters("galileo").exporter(Printing);
    let galileo = config.init()?;
    println!("{}", add(20, 22));
    println!("{}", galileo.shutdown(std::time::Duration::from_secs(5)));
    Ok(())
}
