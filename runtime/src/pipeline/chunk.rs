//! A block of memory that one thread appends to while another reads what is already there.
//!
//! ```text
//!            written, published          being written       free
//! |##################################|...................|              |
//! 0                                  published                          capacity
//!   the reader's, never changed again  the writer's
//! ```
//!
//! This is one of two places of the SDK with unsafe code. The rule that everything below rests on: bytes in front of `published` are never written again while a reader can see the chunk, and bytes behind it are
//! touched by the one [`Writer`] only.

#![allow(unsafe_code)]

use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The memory of a writer and a reader.
struct Chunk {
    bytes: Box<[UnsafeCell<MaybeUninit<u8>>]>,
    /// How many bytes from the start are written for good.
    published: AtomicUsize,
}

// SAFETY: the threads that share a `Chunk` are those of its one `Writer` and its one `Reader`. The writer writes behind `published` only
// and moves it with a release store; the reader loads it with acquire and reads in front of it only. So no byte is ever read while it is
// written, and all else in here is atomic.
unsafe impl Sync for Chunk {}

/// The appending half. There is one for each chunk.
pub(crate) struct Writer {
    /// The chunk's first byte.
    base: *mut u8,
    /// What `published` holds; only this half changes it.
    at: usize,
    capacity: usize,
    chunk: Arc<Chunk>,
}

/// The reading half. There is one for each chunk.
pub(crate) struct Reader {
    chunk: Arc<Chunk>,
    at: usize,
}

/// A chunk that nobody uses.
pub(crate) struct Free(Arc<Chunk>);

impl Free {
    /// A new chunk of this many bytes.
    pub(crate) fn new(capacity: usize) -> Self {
        let bytes = std::iter::repeat_with(|| UnsafeCell::new(MaybeUninit::uninit())).take(capacity).collect();
        Self(Arc::new(Chunk { bytes, published: AtomicUsize::new(0) }))
    }

    /// Its size in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.0.bytes.len()
    }

    /// The two halves of the chunk.
    pub(crate) fn split(self) -> (Writer, Reader) {
        let Self(chunk) = self;
        // `UnsafeCell` and `MaybeUninit` have the layout of what they hold, so this is the address of the first byte.
        let base = UnsafeCell::raw_get(chunk.bytes.as_ptr()).cast();
        (Writer { base, at: 0, capacity: chunk.bytes.len(), chunk: chunk.clone() }, Reader { chunk, at: 0 })
    }
}

impl Writer {
    /// Appends the words of `head` and the bytes of `tail` and publishes both at once. `false`, and nothing is written, when they do not
    /// fit.
    #[inline]
    pub(crate) fn append<const N: usize>(&mut self, head: [u64; N], tail: &[u8]) -> bool {
        let middle = self.at + size_of::<[u64; N]>();
        // Neither sum can overflow: `at` is within an allocation, and so is `tail`.
        let end = middle + tail.len();
        if end > self.capacity {
            return false;
        }
        // SAFETY: `at..end` lies inside the allocation that `base` is the start of and that `chunk` keeps alive: `end <= capacity`. It
        // lies behind `published`, where only this half writes and nobody reads; `&mut self` keeps it to one thread at a time. `tail` is
        // a shared borrow of initialised memory and cannot overlap a place to which nobody else has a reference.
        unsafe { write(self.base.add(self.at), head, tail) };
        self.at = end;
        // Release: who sees the new length sees the bytes in front of it.
        self.chunk.published.store(end, Ordering::Release);
        true
    }

    /// The size of the chunk in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }
}

