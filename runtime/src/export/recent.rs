//! A map of bounded size: what it was told first it forgets first.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// What a destination remembers of traces, spans or sessions, of which a process that runs for years has no end.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    known: HashMap<K, V>,
    order: VecDeque<K>,
    most: usize,
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    /// Remembers so many.
    pub(crate) fn new(most: usize) -> Self {
        Self { known: HashMap::new(), order: VecDeque::new(), most }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.known.get(key)
    }

    /// Replaces what was known of a key, which then is as old as it was.
    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.known.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn the_oldest_is_forgotten_and_nothing_grows_past_the_limit() {
        let mut recent = Recent::new(2);
        for (key, value) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            recent.put(key, value);
        }
        assert_eq!(recent.get(&"a"), None, "told first, whatever was said of it later");
        assert_eq!((recent.get(&"b"), recent.get(&"c")), (Some(&2), Some(&4)));
        assert_eq!((recent.known.len(), recent.order.len()), (2, 2));
    }
}
