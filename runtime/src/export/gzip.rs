//! Compression of request bodies, where it pays.

use std::io::Write as _;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Bodies below this travel as fast without.
const LEAST: usize = 1024;
/// Over this much time, compression may take half of one core.
const WINDOW: Duration = Duration::from_secs(1);

/// Compresses bodies, and stops for a while when that costs too much.
#[derive(Debug)]
pub(crate) struct Gzip {
    always: bool,
    since: Instant,
    spent: Duration,
}

impl Gzip {
    /// Compresses every body.
    pub(crate) fn always() -> Self {
        Self { always: true, since: Instant::now(), spent: Duration::ZERO }
    }

    /// Compresses while that takes less than half of a core.
    pub(crate) fn frugal() -> Self {
        Self { always: false, ..Self::always() }
    }

    /// The compressed body, or `None` where it is better sent as it is.
    pub(crate) fn pack(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        if body.len() < LEAST && !self.always {
            return None;
        }
        let start = Instant::now();
        if start - self.since >= WINDOW {
            (self.since, self.spent) = (start, Duration::ZERO);
        }
        if !self.always && self.spent >= WINDOW / 2 {
            return None;
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
        // Writing into a vector does not fail.
        let packed = encoder.write_all(body).and_then(|()| encoder.finish()).ok();
        self.spent += start.elapsed();
        packed.filter(|packed| packed.len() < body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn a_body_reads_back_and_small_ones_stay_as_they_are() {
        let body = b"the same words again and ".repeat(200);
        let packed = Gzip::frugal().pack(&body).expect("it pays");
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut read).expect("well formed");
        assert_eq!(read, body);
        assert_eq!(Gzip::frugal().pack(b"short"), None);
    }

    #[test]
    fn it_stops_when_half_a_core_is_spent() {
        let mut gzip = Gzip { spent: WINDOW / 2, ..Gzip::frugal() };
        let body = vec![b'a'; 4096];
        assert_eq!(gzip.pack(&body), None);
        gzip.since -= WINDOW;
        assert!(gzip.pack(&body).is_some());
    }
}
