//! The four ways to prove to Galileo who is sending.

use super::env;
use super::secret::Secret;
use super::{Source, Var};
use crate::error::InitError;

/// One way to log in. When several are given, the first of this list wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Login {
    ApiKey(Secret),
    Password {
        username: String,
        password: Secret,
    },
    SingleSignOn {
        id_token: Secret,
        provider: String,
    },
    /// A token from elsewhere, used as it is.
    Token(Secret),
}

impl Login {
    pub(super) fn resolve(source: &Source<'_>) -> Result<Option<Self>, InitError> {
        let key = source.get(&env::API_KEY)?;
        let password = both(source, &env::USERNAME, &env::PASSWORD)?;
        let sso = both(source, &env::SSO_PROVIDER, &env::SSO_ID_TOKEN)?;
        let token = source.get(&env::JWT_TOKEN)?;
        Ok(key
            .map(Self::ApiKey)
            .or(password.map(|(username, password)| Self::Password { username, password }))
            .or(sso.map(|(provider, id_token)| Self::SingleSignOn { id_token, provider }))
            .or(token.map(Self::Token)))
    }

    /// The key, where the protocol wants the key itself instead of a token made from it.
    pub(crate) fn api_key(&self) -> Option<&Secret> {
        match self {
            Self::ApiKey(key) => Some(key),
            _ => None,
        }
    }
}

fn both(source: &Source<'_>, name: &Var<String>, secret: &Var<Secret>) -> Result<Option<(String, Secret)>, InitError> {
    match (source.get(name)?, source.get(secret)?) {
        (Some(text), Some(secret)) => Ok(Some((text, secret))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(InitError::IncompleteLogin { given: name.name, missing: secret.name }),
        (None, Some(_)) => Err(InitError::IncompleteLogin { given: secret.name, missing: name.name }),
    }
}
