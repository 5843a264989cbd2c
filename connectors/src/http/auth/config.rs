//! What a configuration says of who calls. Where a secret may have been written instead of its name, no error repeats what stands there.

use crate::secret::SecretRef;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How a peer learns who calls. In YAML one of `{ basic: {…} }`, `{ bearer: SECRET }`, `{ headers: { NAME: SECRET } }`,
/// `{ oauth2: {…} }`, `{ oauth2_refresh: {…} }`, `{ jwt: {…} }`, `{ oauth1: {…} }`.
#[derive(Clone, Debug)]
pub enum AuthConfig {
    /// A name and a password (RFC 7617).
    Basic(BasicConfig),
    /// A token that somebody made for Tieout (RFC 6750).
    Bearer(SecretRef),
    /// Headers of the peer's own, by their names.
    Headers(BTreeMap<String, SecretRef>),
    /// OAuth 2 client credentials.
    Client(ClientConfig),
    /// An OAuth 2 refresh token, which a person once agreed to.
    Refresh(RefreshConfig),
    /// A signed statement in place of a secret (RFC 7523).
    Jwt(Box<JwtConfig>),
    /// A signature on each request (RFC 5849).
    Oauth1(Oauth1Config),
}

/// `basic: { user: NAME, password: SECRET }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicConfig {
    /// The user.
    pub user: String,
    /// The password.
    pub password: SecretRef,
}

/// `oauth2: { token_url: URL, client_id: ID, client_secret: SECRET, scope: TEXT, audience: TEXT, style: basic }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// Where tokens are given out.
    pub token_url: String,
    /// Who asks.
    pub client_id: String,
    /// By which secret.
    pub client_secret: SecretRef,
    /// What the token is to be good for, as the server calls it.
    #[serde(default)]
    pub scope: Option<String>,
    /// Whom it is to be good for, where the server wants to know.
    #[serde(default)]
    pub audience: Option<String>,
    /// Where id and secret stand.
    #[serde(default)]
    pub style: Style,
}

/// `oauth2_refresh: { token_url: URL, client_id: ID, client_secret: SECRET, refresh_token: SECRET, keep: PATH, style: basic }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshConfig {
    /// Where tokens are given out.
    pub token_url: String,
    /// Who asks.
    pub client_id: String,
    /// By which secret.
    pub client_secret: SecretRef,
    /// The refresh token that the first token is had for.
    pub refresh_token: SecretRef,
    /// The file that the next ones are kept in, where the server replaces them. It is Tieout's own, and holds a secret.
    #[serde(default)]
    pub keep: Option<PathBuf>,
    /// Where id and secret stand.
    #[serde(default)]
    pub style: Style,
}

/// Where a client's id and secret stand: in a header, which every server has to understand, or in the form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// In `Authorization`.
    #[default]
    Basic,
    /// In the form.
    Body,
}

/// `jwt: { as: client, token_url: URL, issuer: ID, key: SECRET, algorithm: PS256, … }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtConfig {
    /// What the statement stands for.
    #[serde(rename = "as")]
    pub used_as: JwtUse,
    /// Where tokens are given out.
    pub token_url: String,
    /// Who states it (`iss`): the client's id.
    pub issuer: String,
    /// Of whom (`sub`). A client speaks of itself; a grant names the user whom Tieout acts for, where there is one.
    #[serde(default)]
    pub subject: Option<String>,
    /// To whom (`aud`); the token endpoint where nothing is named.
    #[serde(default)]
    pub audience: Option<String>,
    /// The client's id in the form, where the server wants it there too.
    #[serde(default)]
    pub client_id: Option<String>,
    /// What the token is to be good for, in the form.
    #[serde(default)]
    pub scope: Option<String>,
    /// What else the statement says, such as a scope that the server looks for in there.
    #[serde(default)]
    pub claims: BTreeMap<String, Value>,
    /// The private key, in PEM.
    pub key: SecretRef,
    /// What the server calls the key (`kid`).
    #[serde(default)]
    pub key_id: Option<String>,
    /// The file of the key's certificate, in PEM, where the server knows the key by that (`x5t#S256`).
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// How it is signed.
    pub algorithm: Algorithm,
}

/// What a signed statement stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JwtUse {
    /// For the client's secret, when it asks by its own right.
    Client,
    /// For the right of whom it names.
    Grant,
}

/// How a statement is signed (RFC 7518).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// RSA, PSS, SHA-256.
    Ps256,
    /// ECDSA on P-256, SHA-256.
    Es256,
}

/// `oauth1: { consumer_key: SECRET, consumer_secret: SECRET, token: SECRET, token_secret: SECRET, realm: TEXT }`; requests are signed by
/// HMAC-SHA256.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oauth1Config {
    /// Which program calls.
    pub consumer_key: SecretRef,
    /// Its secret.
    pub consumer_secret: SecretRef,
    /// For whom.
    pub token: SecretRef,
    /// The secret that goes with it.
    pub token_secret: SecretRef,
    /// Which part of the peer, where it wants to know.
    #[serde(default)]
    pub realm: Option<String>,
}

const WAYS: &str = "credentials are one of `{ basic: {…} }`, `{ bearer: SECRET }`, `{ headers: { NAME: SECRET } }`, `{ oauth2: {…} }`, `{ oauth2_refresh: {…} }`, `{ jwt: {…} }` and `{ oauth1: {…} }`";

impl<'de> Deserialize<'de> for AuthConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ways = || D::Error::custom(WAYS);
        let Value::Object(members) = Value::deserialize(deserializer)? else {
            return Err(ways());
        };
        let mut members = members.into_iter();
        let (Some((way, options)), None) = (members.next(), members.next()) else {
            return Err(ways());
        };
        match way.as_str() {
            "basic" => read(&way, options).map(Self::Basic),
            "bearer" => serde_json::from_value(options)
                .map(Self::Bearer)
                .map_err(|error| D::Error::custom(format!("`bearer`: {error}"))),
            "headers" => read(&way, options).map(Self::Headers),
            "oauth2" => read(&way, options).map(Self::Client),
            "oauth2_refresh" => read(&way, options).map(Self::Refresh),
            "jwt" => read(&way, options).map(Self::Jwt),
            "oauth1" => read(&way, options).map(Self::Oauth1),
            _ => Err(ways()),
        }
    }
}

/// Reads the options of a way.
fn read<T: DeserializeOwned, E: Error>(way: &str, options: Value) -> Result<T, E> {
    if !options.is_object() {
        return Err(E::custom(format!("`{way}` takes options by their names")));
    }
    serde_json::from_value(options).map_err(|error| E::custom(format!("`{way}`: {error}")))
}
