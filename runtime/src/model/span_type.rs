//! What kind of work a span stands for.

/// What kind of work a span stands for; the backend shows and evaluates each kind in its own way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum SpanType {
    /// A step that holds other steps; the default.
    #[default]
    Workflow = 0,
    /// A workflow that decides for itself what to do next.
    Agent = 1,
    /// One call of a language model. Has no children on the Galileo wire.
    Llm = 2,
    /// A search that returns documents.
    Retriever = 3,
    /// A call of a tool.
    Tool = 4,
    /// A guard's decision. Has no children on the Galileo wire.
    Control = 5,
}

impl SpanType {
    /// How many types there are.
    pub(crate) const COUNT: usize = 6;

    /// The name on the wire, such as `workflow`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::Agent => "agent",
            Self::Llm => "llm",
            Self::Retriever => "retriever",
            Self::Tool => "tool",
            Self::Control => "control",
        }
    }

    /// Whether the Galileo backend accepts children under a span of this type.
    pub const fn may_have_children(self) -> bool {
        !matches!(self, Self::Llm | Self::Control)
    }

    pub(crate) const fn from_u8(code: u8) -> Self {
        match code {
            1 => Self::Agent,
            2 => Self::Llm,
            3 => Self::Retriever,
            4 => Self::Tool,
            5 => Self::Control,
            _ => Self::Workflow,
        }
    }
}
