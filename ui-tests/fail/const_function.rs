use galileo::log;

#[log]
const fn double(n: u8) -> u8 {
    n * 2
}

fn main() {}
