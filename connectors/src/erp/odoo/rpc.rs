//! Calls of methods, by either protocol.

use super::super::documents::Handed;
use super::super::{Host, OpenError};
use super::{Config, Protocol};
use crate::caller::Caller;
use crate::http::auth::AuthConfig;
use crate::http::{Answer, Peer};
use crate::secret::Secret;
use crate::transport::TransportError;
use formats::OptionsError;
use reqwest::Method;
use serde::de::Error as _;
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// Why Odoo did not do what it was called for; nothing of it is left there.
#[derive(Debug)]
pub(super) enum Fault {
    /// It refuses it, in these words.
    Refused(String),
    /// The user may not do it.
    Denied(String),
    /// What it is about is not there any more.
    Gone,
}

impl Fault {
    /// What it says to the document that was handed over.
    pub(super) fn handed(self) -> Handed {
        match self {
            Self::Refused(words) => Handed::Refused(words),
            Self::Denied(words) => Handed::Blocked(words),
            Self::Gone => Handed::Known,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Refused(words) | Self::Denied(words) => words,
            Self::Gone => "it is not there any more".to_owned(),
        }
    }
}

/// The server.
#[derive(Debug)]
pub(super) struct Rpc {
    database: String,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Json2(Caller),
    JsonRpc {
        peer: Peer,
        user: String,
        password: Secret,
        uid: Mutex<Option<i64>>,
    },
}

impl Rpc {
    pub(super) fn open(config: &Config, host: &Host) -> Result<Self, OpenError> {
        let way = match (config.protocol, &config.auth) {
            (Protocol::Json2, auth) => Way::Json2(Caller::open(&config.url, auth.clone(), host)?),
            (Protocol::JsonRpc, AuthConfig::Basic(basic)) => Way::JsonRpc {
                peer: Peer::new(&config.url)?,
                user: basic.user.clone(),
                password: basic.password.below(&host.base).read()?,
                uid: Mutex::default(),
            },
            (Protocol::JsonRpc, _) => {
                let what = "`protocol: jsonrpc` wants `auth: { basic: { user: …, password: … } }`";
                return Err(OpenError::Options(OptionsError {
                    kind: super::KIND.id,
                    source: serde_json::Error::custom(what),
                }));
            }
        };
        Ok(Self {
            database: config.database.clone(),
            way,
        })
    }

    /// Calls a method of a model, on these records, with named arguments.
    pub(super) async fn call(
        &self,
        (model, method): (&str, &str),
        ids: &[i64],
        arguments: Value,
    ) -> Result<Result<Value, Fault>, TransportError> {
        match &self.way {
            Way::Json2(caller) => {
                let mut body = arguments;
                if !ids.is_empty() {
                    body["ids"] = json!(ids);
                }
                let path = format!("json/2/{model}/{method}");
                let headers = [
                    ("content-type", "application/json; charset=utf-8".to_owned()),
                    ("x-odoo-database", self.database.clone()),
                ];
                let body = body.to_string();
                let answer = caller
                    .call(Method::POST, &path, &headers, body.as_bytes())
                    .await?;
                self.by_status(&answer)
            }
            Way::JsonRpc { password, .. } => {
                let uid = match self.uid().await? {
                    Ok(uid) => uid,
                    Err(fault) => return Ok(Err(fault)),
                };
                let (positional, named) = positional(method, ids, arguments);
                let call = json!([
                    self.database,
                    uid,
                    password.reveal(),
                    model,
                    method,
                    positional,
                    named
                ]);
                self.rpc("object", "execute_kw", &call).await
            }
        }
    }

    /// The number of the user, who is asked for once.
    async fn uid(&self) -> Result<Result<i64, Fault>, TransportError> {
        let Way::JsonRpc {
            user,
            password,
            uid,
            peer,
        } = &self.way
        else {
            return Err(self.strange("authenticate"));
        };
        let mut known = uid.lock().await;
        if let Some(uid) = *known {
            return Ok(Ok(uid));
        }
        let call = json!([self.database, user, password.reveal(), {}]);
        match self.rpc("common", "authenticate", &call).await? {
            Ok(said) => {
                let found = said.as_i64().ok_or_else(|| TransportError::Unauthorized {
                    peer: peer.name(),
                    user: user.clone(),
                    source: "it knows no such user with this password".into(),
                })?;
                *known = Some(found);
                Ok(Ok(found))
            }
            Err(fault) => Ok(Err(fault)),
        }
    }

