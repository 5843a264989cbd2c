//! The calls: one session, its answers, and what a refusal looks like.

use super::Config;
use crate::http::Peer;
use crate::secret::Secret;
use crate::transport::TransportError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// Somebody who is logged in. Its token is shown nowhere.
pub(super) struct Session<'p> {
    peer: &'p Peer,
    user: &'p str,
    path: String,
    authorization: String,
    next: AtomicU64,
}

/// An answer, or the ERP's refusal in its own words.
pub(super) type Said = Result<Value, String>;

impl<'p> Session<'p> {
    /// Logs in.
    pub(super) async fn login(
        peer: &'p Peer,
        config: &'p Config,
        password: &Secret,
    ) -> Result<Self, TransportError> {
        let mut session = Self {
            peer,
            user: &config.user,
            path: format!("{}/rpc/", config.database),
            authorization: String::new(),
            next: AtomicU64::new(1),
        };
        let secret = json!({ "password": password.reveal() });
        let params = json!([config.user, secret, "en"]);
        let said = session.call("common.db.login", params).await?;
        let said = said.map_err(|words| session.unauthorized(words))?;
        let (Some(id), Some(token)) = (said[0].as_i64(), said[1].as_str()) else {
            return Err(session.unauthorized("it gives no session".to_owned()));
        };
        let who = format!("{}:{id}:{token}", config.user);
        session.authorization = format!("Session {}", STANDARD.encode(who));
        Ok(session)
    }

    /// Calls a method. `Err` means that nobody knows whether it was carried out.
    pub(super) async fn call(&self, method: &str, params: Value) -> Result<Said, TransportError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "id": id, "method": method, "params": params }).to_string();
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if !self.authorization.is_empty() {
            headers.push(("authorization", self.authorization.clone()));
        }
        let answer = self
            .peer
            .post(&self.path, &headers, body.as_bytes())
            .await?;
        if answer.status == 401 {
            return Err(self.unauthorized("the session or the password is refused".to_owned()));
        }
        if !answer.is_success() {
            let what = format!("{method}: status {}: {}", answer.status, answer.words());
            return Err(self.peer.broken(what));
        }
        let mut said: Value =
            serde_json::from_slice(&answer.body).map_err(|error| self.peer.broken(error))?;
        if said["id"] != json!(id) {
            return Err(self
                .peer
                .broken(format!("{method}: the answer is to another call")));
        }
        Ok(match said.get("error") {
            Some(error) if !error.is_null() => Err(words(error).ok_or_else(|| {
                let shown: String = error.to_string().chars().take(500).collect();
                self.peer.broken(format!("{method}: {shown}"))
            })?),
            _ => Ok(said["result"].take()),
        })
    }

    fn unauthorized(&self, what: String) -> TransportError {
        TransportError::Unauthorized {
            peer: self.peer.name(),
            user: self.user.to_owned(),
            source: what.into(),
        }
    }

    /// Calls a method that only asks; a refusal is an outcome that nobody expects.
    pub(super) async fn ask(&self, method: &str, params: Value) -> Result<Value, TransportError> {
        let said = self.call(method, params).await?;
        said.map_err(|words| self.peer.broken(format!("{method}: {words}")))
    }

    /// An answer that is not of the form that this dialect has.
    pub(super) fn strange(&self, method: &str) -> TransportError {
        self.peer.broken(format!(
            "{method}: the answer has another form than expected"
        ))
    }
}

/// What a refusal says: `["UserError", [MESSAGE, …]]` or `["UserWarning", [NAME, MESSAGE, …]]`; none where it is no refusal
/// but something that broke.
fn words(error: &Value) -> Option<String> {
    let place = match error[0].as_str()? {
        "UserError" => 0,
        "UserWarning" => 1,
        _ => return None,
    };
    let text = error[1][place].as_str()?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(text.chars().take(500).collect())
}

/// A decimal as JSON-RPC writes it.
pub(super) fn decimal(text: &str) -> Value {
    json!({ "__class__": "Decimal", "decimal": text })
}

/// A day as JSON-RPC writes it.
pub(super) fn day(on: chrono::NaiveDate) -> Value {
    use chrono::Datelike as _;
    json!({ "__class__": "date", "year": on.year(), "month": on.month(), "day": on.day() })
}
