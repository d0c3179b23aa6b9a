//! `#[track_caller]`: the caller's location stays what it was, whichever way the function ends.
#![deny(warnings)]

use galileo::log;
use std::panic::Location;

#[log]
#[track_caller]
fn here() -> &'static Location<'static> {
    Location::caller()
}

#[track_caller]
#[log]
fn early(a: u8) -> (u8, u32) {
    if a == 0 {
        return (0, Location::caller().line());
    }
    let inner = || return 5u8;
    (inner(), Location::caller().line())
}

#[log]
#[track_caller]
fn question(text: &str) -> Result<u32, Box<dyn std::error::Error>> {
    let _: u8 = text.parse()?;
    Ok(Location::caller().line())
}

#[log]
#[track_caller]
fn option(values: &[u8]) -> Option<u32> {
    for value in values {
        if *value > 3 {
            return None;
        }
    }
    values.first()?;
    Some(Location::caller().line())
}

#[log]
#[track_caller]
fn nothing(a: u8) {
    if a > 1 {
        return;
    }
    let _ = a;
}

#[log]
#[track_caller]
fn unit_question(text: &str) -> Result<(), std::num::ParseIntError> {
    match text.parse::<u8>() {
        Ok(n) if n > 1 => (),
        other => {
            other?;
        }
    }
    Ok(())
}

struct Engine(u32);

impl Engine {
    #[log]
    #[track_caller]
    fn line(&mut self, other: u32) -> &mut u32 {
        self.0 = Location::caller().line() + other;
        &mut self.0
    }
}

#[log]
#[track_caller]
fn opaque() -> impl Fn(u32) -> u32 {
    let line = Location::caller().line();
    move |x| x + line
}

#[log]
#[track_caller]
fn never() -> ! {
    panic!("from here")
}

fn main() {
    assert_eq!((here().line(), here().file()), (line!(), file!()));
    assert_eq!(early(0), (0, line!()));
    assert_eq!(early(1), (5, line!()));
    assert_eq!(question("1").unwrap(), line!());
    assert!(question("x").is_err());
    assert_eq!(option(&[1]), Some(line!()));
    assert_eq!(option(&[]), None);
    assert_eq!(option(&[5]), None);
    nothing(1);
    nothing(2);
    assert!(unit_question("5").is_ok());
    assert!(unit_question("x").is_err());
    assert_eq!(*Engine(0).line(1), line!() + 1);
    assert_eq!(opaque()(0), line!());

    let line = line!() + 7;
    std::panic::set_hook(Box::new(move |info| {
        let at = info.location().unwrap();
        if at.line() != line {
            std::process::exit(1);
        }
    }));
    let result = std::panic::catch_unwind(|| never());
    assert!(result.is_err());
}
