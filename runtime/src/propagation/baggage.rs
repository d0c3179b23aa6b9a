//! W3C baggage: names and values that an application sends along with a request.

use std::borrow::Cow;

use super::carrier::{Carrier, CarrierMut, Lines, Oversized, trim_ows};
use super::counter::{Header, Reason};
use super::{OutgoingContext, Propagator, RemoteContext};
use super::{langsmith, percent};

/// The header's name.
pub const BAGGAGE: &str = "baggage";

/// The standard's limits, over all lines of the header together.
const MOST_MEMBERS: usize = 64;
const MOST_BYTES: usize = 8192;

/// The members of a `baggage` header, each kept as it came, in order.
///
/// ```
/// use galileo::propagation::Baggage;
///
/// let mut baggage = Baggage::parse(b"tenant=acme%20inc;ttl=1, plan = pro").unwrap_or_default();
/// assert_eq!(baggage.get("tenant").as_deref(), Some("acme inc"));
/// assert!(baggage.insert("user", "søren"));
/// assert_eq!(baggage.to_string(), "tenant=acme%20inc;ttl=1,plan = pro,user=s%C3%B8ren");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Baggage {
    members: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Member {
    /// The whole member without the spaces around it.
    raw: String,
    key_length: usize,
}

impl Member {
    /// A member that follows the grammar `key OWS = OWS value *( OWS ; OWS property )`.
    fn parse(raw: &[u8]) -> Option<Self> {
        let equals = raw.iter().position(|&byte| byte == b'=')?;
        let key = trim_ows(&raw[..equals]);
        let mut parts = raw[equals + 1..].split(|&byte| byte == b';');
        let value = trim_ows(parts.next()?);
        if key.is_empty() || !key.iter().all(|&byte| is_token(byte)) || !value.iter().all(|&byte| is_octet(byte)) {
            return None;
        }
        // Properties are passed on unread; what matters is that nobody smuggles a control character through us.
        if !parts.flatten().all(|&byte| matches!(byte, b'\t' | b' '..=b'~')) {
            return None;
        }
        Some(Self { raw: std::str::from_utf8(raw).ok()?.to_owned(), key_length: key.len() })
    }

    fn key(&self) -> &str {
        &self.raw[..self.key_length]
    }

    fn value(&self) -> &str {
        let after_key = self.raw[self.key_length..].trim_start_matches([' ', '\t']);
        let value = after_key.strip_prefix('=').unwrap_or_default();
        let value = value.split(';').next().unwrap_or_default();
        value.trim_matches([' ', '\t'])
    }
}

impl Baggage {
    /// Parses all lines joined by commas; members that break the grammar are left out. `None` when the limits of the
    /// standard (64 members, 8192 bytes) are exceeded.
    #[must_use]
    pub fn parse(joined: &[u8]) -> Option<Self> {
        Self::parse_counting(joined, MOST_BYTES).map(|(baggage, _)| baggage)
    }

    /// As `parse`, with the number of members that were left out.
    fn parse_counting(joined: &[u8], limit: usize) -> Option<(Self, usize)> {
        if joined.len() > limit {
            return None;
        }
        let members = || joined.split(|&byte| byte == b',').map(trim_ows).filter(|member| !member.is_empty());
        if members().nth(MOST_MEMBERS).is_some() {
            return None;
        }
        let parsed: Vec<Member> = members().filter_map(Member::parse).collect();
        let left_out = members().count() - parsed.len();
        Some((Self { members: parsed }, left_out))
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// The value of the first member with this key, percent-decoded.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Cow<'_, str>> {
        self.raw_value(key).map(percent::decode)
    }

