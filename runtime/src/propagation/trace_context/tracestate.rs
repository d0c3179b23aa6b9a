//! The value of `tracestate`: other systems' entries, kept as they came.

use super::trim_ows;

/// A valid list of at most 32 members in their order, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TraceState {
    /// Members joined by `,` without the optional spaces; empty when there are none.
    text: String,
}

const MOST_MEMBERS: usize = 32;
const LONGEST_PART: usize = 256;
/// What every system has to pass on; more than that is shortened by the rule of the specification, section 3.3.1.5.
const HEADER_LENGTH: usize = 512;
/// Members longer than this go first when the list is shortened.
const LONG_MEMBER: usize = 128;

impl TraceState {
    /// Parses all lines joined by commas. One member that breaks the grammar spoils the list: `None`.
    #[must_use]
    pub fn parse(joined: &[u8]) -> Option<Self> {
        let mut text = String::new();
        let mut members = 0;
        for member in joined.split(|&byte| byte == b',') {
            let member = trim_ows(member);
            if member.is_empty() {
                continue;
            }
            members += 1;
            if members > MOST_MEMBERS || !is_member(member) {
                return None;
            }
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(std::str::from_utf8(member).ok()?);
        }
        Some(Self { text })
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The whole list, members joined by commas.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The list as it is sent: untouched up to 512 characters. A longer one loses members over 128 characters from the
    /// right, then whole members from the right, until it fits.
    #[must_use]
    pub fn to_header(&self) -> String {
        if self.text.len() <= HEADER_LENGTH {
            return self.text.clone();
        }
        let mut members: Vec<&str> = self.text.split(',').collect();
        let mut length = self.text.len();
        while length > HEADER_LENGTH {
            let Some(index) =
                members.iter().rposition(|member| member.len() > LONG_MEMBER).or_else(|| members.len().checked_sub(1))
            else {
                break;
            };
            length = length.saturating_sub(members.remove(index).len() + 1);
        }
        members.join(",")
    }
}

fn is_member(member: &[u8]) -> bool {
    let Some(equals) = member.iter().position(|&byte| byte == b'=') else {
        return false;
    };
    is_key(&member[..equals]) && is_value(&member[equals + 1..])
}

fn is_key(key: &[u8]) -> bool {
    let [first, rest @ ..] = key else { return false };
    key.len() <= LONGEST_PART
        && (first.is_ascii_lowercase() || first.is_ascii_digit())
        && rest.iter().all(|&byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@')
        })
}

fn is_value(value: &[u8]) -> bool {
    let Some(last) = value.last() else { return false };
    value.len() <= LONGEST_PART
        && *last != b' '
        && value.iter().all(|&byte| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=')
}