    async fn rpc(
        &self,
        service: &str,
        method: &str,
        call: &Value,
    ) -> Result<Result<Value, Fault>, TransportError> {
        let Way::JsonRpc { peer, .. } = &self.way else {
            return Err(self.strange(method));
        };
        let body = json!({
            "jsonrpc": "2.0", "method": "call", "id": 1,
            "params": { "service": service, "method": method, "args": call },
        });
        let headers = peer.headers(&[("content-type", "application/json".to_owned())])?;
        let body = body.to_string();
        let answer = peer
            .call(&Method::POST, "jsonrpc", headers, body.as_bytes())
            .await?;
        let mut said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if !answer.is_success() || said["jsonrpc"] != "2.0" {
            return Err(self.unknown(&answer));
        }
        match said.get("error") {
            None => Ok(Ok(said["result"].take())),
            Some(error) => {
                let data = &error["data"];
                let words = data["message"].as_str().or(error["message"].as_str());
                self.fault(data["name"].as_str(), words).map(Err)
            }
        }
    }

    fn by_status(&self, answer: &Answer) -> Result<Result<Value, Fault>, TransportError> {
        let said = serde_json::from_slice::<Value>(&answer.body);
        match (answer.status, said) {
            (200..=299, Ok(said)) => Ok(Ok(said)),
            (300..=399, _) => Ok(Err(Fault::Denied(format!(
                "{} sends to another address, which is not followed; name that one in `url`",
                self.peer().name()
            )))),
            (404, Ok(said)) if said["name"] != "odoo.exceptions.MissingError" => {
                let words = said["message"]
                    .as_str()
                    .map_or_else(|| answer.words(), line);
                Ok(Err(Fault::Denied(words)))
            }
            (400 | 403 | 404 | 413 | 422, Ok(said)) => {
                let words = said["message"].as_str();
                match said["name"].as_str() {
                    Some(name) if name.starts_with("odoo.") => {
                        self.fault(Some(name), words).map(Err)
                    }
                    _ => {
                        let words = words.map_or_else(|| answer.words(), line);
                        Ok(Err(Fault::Refused(words)))
                    }
                }
            }
            _ => Err(self.unknown(answer)),
        }
    }

    /// What an exception means, by its name. An error where nobody knows what it left.
    fn fault(&self, name: Option<&str>, words: Option<&str>) -> Result<Fault, TransportError> {
        let name = name.unwrap_or_default();
        let words = words.map_or_else(|| name.to_owned(), line);
        match name.rsplit('.').next().unwrap_or_default() {
            "UserError" | "ValidationError" | "RedirectWarning" => Ok(Fault::Refused(words)),
            "AccessError" => Ok(Fault::Denied(words)),
            "MissingError" => Ok(Fault::Gone),
            "AccessDenied" | "SessionExpiredException" => Err(TransportError::Unauthorized {
                peer: self.peer().name(),
                user: "tieout".to_owned(),
                source: words.into(),
            }),
            _ => Err(self.peer().broken(format!("it answers {name}: {words}"))),
        }
    }

    const fn peer(&self) -> &Peer {
        match &self.way {
            Way::Json2(caller) => caller.peer(),
            Way::JsonRpc { peer, .. } => peer,
        }
    }

    fn unknown(&self, answer: &Answer) -> TransportError {
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        // What else it says is a traceback.
        let words = said["message"]
            .as_str()
            .map_or_else(|| answer.words(), line);
        self.peer()
            .broken(format!("it answers {}: {words}", answer.status))
    }

    /// The error of an answer that is not what the method promises.
    pub(super) fn strange(&self, method: &str) -> TransportError {
        self.peer()
            .broken(format!("its answer to `{method}` is not understood"))
    }

    /// The error of a question that it does not answer.
    pub(super) fn broken(&self, fault: Fault) -> TransportError {
        self.peer().broken(fault.words())
    }
}

/// Named arguments as JSON-RPC takes them: records and what is created come by their place.
fn positional(method: &str, ids: &[i64], mut arguments: Value) -> (Value, Value) {
    if method == "create" {
        let values = arguments["vals_list"].take();
        if let Some(named) = arguments.as_object_mut() {
            named.remove("vals_list");
        }
        return (json!([values]), arguments);
    }
    let places = if ids.is_empty() {
        json!([])
    } else {
        json!([ids])
    };
    (places, arguments)
}

/// Words on one line.
fn line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(500).collect()
}
