//! Numbers for callsites, so that a record names its callsite in four bytes.

use crate::model::Callsite;
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, RwLock};

static TABLE: RwLock<Vec<&'static Callsite>> = RwLock::new(Vec::new());

/// The number of `callsite`, given at its first use.
#[inline]
pub(crate) fn number(callsite: &'static Callsite) -> u32 {
    // Acquire pairs with the store below: whoever sees the number finds the table entry.
    match callsite.number.load(Ordering::Acquire) {
        0 => register(callsite),
        number => number,
    }
}

/// The number of `callsite`, if it has one.
#[inline(always)]
pub(crate) fn known(callsite: &'static Callsite) -> Option<u32> {
    match callsite.number.load(Ordering::Acquire) {
        0 => None,
        number => Some(number),
    }
}

#[cold]
fn register(callsite: &'static Callsite) -> u32 {
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    // Another thread may have been first while we waited for the lock.
    let known = callsite.number.load(Ordering::Acquire);
    if known != 0 {
        return known;
    }
    table.push(callsite);
    let number = table.len() as u32;
    callsite.number.store(number, Ordering::Release);
    number
}

/// The callsite with this number.
pub(crate) fn get(number: u32) -> Option<&'static Callsite> {
    let index = (number as usize).checked_sub(1)?;
    TABLE.read().unwrap_or_else(PoisonError::into_inner).get(index).copied()
}