impl Reader {
    /// The bytes that were published since the last call. They count as read from now on.
    pub(crate) fn next(&mut self) -> &[u8] {
        // Acquire pairs with the release in `append`.
        let end = self.chunk.published.load(Ordering::Acquire);
        let start = std::mem::replace(&mut self.at, end);
        let base = UnsafeCell::raw_get(self.chunk.bytes.as_ptr()).cast::<u8>().cast_const();
        // SAFETY: `start <= end <= capacity`, since `published` only grows while this half exists and `at` was a former value of it. The
        // bytes in front of `end` are initialised, visible by the acquire above, and not written again before `recycle` has taken both
        // halves away; the borrow of `self` keeps this half alive as long as the slice.
        unsafe { std::slice::from_raw_parts(base.add(start), end - start) }
    }

    /// Whether everything that is published now has been read.
    pub(crate) fn is_drained(&self) -> bool {
        self.at == self.chunk.published.load(Ordering::Acquire)
    }

    /// Whether the writer is gone, so that nothing will come behind what is published now.
    pub(crate) fn is_sealed(&mut self) -> bool {
        // Looks at the number of references with acquire, which pairs with the release of the writer's last one.
        Arc::get_mut(&mut self.chunk).is_some()
    }

    /// Gives the chunk back for another use, if it is sealed and read to its end.
    pub(crate) fn recycle(mut self) -> Result<Free, Self> {
        if let Some(chunk) = Arc::get_mut(&mut self.chunk) {
            let published = chunk.published.get_mut();
            if *published == self.at {
                *published = 0;
                return Ok(Free(self.chunk));
            }
        }
        Err(self)
    }

    /// The size of the chunk in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.chunk.bytes.len()
    }
}

thread_local! {
    // Two cells without destructors: reading them costs a load each, and they are there until the thread is gone.
    static DESK: Cell<Desk> = const { Cell::new(Desk::EMPTY) };
    /// How far the chunk on the desk is written.
    static AT: Cell<usize> = const { Cell::new(0) };
}

/// The chunk that a thread is writing to, where its hot path finds it.
#[derive(Clone, Copy)]
struct Desk {
    /// Whose chunk it is; what is written for another owner does not belong here.
    owner: u32,
    capacity: usize,
    base: *mut u8,
    published: *const AtomicUsize,
}

impl Desk {
    const EMPTY: Self = Self { owner: 0, capacity: 0, base: std::ptr::null_mut(), published: std::ptr::null() };
}

/// A writer that lies on its thread's desk, where [`append_here`] finds it, until this is dropped.
pub(crate) struct Lease {
    writer: Writer,
    /// The desk belongs to this thread.
    not_send: PhantomData<*mut ()>,
}

impl Lease {
    /// Puts `writer` on this thread's desk, for an owner that is not 0. What lay there is not written to any more.
    pub(crate) fn new(writer: Writer, owner: u32) -> Self {
        AT.set(writer.at);
        DESK.set(Desk {
            owner,
            capacity: writer.capacity,
            base: writer.base,
            published: &raw const writer.chunk.published,
        });
        Self { writer, not_send: PhantomData }
    }

    /// The size of the chunk in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.writer.capacity
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Another one may lie there by now.
        if DESK.get().base == self.writer.base {
            DESK.set(Desk::EMPTY);
        }
    }
}

/// Appends to the chunk on this thread's desk, as [`Writer::append`] does. `false` when it is full, and when it is not this owner's or
/// there is none.
#[inline(always)]
pub(crate) fn append_here<const N: usize>(owner: u32, head: [u64; N], tail: &[u8]) -> bool {
    const { assert!(N > 0, "an empty desk has no room for a word, which tells it from others") };
    let desk = DESK.get();
    let at = AT.get();
    let end = at + size_of::<[u64; N]>() + tail.len();
    if desk.owner != owner || end > desk.capacity {
        return false;
    }
    // SAFETY: the desk is not empty, because an empty one has a capacity of 0 and `end` is at least 8. So a `Lease` of this thread, or
    // one that was forgotten, keeps `base` and `published` alive: it would have cleared the desk otherwise. It holds the chunk's one
    // writer, so nobody else writes behind `at`, which is what `published` holds; `end <= capacity`.
    unsafe {
        write(desk.base.add(at), head, tail);
        AT.set(end);
        // Release: who sees the new length sees the bytes in front of it.
        (*desk.published).store(end, Ordering::Release);
    }
    true
}

