//! OAuth 1 (RFC 5849): each request signed, by HMAC-SHA256. The parameters of a form in the body would have to be signed too; what is
//! sent here is JSON, and is not.

use super::{AuthError, Lent, Oauth1Config, encoded, header, random, wrong};
use crate::failure::TransportError;
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::Clock;
use ledger::hash::hex;
use reqwest::header::HeaderValue;
use reqwest::{Method, Url};
use ring::hmac;
use std::sync::Arc;

/// What signs requests.
#[derive(Debug)]
pub(super) struct Signer {
    consumer: Secret,
    token: Secret,
    key: hmac::Key,
    realm: Option<String>,
    clock: Arc<dyn Clock>,
}

impl Signer {
    pub(super) fn new(config: Oauth1Config, host: &Lent<'_>) -> Result<Self, AuthError> {
        let stands = |realm: &String| !realm.contains(['"', '\\']);
        if !config.realm.as_ref().is_none_or(stands) {
            return Err(wrong("realm", "holds quotes or backslashes; take them out"));
        }
        // Whether it can stand in a header is asked before anything is to be sent.
        header("realm", config.realm.as_deref().unwrap_or_default())?;
        let consumer_secret = host.read(&config.consumer_secret)?;
        let token_secret = host.read(&config.token_secret)?;
        Ok(Self {
            consumer: host.read(&config.consumer_key)?,
            token: host.read(&config.token)?,
            key: key(consumer_secret.reveal(), token_secret.reveal()),
            realm: config.realm,
            clock: Arc::clone(host.clock),
        })
    }

    /// The header that signs this request.
    pub(super) fn sign(&self, method: &Method, url: &Url) -> Result<HeaderValue, TransportError> {
        let broken = |source: Box<dyn std::error::Error + Send + Sync>| {
            let peer = url.host_str().unwrap_or_default().to_owned();
            let what = "signing a request".to_owned();
            TransportError::Unreachable { peer, what, source }
        };
        let nonce = random().map_err(|error| broken(error.into()))?;
        let said = self.said(
            method,
            url,
            &self.clock.now().timestamp().to_string(),
            &hex(&nonce),
        );
        header("oauth1", &said).map_err(|error| broken(error.into()))
    }

    fn said(&self, method: &Method, url: &Url, stamp: &str, nonce: &str) -> String {
        let own = [
            ("oauth_consumer_key", self.consumer.reveal()),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", "HMAC-SHA256"),
            ("oauth_timestamp", stamp),
            ("oauth_token", self.token.reveal()),
            ("oauth_version", "1.0"),
        ];
        let signed = hmac::sign(&self.key, base_string(method, url, &own).as_bytes());
        let signature = STANDARD.encode(signed);
        let realm = self
            .realm
            .as_ref()
            .map(|realm| format!("realm=\"{realm}\""));
        let own = own.into_iter().chain([("oauth_signature", &*signature)]);
        let own = own.map(|(name, value)| format!("{name}=\"{}\"", encoded(value)));
        let all: Vec<String> = realm.into_iter().chain(own).collect();
        format!("OAuth {}", all.join(", "))
    }
}

fn key(consumer_secret: &str, token_secret: &str) -> hmac::Key {
    let both = format!("{}&{}", encoded(consumer_secret), encoded(token_secret));
    hmac::Key::new(hmac::HMAC_SHA256, both.as_bytes())
}

/// What is signed (RFC 5849, 3.4.1): method, address without query, and all parameters in one order.
fn base_string(method: &Method, url: &Url, own: &[(&str, &str)]) -> String {
    let asked = url.query_pairs();
    let asked = asked.map(|(name, value)| (encoded(&name), encoded(&value)));
    let own = own.iter();
    let own = own.map(|(name, value)| (encoded(name), encoded(value)));
    let mut all: Vec<(String, String)> = asked.chain(own).collect();
    all.sort();
    let pairs: Vec<String> = all
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut address = url.clone();
    address.set_query(None);
    address.set_fragment(None);
    format!(
        "{}&{}&{}",
        method.as_str(),
        encoded(address.as_str()),
        encoded(&pairs.join("&"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::FixedClock;

    #[test]
    fn what_is_signed_is_what_the_rfc_says() {
        // RFC 5849, 3.4.1.1; `c2` and the second `a3` stand in its form.
        let url = "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b";
        let own = [
            ("c2", ""),
            ("a3", "2 q"),
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
        ];
        assert_eq!(
            base_string(&Method::POST, &Url::parse(url).unwrap(), &own),
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
        let address = |url: &str| {
            let base = base_string(&Method::GET, &Url::parse(url).unwrap(), &[]);
            base.split('&').nth(1).unwrap().to_owned()
        };
        assert_eq!(
            address("https://www.example.net:8080/?q=1"),
            "https%3A%2F%2Fwww.example.net%3A8080%2F"
        );
        assert_eq!(
            address("https://1234567-sb1.suitetalk.api.example:443/a%20b/c"),
            "https%3A%2F%2F1234567-sb1.suitetalk.api.example%2Fa%2520b%2Fc"
        );
    }

    #[test]
    fn a_request_is_signed_as_another_program_signs_it() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let signer = Signer {
            consumer: secret("ck"),
            token: secret("tk"),
            key: key("c&s", "t s/+"),
            realm: Some("1234567_SB1".to_owned()),
            clock: Arc::new(FixedClock("2026-02-01T08:00:00Z".parse().unwrap())),
        };
        let url = Url::parse("https://erp.example/journal?q=a%20b+c&limit=5").unwrap();
        // By hashlib, hmac and urllib.parse.quote of Python.
        let signature = "seqHk%2BcHvuwfbIXgH6776umIDJcvonqskib1Q9eADwg%3D";
        assert_eq!(
            signer.said(&Method::POST, &url, "1769932800", "n0nce"),
            format!(
                "OAuth realm=\"1234567_SB1\", oauth_consumer_key=\"ck\", oauth_nonce=\"n0nce\", oauth_signature_method=\"HMAC-SHA256\", oauth_timestamp=\"1769932800\", oauth_token=\"tk\", oauth_version=\"1.0\", oauth_signature=\"{signature}\""
            )
        );
        let (one, two) = (
            signer.sign(&Method::GET, &url),
            signer.sign(&Method::GET, &url),
        );
        assert_ne!(one.unwrap(), two.unwrap(), "no request is signed twice");
    }
}