    /// Keys and decoded values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.members.iter().map(|member| (member.key(), percent::decode(member.value())))
    }

    /// Adds or replaces a member; the value is percent-encoded where it has to be. `false`, and no change, when the key is
    /// not a token or the result would exceed the limits of the standard.
    pub fn insert(&mut self, key: &str, value: &str) -> bool {
        if key.is_empty() || !key.bytes().all(is_token) {
            return false;
        }
        let member = Member { raw: format!("{key}={}", percent::encode(value)), key_length: key.len() };
        let replaced = self.members.iter().position(|old| old.key() == key);
        let freed = replaced.map_or(0, |index| self.members[index].raw.len() + 1);
        let count = self.members.len() + usize::from(replaced.is_none());
        if count > MOST_MEMBERS || self.byte_len() + 1 + member.raw.len() > MOST_BYTES + freed {
            return false;
        }
        match replaced {
            Some(index) => self.members[index] = member,
            None => self.members.push(member),
        }
        true
    }

    /// Removes all members with this key and says whether there was one.
    pub fn remove(&mut self, key: &str) -> bool {
        let before = self.members.len();
        self.members.retain(|member| member.key() != key);
        self.members.len() != before
    }

    pub(super) fn raw_value(&self, key: &str) -> Option<&str> {
        self.members.iter().find(|member| member.key() == key).map(Member::value)
    }

    fn byte_len(&self) -> usize {
        let text: usize = self.members.iter().map(|member| member.raw.len()).sum();
        text + self.members.len().saturating_sub(1)
    }

    /// Writes the members behind what the carrier already holds. An application's own member wins over one of the same
    /// key here; what does not fit is left out from the right; a header that cannot be read is left alone.
    pub(super) fn merge_into(&self, carrier: &mut dyn CarrierMut) {
        let Ok(present) = Lines::collect(carrier, BAGGAGE, MOST_BYTES) else { return };
        let Some((mut merged, _)) = Self::parse_counting(&present.text, present.text.len()) else { return };
        let present_count = merged.members.len();
        for member in &self.members {
            let taken = merged.members[..present_count].iter().any(|other| other.key() == member.key());
            let fits = merged.members.len() < MOST_MEMBERS
                && merged.byte_len() + 1 + member.raw.len() <= MOST_BYTES + usize::from(merged.members.is_empty());
            if !taken && fits {
                merged.members.push(member.clone());
            }
        }
        if merged.members.len() > present_count {
            carrier.set(BAGGAGE, &merged.to_string());
        }
    }
}

impl std::fmt::Display for Baggage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, member) in self.members.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(&member.raw)?;
        }
        Ok(())
    }
}

/// Passes on the application's `baggage` members, those that came in and those added to the context.
#[derive(Debug, Clone, Copy, Default)]
pub struct BaggagePropagator;

impl Propagator for BaggagePropagator {
    fn fields(&self) -> &'static [&'static str] {
        &[BAGGAGE]
    }

    fn extract(&self, carrier: &dyn Carrier, remote: &mut RemoteContext) {
        if let Some(baggage) = read(carrier, remote) {
            remote.baggage = baggage;
        }
    }

    fn inject(&self, outgoing: &OutgoingContext, carrier: &mut dyn CarrierMut) {
        let mut passed_on = outgoing.baggage.clone();
        passed_on.members.retain(|member| match langsmith::writer(member.key()) {
            langsmith::Writer::Baggage => true,
            langsmith::Writer::LangSmith => outgoing.langsmith.is_none(),
            langsmith::Writer::Nobody => false,
        });
        passed_on.merge_into(carrier);
    }
}

/// The carrier's baggage within the limits; what is refused is counted once.
fn read(carrier: &dyn Carrier, remote: &mut RemoteContext) -> Option<Baggage> {
    match collect(carrier) {
        Err(Oversized) => {
            remote.reject(Header::Baggage, Reason::Oversized);
            None
        }
        Ok((baggage, left_out)) => {
            if left_out > 0 {
                remote.reject(Header::Baggage, Reason::Malformed);
            }
            Some(baggage)
        }
    }
}

/// The carrier's baggage and the number of members that break the grammar.
pub(super) fn collect(carrier: &dyn Carrier) -> Result<(Baggage, usize), Oversized> {
    let lines = Lines::collect(carrier, BAGGAGE, MOST_BYTES)?;
    // The commas that join the lines are ours and do not count.
    Baggage::parse_counting(&lines.text, lines.text.len()).ok_or(Oversized)
}

/// `token` of RFC 9110.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `baggage-octet` of the baggage standard.
fn is_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}