/// Writes the words and then the bytes.
///
/// # Safety
///
/// `to` must be valid for writes of as many bytes as `head` and `tail` have together, and `tail` must not overlap them.
#[inline(always)]
unsafe fn write<const N: usize>(to: *mut u8, head: [u64; N], tail: &[u8]) {
    // SAFETY: the caller vouches for the whole range; words are written without a demand on alignment.
    unsafe {
        let mut to = to.cast::<u64>();
        // One store a word, straight from registers: a copy by way of the stack would wait for its own stores.
        for word in head {
            to.write_unaligned(word);
            to = to.add(1);
        }
        if !tail.is_empty() {
            to.cast::<u8>().copy_from_nonoverlapping(tail.as_ptr(), tail.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word that reads like `text`.
    fn word(text: &[u8; 8]) -> u64 {
        u64::from_ne_bytes(*text)
    }

    #[test]
    fn what_is_appended_is_read_once_and_in_order() {
        let (mut writer, mut reader) = Free::new(64).split();
        assert_eq!(reader.next(), b"");
        assert!(writer.append([word(b"abcdefgh")], b"ij"));
        assert!(writer.append([], b"k"));
        assert!(!reader.is_drained());
        assert_eq!(reader.next(), b"abcdefghijk");
        assert!(reader.is_drained());
        assert_eq!(reader.next(), b"");
        assert!(writer.append([word(b"lmnopqrs"), word(b"tuvwxyz.")], b""));
        assert_eq!(reader.next(), b"lmnopqrstuvwxyz.");
    }

    #[test]
    fn what_does_not_fit_leaves_no_trace() {
        let (mut writer, mut reader) = Free::new(12).split();
        assert!(writer.append([], b"12"));
        assert!(!writer.append([word(b"--------")], b"---"));
        assert!(!writer.append([word(b"--------"), word(b"--------")], b""));
        assert!(writer.append([word(b"34567890")], b"ab"), "the room that is left is still good");
        assert!(!writer.append([], b"-"));
        assert_eq!(reader.next(), b"1234567890ab");
    }

    #[test]
    fn a_chunk_comes_back_only_when_it_is_sealed_and_read() {
        let (mut writer, mut reader) = Free::new(8).split();
        writer.append([], b"1");
        reader.next();
        let mut reader = reader.recycle().err().expect("the writer is still there");
        assert!(!reader.is_sealed());
        writer.append([], b"2");
        drop(writer);
        assert!(reader.is_sealed());
        let mut reader = reader.recycle().err().expect("there is something to read");
        assert_eq!(reader.next(), b"2");
        let free = reader.recycle().ok().expect("all done");
        assert_eq!(free.capacity(), 8);
        let (mut writer, mut reader) = free.split();
        writer.append([], b"again");
        assert_eq!(reader.next(), b"again");
    }

    #[test]
    fn a_reader_on_another_thread_sees_whole_appends_only() {
        let rounds: u8 = if cfg!(miri) { 20 } else { 250 };
        let (mut writer, mut reader) = Free::new(usize::from(rounds) * 12).split();
        let reading = std::thread::spawn(move || {
            let mut seen = Vec::new();
            while !(reader.is_sealed() && reader.is_drained()) {
                seen.extend_from_slice(reader.next());
                assert_eq!(seen.len() % 12, 0, "an append is seen whole or not at all");
                std::thread::yield_now();
            }
            seen
        });
        for n in 0..rounds {
            assert!(writer.append([word(&[n; 8])], &[n; 4]));
        }
        drop(writer);
        let seen = reading.join().expect("the reader");
        let expected: Vec<u8> = (0..rounds).flat_map(|n| [n; 12]).collect();
        assert_eq!(seen, expected);
    }
}
