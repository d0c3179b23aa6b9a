//! How a span ended.

/// How a span ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Outcome {
    /// It returned a value; status 200 unless told otherwise.
    Ok = 0,
    /// It returned an error; status 500 unless told otherwise.
    Error = 1,
    /// It panicked; status 500.
    Panic = 2,
    /// Its future or stream was dropped before the end; status 499.
    Cancelled = 3,
}

impl Outcome {
    /// The status code that goes on the wire when the program sets none.
    pub const fn default_status(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::Error | Self::Panic => 500,
            Self::Cancelled => 499,
        }
    }

    /// `ok`, `error`, `panic` or `cancelled`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) const fn from_u8(code: u8) -> Self {
        match code {
            1 => Self::Error,
            2 => Self::Panic,
            3 => Self::Cancelled,
            _ => Self::Ok,
        }
    }
}
