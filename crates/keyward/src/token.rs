//! Bearer tokens: 32 random bytes that are shown once, and of which only the digest is kept.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward_crypto::random;
use keyward_lifecycle::{
    access::{Role, Scope, Token},
    command::Command,
    id::{ActorId, Digest},
    time::Timestamp,
};

use crate::{
    engine::{Keyward, unavailable},
    writer::ExecuteError,
};

/// What every token begins with, so that scanners of leaked secrets find it.
pub const TOKEN_PREFIX: &str = "kwt_";
/// Longest name of a token.
pub const TOKEN_NAME_BYTES_MAX: usize = 64;

/// A token that was just made. The secret is not kept: this is the only time it is seen.
pub struct NewToken {
    /// What is kept of it.
    pub token: Token,
    secret: String,
}

impl NewToken {
    /// The secret, to be handed to its holder.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.secret
    }
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("NewToken").field(&self.token.token_id).finish()
    }
}

impl Keyward {
    /// Makes a token of that name.
    ///
    /// # Errors
    /// [`ExecuteError::Refused`] when the name is taken or the expiry has passed.
    pub fn create_token(
        &self,
        by: &ActorId,
        name: &str,
        role: Role,
        scopes: Vec<Scope>,
        expires_at: Timestamp,
    ) -> Result<NewToken, ExecuteError> {
        let random = random::bytes::<32>().map_err(|error| unavailable(&error))?;
        let secret = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(*random));
        let digest = Digest::of(secret.as_bytes());
        let token = Token { token_id: name.into(), digest, role, scopes, expires_at };
        let _ = self.execute(by, Command::CreateToken(token.clone()))?;
        Ok(NewToken { token, secret })
    }

    /// The token that this secret is; `None` if there is none or it has expired. Looked up by
    /// its digest, so that the time it takes says nothing of the secret.
    #[must_use]
    pub fn authenticate(&self, secret: &str) -> Option<Token> {
        let digest = Digest::of(secret.as_bytes());
        let now = self.now();
        let state = self.state();
        state.token_of(&digest).filter(|token| now < token.expires_at).cloned()
    }
}
