use galileo::log;

#[log(skip_output)]
fn forever() -> ! {
    loop {}
}

fn main() {}
