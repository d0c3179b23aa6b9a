//! Requests to Galileo that say who we are.

use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderValue};
use tokio::sync::Mutex;

use super::account::{Account, AccountError, Target};
use crate::config::GalileoSettings;
use crate::export::transport::{Answer, Request, Transport, TransportError};

/// One account and the connections to its hosts; clones share both.
#[derive(Clone)]
pub(super) struct Client {
    transport: Transport,
    /// Held while it logs in, so that many requests log in once.
    account: Arc<Mutex<Account>>,
}

/// Why a request was not answered.
#[derive(Debug)]
pub(super) enum SendError {
    Account(AccountError),
    Transport(TransportError),
}

impl Client {
    pub(super) fn new(settings: GalileoSettings, transport: Transport) -> Self {
        Self { account: Arc::new(Mutex::new(Account::new(settings, transport.clone()))), transport }
    }

    /// Where spans go; logs in when nobody has yet.
    pub(super) async fn target(self) -> Result<Target, AccountError> {
        self.account.lock().await.target().await
    }

    /// The same after the token was refused.
    pub(super) async fn target_with_new_token(self) -> Result<Target, AccountError> {
        let mut account = self.account.lock().await;
        account.forget_token();
        account.target().await
    }

    /// An empty buffer for a body.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.transport.buffer()
    }

    /// Sends JSON to the service that takes spans (`ingest`) or to the API.
    pub(super) async fn send(&self, ingest: bool, mut request: Request) -> Result<Answer, SendError> {
        let identity = {
            let mut account = self.account.lock().await;
            if ingest { account.ingest_headers() } else { account.api_headers().await.map_err(SendError::Account)? }
        };
        request.headers.extend(identity);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.transport.send(request).await.map_err(SendError::Transport)
    }
}
