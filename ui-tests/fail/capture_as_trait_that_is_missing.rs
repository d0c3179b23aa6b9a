use galileo::log;

#[log(capture_as(value = Serialize))]
fn show(value: std::sync::mpsc::Sender<u8>) {
    let _ = value;
}

fn main() {}
