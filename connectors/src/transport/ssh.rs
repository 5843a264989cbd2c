//! A session with an SSH server, by libssh2: what exports leave by and settlement files come by.
//!
//! The host key must be the one that the configuration names: there is no trust on first use. Nothing is sent,
//! a password least of all, before it was shown.

use super::TransportError;
use crate::secret::Secret;
use ssh2::{CheckResult, KnownHostFileKind, Session};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

/// `SSH_FX_NO_SUCH_FILE` of the SFTP protocol.
pub(super) const NO_SUCH_FILE: i32 = 2;

/// The port of SSH.
pub(super) const fn default_port() -> u16 {
    22
}

/// As long a network may be silent.
pub(super) const fn default_timeout() -> u32 {
    30
}

/// A private key.
#[derive(Clone, Debug)]
pub(super) enum Key {
    /// In a file that libssh2 reads.
    File(PathBuf),
    /// As text.
    Text(Secret),
}

/// A host and who goes there.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) host_key: String,
    pub(super) timeout_seconds: u32,
    pub(super) key: Option<Key>,
    /// The passphrase of the key, or the password where there is none.
    pub(super) password: Option<Secret>,
}

impl Peer {
    /// As people call it.
    pub(super) fn name(&self) -> String {
        format!("sftp://{}@{}:{}", self.user, self.host, self.port)
    }

    pub(super) fn failed(
        &self,
        what: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> TransportError {
        TransportError::Unreachable {
            peer: self.name(),
            what: what.to_owned(),
            source: source.into(),
        }
    }

    /// Connects, looks who is there, and says who comes.
    pub(super) fn connect(&self) -> Result<Session, TransportError> {
        let timeout = Duration::from_secs(u64::from(self.timeout_seconds));
        let address = (self.host.as_str(), self.port)
            .to_socket_addrs()
            .map_err(|error| self.failed("looking up the host", error))?
            .next()
            .ok_or_else(|| self.failed("looking up the host", "it has no address"))?;
        let stream = TcpStream::connect_timeout(&address, timeout)
            .map_err(|error| self.failed("connecting", error))?;
        let mut session = Session::new().map_err(|error| self.failed("starting libssh2", error))?;
        session.set_timeout(self.timeout_seconds.saturating_mul(1000));
        session.set_tcp_stream(stream);
        session
            .handshake()
            .map_err(|error| self.failed("the SSH handshake", error))?;
        self.check_host(&session)?;
        self.authenticate(&session)?;
        Ok(session)
    }

    /// Connects and opens SFTP; the channel keeps its session.
    pub(super) fn sftp(&self) -> Result<ssh2::Sftp, TransportError> {
        let opened = self.connect()?.sftp();
        opened.map_err(|error| self.failed("opening SFTP", error))
    }

    fn check_host(&self, session: &Session) -> Result<(), TransportError> {
        let mut known = session
            .known_hosts()
            .map_err(|error| self.failed("reading host keys", error))?;
        let line = format!("[{}]:{} {}", self.host, self.port, self.host_key);
        known
            .read_str(&line, KnownHostFileKind::OpenSSH)
            .map_err(|error| self.failed("reading `host_key` of the configuration", error))?;
        let shown = session.host_key();
        let matches = shown.is_some_and(|(key, _)| {
            let found = known.check_port(&self.host, self.port, key);
            matches!(found, CheckResult::Match)
        });
        if matches {
            return Ok(());
        }
        let shown = shown.map_or_else(|| "none".to_owned(), |(_, kind)| format!("{kind:?}"));
        Err(TransportError::HostKey {
            peer: self.name(),
            shown,
        })
    }

    fn authenticate(&self, session: &Session) -> Result<(), TransportError> {
        let user = self.user.as_str();
        let secret = self.password.as_ref().map(Secret::reveal);
        match &self.key {
            Some(Key::File(path)) => session.userauth_pubkey_file(user, None, path, secret),
            Some(Key::Text(key)) => {
                session.userauth_pubkey_memory(user, None, key.reveal(), secret)
            }
            None => session.userauth_password(user, secret.unwrap_or_default()),
        }
        .map_err(|source| TransportError::Unauthorized {
            peer: self.name(),
            user: user.to_owned(),
            source: Box::new(source),
        })
    }
}
