//! The pieces of protobuf: fields by number, written at the end of a buffer. Lengths stand in front of what they measure, so whoever
//! writes a message knows its length or writes it aside first.

/// Wire types.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) const fn varint_length(value: u64) -> usize {
    // Seven bits a byte, and 0 takes one.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Bytes of a field of this many bytes with its head, for field numbers below 16.
pub(super) const fn field_length(bytes: usize) -> usize {
    1 + varint_length(bytes as u64) + bytes
}

/// The head of a field that is text, bytes or a message.
pub(super) fn head(out: &mut Vec<u8>, field: u32, length: usize) {
    varint(out, u64::from(field << 3 | BYTES));
    varint(out, length as u64);
}

pub(super) fn bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    head(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

pub(super) fn varint_field(out: &mut Vec<u8>, field: u32, value: u64) {
    varint(out, u64::from(field << 3 | VARINT));
    varint(out, value);
}

pub(super) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    varint(out, u64::from(field << 3 | FIXED64));
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    varint(out, u64::from(field << 3 | FIXED32));
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_as_long_as_it_says() {
        let powers = (0..64).map(|bit| 1_u64 << bit);
        for value in powers.flat_map(|power| [power - 1, power, power + 1]).chain([0, u64::MAX]) {
            let mut out = Vec::new();
            varint(&mut out, value);
            assert_eq!(out.len(), varint_length(value), "{value}");
            assert_eq!(prost::decode_length_delimiter(out.as_slice()).ok(), usize::try_from(value).ok(), "{value}");
        }
    }
}
