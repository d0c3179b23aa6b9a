//! The choice, at compile time and without bounds on the user's types, of the best way to capture a value.
//!
//! A method call looks for a method on the receiver's type first and then on what that type dereferences to. Each of the types below has
//! the method only if the value has the trait in question, and dereferences to the next best choice:
//!
//! ```text
//! Probe (text and numbers) -> ViaSerialize -> ViaDebug -> ViaTypeName
//! ```
//!
//! The choice is made where the call stands. In a generic function it follows the bounds that the function declares.

use super::Value;
use serde::Serialize;
use std::any::type_name;
use std::borrow::Cow;
use std::error::Error;
use std::fmt::{Debug, Display};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

/// Values that need neither `Serialize` nor `Debug`: text and numbers, and pointers to them.
pub trait Plain {
    /// The value itself.
    fn plain(&self) -> Value<'_>;
}

macro_rules! plain {
    ($($ty:ty => $variant:ident as $as:ty),+ $(,)?) => {$(
        impl Plain for $ty {
            #[inline]
            fn plain(&self) -> Value<'_> {
                Value::$variant(<$as>::from(*self))
            }
        }
    )+};
}

plain! {
    bool => Bool as bool,
    i8 => Int as i64, i16 => Int as i64, i32 => Int as i64, i64 => Int as i64,
    u8 => UInt as u64, u16 => UInt as u64, u32 => UInt as u64, u64 => UInt as u64,
    f64 => Float as f64,
}

impl Plain for usize {
    #[inline]
    fn plain(&self) -> Value<'_> {
        Value::UInt(*self as u64)
    }
}

impl Plain for isize {
    #[inline]
    fn plain(&self) -> Value<'_> {
        Value::Int(*self as i64)
    }
}

impl Plain for () {
    #[inline]
    fn plain(&self) -> Value<'_> {
        Value::Null
    }
}

impl Plain for str {
    #[inline]
    fn plain(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Plain for String {
    #[inline]
    fn plain(&self) -> Value<'_> {
        Value::Text(self)
    }
}

macro_rules! plain_pointer {
    ($($ty:ty),+) => {$(
        impl<T: Plain + ?Sized> Plain for $ty {
            #[inline]
            fn plain(&self) -> Value<'_> {
                T::plain(self)
            }
        }
    )+};
}

plain_pointer!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: Plain + ToOwned + ?Sized> Plain for Cow<'_, T> {
    #[inline]
    fn plain(&self) -> Value<'_> {
        T::plain(self)
    }
}

impl<T: Plain> Plain for Option<T> {
    #[inline]
    fn plain(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::plain)
    }
}

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident else $next:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<'a, T>($next<'a, T>);

        impl<'a, T> $name<'a, T> {
            #[doc(hidden)]
            #[inline]
            pub fn new(value: &'a T) -> Self {
                Self($next::new(value))
            }
        }

        impl<'a, T> Deref for $name<'a, T> {
            type Target = $next<'a, T>;

            #[inline]
            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    };
}

choice! {
    /// Chooses how an argument or a result is captured.
    Probe else ViaSerialize
}
choice! {
    /// Values that implement `Serialize`.
    ViaSerialize else ViaDebug
}
choice! {
    /// Values that implement `Debug`.
    ViaDebug else ViaTypeName
}
choice! {
    /// Chooses how an error is captured.
    ErrorProbe else ViaErrorBox
}
choice! {
    /// Pointers to an error, such as `Box<dyn Error>`.
    ViaErrorBox else ViaDisplay
}
choice! {
    /// Errors that implement `Display`.
    ViaDisplay else ViaDebug
}

/// Any value; only the name of its type is captured.
pub struct ViaTypeName<'a, T>(&'a T);

impl<T> Debug for ViaTypeName<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(type_name::<T>())
    }
}

impl<'a, T> ViaTypeName<'a, T> {
    #[doc(hidden)]
    #[inline]
    pub fn new(value: &'a T) -> Self {
        Self(value)
    }

    /// The type's name.
    #[inline]
    pub fn value(&self) -> Value<'a> {
        Value::TypeName(type_name::<T>())
    }
}

impl<'a, T: Plain> Probe<'a, T> {
    /// The value itself.
    #[inline]
    pub fn value(&self) -> Value<'a> {
        self.0.0.0.0.plain()
    }
}

impl<'a, T: Serialize> ViaSerialize<'a, T> {
    /// The value as JSON.
    #[inline]
    pub fn value(&self) -> Value<'a> {
        Value::Json(self.0.0.0)
    }
}

impl<'a, T: Debug> ViaDebug<'a, T> {
    /// The value as `Debug` text.
    #[inline]
    pub fn value(&self) -> Value<'a> {
        Value::Debug(self.0.0)
    }
}

impl<'a, T: Error> ErrorProbe<'a, T> {
    /// The error with its causes.
    #[inline]
    pub fn value(&self) -> Value<'a> {
        Value::Error(self.0.0.0.0.0)
    }
}

impl<'a, T: Deref<Target: Error>> ViaErrorBox<'a, T> {
    /// The error with its causes.
    #[inline]
    pub fn value(&self) -> Value<'a> {
        Value::ErrorBox(self.0.0.0.0)
    }
}

impl<'a, T: Display> ViaDisplay<'a, T> {
    /// The error's text.
    #[inline]
    pub fn value(&self) -> Value<'a> {
        Value::Display(self.0.0.0)
    }
}
