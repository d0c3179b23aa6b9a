//! What is known of a session: the conversation that several traces belong to.

/// A conversation that several traces belong to.
///
/// A session that the backend knows is named by its id; a session of your own by an external id, which the exporter looks up or creates
/// once, on its own thread, when the first trace of the session is sent.
///
/// ```
/// use galileo::Session;
///
/// let session = Session::external("chat-42").name("Support chat").metadata("channel", "web");
/// assert_eq!(session.external_id.as_deref(), Some("chat-42"));
/// assert_eq!(session.id, None);
/// assert_eq!(Session::from("chat-42").external_id, session.external_id);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The id that the backend gave it.
    pub id: Option<String>,
    /// The id that your application gives it; get-or-create.
    pub external_id: Option<String>,
    /// What readers see.
    pub name: Option<String>,
    /// The id of the session before this one in the same conversation.
    pub previous_session_id: Option<String>,
    /// Metadata of the session itself.
    pub metadata: Vec<(String, String)>,
}

impl Session {
    /// A session without any id: a new one for each process.
    pub fn new() -> Self {
        Self::default()
    }

    /// The session with this id of the backend's.
    pub fn with_id(id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..Self::default() }
    }

    /// The session that your application knows by this id.
    pub fn external(external_id: impl Into<String>) -> Self {
        Self { external_id: Some(external_id.into()), ..Self::default() }
    }

    /// The same session with a name for its readers.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same session as the continuation of another.
    #[must_use]
    pub fn previous(mut self, session_id: impl Into<String>) -> Self {
        self.previous_session_id = Some(session_id.into());
        self
    }

    /// The same session with one more metadata entry.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }
}

impl From<&str> for Session {
    fn from(external_id: &str) -> Self {
        Self::external(external_id)
    }
}

impl From<String> for Session {
    fn from(external_id: String) -> Self {
        Self::external(external_id)
    }
}
