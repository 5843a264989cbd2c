//! SOAP as ERPs speak it, 1.1 as it is sent and 1.1 or 1.2 as it comes back.
//!
//! A fault comes with status 500, and is an answer nevertheless: one that finds the request wrong (`Client`, `Sender`) has
//! done nothing. Of any other fault, and of what is no envelope, nobody knows.

use crate::http::{Answer, Peer};
use crate::transport::TransportError;
use formats::read::xml::{Element, document};

/// The namespace of the envelope.
const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// What stands at the head of a request.
pub(super) const CONTENT: &str = "text/xml; charset=utf-8";

/// What a peer answered.
#[derive(Debug)]
pub(super) enum Reply {
    /// What its body holds.
    Body(Element),
    /// A fault.
    Fault(Fault),
    /// No envelope: a gateway before the peer refused the call, or the peer has no such service.
    Refused,
}

/// A fault.
#[derive(Debug, Default)]
pub(super) struct Fault {
    /// Its code without a prefix: `Client.validationError`.
    pub(super) code: String,
    /// What it says.
    pub(super) words: String,
    /// What it says in detail.
    pub(super) detail: Element,
}

impl Fault {
    /// Whether it finds the request wrong.
    pub(super) fn is_of_the_request(&self) -> bool {
        let first = self.code.split('.').next().unwrap_or_default();
        matches!(first, "Client" | "Sender")
    }
}

/// A request: what stands in the header and what in the body, both XML.
pub(super) fn envelope(header: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"{ENVELOPE}\">\
         <soapenv:Header>{header}</soapenv:Header><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    )
}

/// Understands an answer.
///
/// # Errors
/// [`TransportError`] where it says nothing that can be understood, so that nobody knows.
pub(super) fn understood(peer: &Peer, answer: &Answer) -> Result<Reply, TransportError> {
    let unclear = |why: &str| {
        let (status, words) = (answer.status, answer.words());
        peer.broken(format!("it answers {status}, {why}: {words}"))
    };
    let root = match document(&answer.body) {
        Ok((name, root)) if name == "Envelope" => root,
        // One that timed out, or that came too often, may come again.
        _ if !matches!(answer.status, 408 | 429) && (400..500).contains(&answer.status) => {
            return Ok(Reply::Refused);
        }
        Ok(_) => return Err(unclear("which is no envelope")),
        Err(error) => return Err(unclear(&error.to_string())),
    };
    let body = root.child("Body");
    let body = body.ok_or_else(|| unclear("an envelope without a body"))?;
    match body.child("Fault") {
        Some(found) => Ok(Reply::Fault(fault(found))),
        None if answer.is_success() => Ok(Reply::Body(body.clone())),
        None => Err(unclear("an envelope that is no fault")),
    }
}

fn fault(found: &Element) -> Fault {
    let text = |paths: [&[&str]; 2]| {
        let mut texts = paths.into_iter().filter_map(|path| found.text_at(path));
        texts.next().unwrap_or_default().to_owned()
    };
    let code = text([&["faultcode"], &["Code", "Value"]]);
    let code = code.rsplit_once(':').map_or(code.as_str(), |(_, own)| own);
    let detail = found.child("detail").or_else(|| found.child("Detail"));
    Fault {
        code: code.to_owned(),
        words: text([&["faultstring"], &["Reason", "Text"]]),
        detail: detail.cloned().unwrap_or_default(),
    }
}

/// Texts that people read, once each, on one line and not long.
pub(super) fn told<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> String {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        let text: String = text.into();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() && !all.contains(&text) {
            all.push(text);
        }
    }
    all.join("; ").chars().take(2_000).collect()
}
