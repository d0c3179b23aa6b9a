//! Gives each service a colour of the palette in `base.css`, the same one on every page.

use std::collections::HashMap;
use std::sync::Mutex;

/// How many colours the palette has.
const COLOURS: usize = 12;

/// Which colour each service has had since the console started. A service asks for the colour of its name's hash and takes the next free
/// one when another service came first, so that twelve services never share and most keep their colour over a restart.
#[derive(Debug, Default)]
pub(crate) struct Palette {
    taken: Mutex<HashMap<String, usize>>,
}

impl Palette {
    /// The colour of that service, `0..12`.
    pub(crate) fn colour(&self, service: &str) -> usize {
        let wish = hash(service) % COLOURS;
        let Ok(mut taken) = self.taken.lock() else { return wish };
        if let Some(&colour) = taken.get(service) {
            return colour;
        }
        let free = (0..COLOURS)
            .map(|step| (wish + step) % COLOURS)
            .find(|colour| !taken.values().any(|other| other == colour));
        let colour = free.unwrap_or(wish);
        // Names come from outside: past this many they only have the colour of their hash.
        if taken.len() < 1000 {
            taken.insert(service.to_owned(), colour);
        }
        colour
    }
}

/// FNV-1a: the same on every machine and in every version, which the standard library's hash is not.
fn hash(text: &str) -> usize {
    let value = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |value, byte| (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (value >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_services_have_twelve_colours_and_keep_them() {
        let palette = Palette::default();
        let colours: std::collections::BTreeSet<_> = (0..12).map(|n| palette.colour(&format!("service-{n}"))).collect();
        assert_eq!(colours.len(), 12);
        let one = palette.colour("service-3");
        palette.colour("a thirteenth");
        assert_eq!(palette.colour("service-3"), one);
    }
}
