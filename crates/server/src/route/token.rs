//! Tokens: made, listed, withdrawn.

use axum::extract::State;
use keyward::{ExecuteError, token::TOKEN_NAME_BYTES_MAX};
use keyward_lifecycle::{
    access::{Role, Scope, Token},
    command::Command,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::lifetime::Nothing;
use crate::{
    app::App,
    body::{Answer, Bounded, Input, Named, Outcome},
    identity::Caller,
    problem::{Problem, ProblemDocument},
    run::run,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(revoke))
}

/// How long a token lives unless said otherwise, in seconds: 90 days.
const LIFE_DEFAULT: i64 = 90 * 86_400;
/// The longest life of a token, in seconds: ten years.
const LIFE_MAX: i64 = 3650 * 86_400;

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateToken {
    /// By which it is listed and revoked.
    name: String,
    /// `admin`, `operator`, `signer`, `auditor` or `viewer`.
    role: String,
    /// A narrowing of the role; empty for all of it.
    #[serde(default)]
    scopes: Vec<String>,
    /// A number and `s`, `m`, `h` or `d`; absent for `90d`.
    expires_in: Option<String>,
}

impl Bounded for CreateToken {}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewTokenDocument {
    token_id: String,
    /// Shown this once.
    token: String,
    role: &'static str,
    scopes: Vec<&'static str>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Makes a token. Its text is in this answer and nowhere else.
#[utoipa::path(post, path = "/tokens", tag = "access", request_body = CreateToken, responses(
    (status = 201, body = NewTokenDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    Input(body): Input<CreateToken>,
) -> Outcome<NewTokenDocument> {
    let CreateToken { name, role, scopes, expires_in } = body;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > TOKEN_NAME_BYTES_MAX || !name.bytes().all(good) {
        let expected = format!("expected 1 to {TOKEN_NAME_BYTES_MAX} of A-Z a-z 0-9 . _ -");
        return Err(Problem::malformed("name", expected));
    }
    let names = Role::ALL.map(Role::name).join(", ");
    let role = Role::named(&role)
        .ok_or_else(|| Problem::malformed("role", format!("expected one of {names}")))?;
    let scopes = scopes.iter().map(|text| read_scope(role, text)).collect::<Result<Vec<_>, _>>()?;
    let life = expires_in.as_deref().map_or(Ok(LIFE_DEFAULT), read_life)?;
    let made = run(&app, move |keyward| {
        let expires_at = keyward.now().plus_seconds(life);
        let made =
            keyward.create_token(&caller.actor(keyward)?, &name, role, scopes, expires_at)?;
        Ok::<_, ExecuteError>(NewTokenDocument {
            token_id: made.token.token_id.to_string(),
            token: made.expose().to_owned(),
            role: made.token.role.name(),
            scopes: made.token.scopes.iter().map(|scope| scope.name()).collect(),
            expires_at: made.token.expires_at,
        })
    });
    Ok(Answer::made(made.await?).secret())
}

/// The tokens that were not withdrawn.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenList {
    tokens: Vec<TokenDocument>,
}

/// A token, without its text.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Token)]
pub(crate) struct TokenDocument {
    token_id: String,
    role: &'static str,
    scopes: Vec<&'static str>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    expired: bool,
}

impl TokenDocument {
    fn of(token: &Token, now: Timestamp) -> Self {
        Self {
            token_id: token.token_id.to_string(),
            role: token.role.name(),
            scopes: token.scopes.iter().map(|scope| scope.name()).collect(),
            expires_at: token.expires_at,
            expired: token.expires_at <= now,
        }
    }
}

/// Lists tokens.
#[utoipa::path(get, path = "/tokens", tag = "access", responses(
    (status = 200, body = TokenList), (status = "default", body = ProblemDocument)))]
pub(crate) async fn list(State(app): State<App>) -> Outcome<TokenList> {
    let (state, now) = (app.keyward.state(), app.keyward.now());
    let tokens = state.tokens().map(|token| TokenDocument::of(token, now)).collect();
    Ok(Answer::ok(TokenList { tokens }))
}

/// A token that opens nothing any more.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevokedToken {
    token_id: String,
    revoked: bool,
}

/// Withdraws a token.
#[utoipa::path(post, path = "/tokens/{id}/revoke", tag = "access",
    params(("id" = String, Path, description = "The token's name")), request_body = Nothing,
    responses((status = 200, body = RevokedToken), (status = "default", body = ProblemDocument)))]
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Named(name): Named<String>,
    Input(Nothing {}): Input<Nothing>,
) -> Outcome<RevokedToken> {
    let revoked = run(&app, move |keyward| {
        let command = Command::RevokeToken { token_id: name.as_str().into() };
        let _ = keyward.execute(&caller.actor(keyward)?, command)?;
        Ok::<_, ExecuteError>(RevokedToken { token_id: name, revoked: true })
    });
    Ok(Answer::ok(revoked.await?))
}

fn read_scope(role: Role, text: &str) -> Result<Scope, Problem> {
    let scope = Scope::named(text).ok_or_else(|| {
        let names = Scope::ALL.map(Scope::name).join(", ");
        Problem::malformed("scopes", format!("expected some of {names}"))
    })?;
    if role.scopes().contains(&scope) {
        return Ok(scope);
    }
    let detail = format!("the role `{}` has no scope `{text}`", role.name());
    Err(Problem::contradiction(detail))
}

/// Seconds of a life like `90d`.
fn read_life(text: &str) -> Result<i64, Problem> {
    let malformed = || {
        let expected = "expected a number and s, m, h or d, at most 3650d: 90d";
        Problem::malformed("expiresIn", expected)
    };
    let unit = text.chars().last().ok_or_else(malformed)?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(malformed()),
    };
    let number = text.strip_suffix(unit).filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let number = number.and_then(|text| text.parse::<i64>().ok()).ok_or_else(malformed)?;
    let life = number.checked_mul(seconds).filter(|life| (1..=LIFE_MAX).contains(life));
    life.ok_or_else(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_a_number_with_a_unit() {
        assert_eq!(read_life("90d"), Ok(LIFE_DEFAULT));
        assert_eq!(read_life("30s"), Ok(30));
        for text in ["", "d", "0d", "-1d", "+1d", "3651d", "1w", "99999999999999999999d", "1é"] {
            assert_eq!(
                read_life(text).map_err(|problem| problem.code()),
                Err("malformed"),
                "{text}"
            );
        }
    }
}
