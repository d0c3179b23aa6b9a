use galileo::log;

#[log(capture_as(values = Display))]
fn show(values: Vec<u8>) {
    let _ = values;
}

fn main() {}
