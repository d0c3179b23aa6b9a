//! A map keyed by the sixteen bytes of an id.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use crate::model::random_u64;

/// A map keyed by an id.
#[derive(Debug)]
pub(crate) struct IdMap<V>(HashMap<[u8; 16], V, Seeded>);

impl<V> Default for IdMap<V> {
    fn default() -> Self {
        Self(HashMap::with_hasher(Seeded(random_u64())))
    }
}

impl<V> IdMap<V> {
    #[inline]
    pub(crate) fn get(&self, id: [u8; 16]) -> Option<&V> {
        self.0.get(&id)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: [u8; 16]) -> Option<&mut V> {
        self.0.get_mut(&id)
    }

    #[inline]
    pub(crate) fn insert(&mut self, id: [u8; 16], value: V) -> Option<V> {
        self.0.insert(id, value)
    }

    #[inline]
    pub(crate) fn remove(&mut self, id: [u8; 16]) -> Option<V> {
        self.0.remove(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Ids are random already, but trace ids also come in by headers: one multiplication by a secret of this process keeps a stranger
/// from choosing ids that collide.
#[derive(Debug, Clone, Copy)]
struct Seeded(u64);

impl BuildHasher for Seeded {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded(self.0)
    }
}

struct Folded(u64);

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let product = u128::from(self.0 ^ u64::from_le_bytes(word)) * 0x9e37_79b9_7f4a_7c15;
            self.0 = (product >> 64) as u64 ^ product as u64;
        }
    }

    fn write_usize(&mut self, _length: usize) {
        // The length of an array, always the same.
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
