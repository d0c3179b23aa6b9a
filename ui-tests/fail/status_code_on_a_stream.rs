use galileo::log;

#[log(status_code = |item| 200)]
fn numbers() -> impl Iterator<Item = u8> {
    0..3
}

fn main() {}
