use galileo::log;

#[log(output = |f| f(1))]
fn adder() -> impl Fn(u8) -> u8 {
    |x| x + 1
}

fn main() {}
