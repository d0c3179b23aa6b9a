use galileo::log;

#[log(err = Display)]
fn search() -> Result<u8, Vec<u8>> {
    Ok(1)
}

fn main() {}
