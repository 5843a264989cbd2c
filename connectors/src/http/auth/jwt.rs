//! Signed statements (RFC 7515, 7519, 7523): made anew for each token, good for minutes, and never sent twice by intent.

use super::{Algorithm, AuthError, JwtConfig, JwtUse, Lent, random, wrong};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use ring::digest;
use ring::error::Unspecified;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
    RsaKeyPair,
};
use serde_json::{Map, Value, json};

/// How many seconds a statement holds. Some servers take none that holds for more than three minutes.
const HOLDS: i64 = 180;

/// Claims that are Tieout's to say.
const OWN: [&str; 6] = ["iss", "sub", "aud", "iat", "exp", "jti"];

/// What makes statements.
#[derive(Debug)]
pub(super) struct Statement {
    header: Value,
    /// What is the same in all of them.
    claims: Map<String, Value>,
    key: Key,
}

#[derive(Debug)]
enum Key {
    Rsa(RsaKeyPair, Algorithm),
    P256(EcdsaKeyPair),
}

impl Statement {
    pub(super) fn new(config: &JwtConfig, host: &Lent<'_>) -> Result<Self, AuthError> {
        let mut claims = Map::new();
        for (name, value) in &config.claims {
            if OWN.contains(&name.as_str()) {
                let why = "is Tieout's to say; `issuer`, `subject` and `audience` have options of their own";
                return Err(wrong(&format!("claims.{name}"), why));
            }
            claims.insert(name.clone(), value.clone());
        }
        // A client speaks of itself (RFC 7523, 3).
        let itself = (config.used_as == JwtUse::Client).then_some(&config.issuer);
        if let Some(subject) = config.subject.as_ref().or(itself) {
            claims.insert("sub".to_owned(), json!(subject));
        }
        let audience = config.audience.as_ref().unwrap_or(&config.token_url);
        claims.insert("aud".to_owned(), json!(audience));
        claims.insert("iss".to_owned(), json!(config.issuer));
        Ok(Self {
            header: header(config, host)?,
            claims,
            key: Key::read(config.algorithm, host.read(&config.key)?.reveal())?,
        })
    }

    /// Who states it.
    pub(super) fn issuer(&self) -> &str {
        self.claims
            .get("iss")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// A statement of this moment.
    pub(super) fn made(&self, now: DateTime<Utc>) -> Result<String, Unspecified> {
        let now = now.timestamp();
        let mut claims = self.claims.clone();
        claims.insert("iat".to_owned(), json!(now));
        claims.insert("exp".to_owned(), json!(now.saturating_add(HOLDS)));
        claims.insert("jti".to_owned(), json!(URL_SAFE_NO_PAD.encode(random()?)));
        let [header, claims] = [&self.header, &Value::Object(claims)]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = self.key.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn header(config: &JwtConfig, host: &Lent<'_>) -> Result<Value, AuthError> {
    let algorithm = match config.algorithm {
        Algorithm::Rs256 => "RS256",
        Algorithm::Ps256 => "PS256",
        Algorithm::Es256 => "ES256",
    };
    let mut header = json!({ "alg": algorithm, "typ": "JWT" });
    if let Some(id) = &config.key_id {
        header["kid"] = json!(id);
    }
    if let Some(path) = &config.certificate {
        let path = host.base.join(path);
        let read = std::fs::read_to_string(&path);
        let pem = read.map_err(|source| AuthError::Certificate { path, source })?;
        let der = block(&pem, "CERTIFICATE");
        let der =
            der.ok_or_else(|| wrong("certificate", "names a file that is no PEM certificate"))?;
        let thumbprint = digest::digest(&digest::SHA256, &der);
        header["x5t#S256"] = json!(URL_SAFE_NO_PAD.encode(thumbprint));
    }
    Ok(header)
}

impl Key {
    fn read(algorithm: Algorithm, pem: &str) -> Result<Self, AuthError> {
        // An environment variable often holds the two signs that its line breaks are written by.
        let pem = &pem.replace("\\n", "\n");
        let key = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => {
                let modern = block(pem, "PRIVATE KEY");
                let modern = modern.and_then(|der| RsaKeyPair::from_pkcs8(&der).ok());
                let older = || RsaKeyPair::from_der(&block(pem, "RSA PRIVATE KEY")?).ok();
                modern
                    .or_else(older)
                    .map(|key| Self::Rsa(key, algorithm))
                    .ok_or("RSA key of 2048 to 4096 bits")
            }
            Algorithm::Es256 => {
                let way = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let der = block(pem, "PRIVATE KEY");
                der.and_then(|der| EcdsaKeyPair::from_pkcs8(way, &der, &SystemRandom::new()).ok())
                    .map(Self::P256)
                    .ok_or("key on the curve P-256")
            }
        };
        key.map_err(|wanted| {
            let what = kind(pem);
            let why = format!(
                "names {what}; what is wanted is a private {wanted}, in PEM, as PKCS #8 and not encrypted. `openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW` makes that of other kinds of PEM"
            );
            wrong("key", &why)
        })
    }

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key, algorithm) => {
                let padding: &'static dyn RsaEncoding = match algorithm {
                    Algorithm::Ps256 => &RSA_PSS_SHA256,
                    Algorithm::Rs256 | Algorithm::Es256 => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(padding, &random, text, &mut signature)?;
                Ok(signature)
            }
            Self::P256(key) => Ok(key.sign(&random, text)?.as_ref().to_vec()),
        }
    }
}

/// What the first block of this label holds.
fn block(pem: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}

/// What a text that should be a key is, without showing any of it.
fn kind(pem: &str) -> &'static str {
    let labels = [
        ("ENCRYPTED PRIVATE KEY", "a key that is encrypted"),
        ("RSA PRIVATE KEY", "an RSA key in PKCS #1"),
        ("EC PRIVATE KEY", "an elliptic key in SEC 1"),
        ("OPENSSH PRIVATE KEY", "a key of OpenSSH"),
        ("PRIVATE KEY", "another kind of key, or one that is damaged"),
        ("PUBLIC KEY", "a public key"),
        ("CERTIFICATE", "a certificate"),
    ];
    let found = labels
        .iter()
        .find(|(label, _)| pem.contains(&format!("-----BEGIN {label}-----")));
    found.map_or("what is no PEM", |(_, what)| what)
}
