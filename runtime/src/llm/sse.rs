//! Server-sent events, as far as answers need them: the data of each event.

/// One event's data may be this long; more is dropped with the event.
const EVENT_LIMIT: usize = 8 << 20;

/// Puts events together from pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    /// The last byte was a carriage return, so that a line feed now belongs to it.
    after_return: bool,
}

impl Events {
    /// Takes in bytes and hands over the data of every event that they complete.
    pub(super) fn feed(&mut self, bytes: &[u8], mut event: impl FnMut(&str)) {
        for &byte in bytes {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\r' | b'\n' => {
                    self.after_return = byte == b'\r';
                    self.end_line(&mut event);
                }
                _ => {
                    self.after_return = false;
                    if self.line.len() < EVENT_LIMIT {
                        self.line.push(byte);
                    }
                }
            }
        }
    }

    /// The stream is over: what has no empty line after it is still an event to the providers that forget it.
    pub(super) fn finish(&mut self, mut event: impl FnMut(&str)) {
        if !self.line.is_empty() {
            self.end_line(&mut event);
        }
        self.end_event(&mut event);
    }

    fn end_line(&mut self, event: &mut impl FnMut(&str)) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            self.end_event(event);
        } else if let Some(data) = line.strip_prefix(b"data:") {
            let data = data.strip_prefix(b" ").unwrap_or(data);
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            if self.data.len() + data.len() <= EVENT_LIMIT {
                self.data.extend_from_slice(data);
            }
        }
    }

    fn end_event(&mut self, event: &mut impl FnMut(&str)) {
        if !self.data.is_empty() {
            event(&String::from_utf8_lossy(&std::mem::take(&mut self.data)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        let mut events = Events::default();
        for piece in pieces {
            events.feed(piece.as_bytes(), |data| found.push(data.to_owned()));
        }
        events.finish(|data| found.push(data.to_owned()));
        found
    }

    #[test]
    fn events_come_out_whole_however_the_bytes_are_cut() {
        let text = "event: x\ndata: {\"a\":1}\n\n: comment\r\ndata:two\r\ndata: lines\r\n\r\ndata: [DONE]";
        let whole = events(&[text]);
        assert_eq!(whole, ["{\"a\":1}", "two\nlines", "[DONE]"]);
        for cut in 0..=text.len() {
            assert_eq!(events(&[&text[..cut], &text[cut..]]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn events_without_data_are_nothing() {
        assert_eq!(events(&["event: ping\n\n\n\nid: 7\n\n"]), Vec::<String>::new());
    }
}
