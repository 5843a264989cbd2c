//! Connections: so many at once, each for so long, encrypted where the configuration says so.
//!
//! A peer that is slow costs one of the connections for some seconds and nothing else. Every stage ends by
//! itself: the handshake and a request's head (also the rest between two requests) after `idle_seconds`, the
//! body and the answer after `body_seconds`, a connection as a whole after [`OLDEST`].

use super::live::Server;
use anyhow::{Context as _, ensure};
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use office::config::http::{Limits, TlsConfig};
use office::metric;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// The longest that a connection is kept, however busy: load finds its way to other instances.
const OLDEST: Duration = Duration::from_mins(10);

/// The largest head of a request.
const MAX_HEAD: usize = 32 << 10;

/// How long, and for how many bytes, a peer that was refused may still send before the connection is cut:
/// cut at once, many would never read why.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 1 << 20);

/// How long a listener rests that cannot accept, for example without file descriptors.
const REST: Duration = Duration::from_millis(100);

/// What one who comes when all connections are taken is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{\"error\":\"all connections are taken; come again\"}\n";

/// A place where connections come in.
pub(crate) struct Listener {
    socket: TcpListener,
    router: Router,
    server: Server,
    limits: Limits,
    /// Never encrypted.
    pub(crate) plain: bool,
}

impl Listener {
    /// Takes the address.
    pub(crate) async fn bind(
        address: SocketAddr,
        router: Router,
        server: Server,
        limits: Limits,
    ) -> anyhow::Result<Self> {
        let socket = TcpListener::bind(address)
            .await
            .with_context(|| format!("http: `{address}` cannot be listened on"))?;
        tracing::info!(address = %socket.local_addr()?, "listening");
        Ok(Self {
            socket,
            router,
            server,
            limits,
            plain: false,
        })
    }

    /// Serves until `stop` says so, and then until the requests that have begun are answered.
    pub(crate) async fn serve(self, mut stop: watch::Receiver<bool>) {
        let free = Arc::new(Semaphore::new(self.limits.connections));
        let stopped = stop.clone();
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = told(&mut stop) => break,
                Some(_ended) = open.join_next() => {}
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, _peer)) => self.welcome(stream, &free, &stopped, &mut open),
                    Err(error) => {
                        tracing::warn!(%error, "no connection can be accepted");
                        sleep(REST).await;
                    }
                },
            }
        }
        drop(self.socket);
        while open.join_next().await.is_some() {}
    }

    fn welcome(
        &self,
        stream: TcpStream,
        free: &Arc<Semaphore>,
        stop: &watch::Receiver<bool>,
        open: &mut JoinSet<()>,
    ) {
        let tls = self.server.live().tls.clone().filter(|_| !self.plain);
        let Ok(permit) = Arc::clone(free).try_acquire_owned() else {
            metric::http_refused("connections");
            if tls.is_none() {
                refuse(stream);
            }
            return;
        };
        let talk = Talk {
            router: self.router.clone(),
            limits: self.limits,
            stop: stop.clone(),
            _permit: permit,
        };
        open.spawn(async move {
            let Some(tls) = tls else {
                return talk.run(stream).await;
            };
            match timeout(talk.limits.idle(), tls.accept(stream)).await {
                Ok(Ok(stream)) => talk.run(stream).await,
                Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
                Err(_elapsed) => tracing::debug!("a handshake took too long"),
            }
        });
    }
}

/// Returns when it is time to stop. That the daemon is gone is a stop too.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _gone = stop.wait_for(|stop| *stop).await;
}

/// Best effort: the peer gets its answer if it is still there, and the connection is closed either way.
fn refuse(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        let _gone = io::Write::write(&mut stream, FULL);
        let _gone = stream.shutdown(std::net::Shutdown::Write);
    }
}

/// One connection.
struct Talk {
    router: Router,
    limits: Limits,
    stop: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Talk {
    async fn run<S: AsyncRead + AsyncWrite + Unpin + Send>(mut self, stream: S) {
        let service = TowerToHyperService::new(self.router);
        // Boxed, because hyper wants a future that can be moved where the stream is wanted back.
        let service =
            service_fn(move |request: hyper::Request<Incoming>| Box::pin(service.call(request)));
        let mut talk = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.idle())
            .max_buf_size(MAX_HEAD)
            .serve_connection(
                TokioIo::new(Writing::new(stream, self.limits.body())),
                service,
            );
        let mut oldest = pin!(sleep(OLDEST));
        let mut last = false;
        let ended = loop {
            tokio::select! {
                ended = poll_fn(|cx| talk.poll_without_shutdown(cx)) => break ended,
                () = told(&mut self.stop), if !last => last = true,
                () = &mut oldest, if !last => last = true,
            }
            Pin::new(&mut talk).graceful_shutdown();
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
        linger(talk.into_parts().io.into_inner()).await;
    }
}

/// Ends the answer, and hears the peer out for a moment.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let hear_out = async {
        stream.shutdown().await?;
        let (mut buffer, mut left) = ([0; 8 << 10], LINGER.1);
        while left > 0 {
            match stream.read(&mut buffer).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        io::Result::Ok(())
    };
    // Whatever happens, the connection is cut next.
    let _cut = timeout(LINGER.0, hear_out).await;
}

/// A stream whose peer has to take what is written to it within a time.
struct Writing<S> {
    stream: S,
    limit: Duration,
    waits: Option<Pin<Box<Sleep>>>,
}

impl<S: Unpin> Writing<S> {
    const fn new(stream: S, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            waits: None,
        }
    }

    fn within<T>(
        &mut self,
        cx: &mut Context<'_>,
        attempt: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            self.waits = None;
            return attempt;
        }
        let limit = self.limit;
        let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(limit)));
        match waits.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Writing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Writing<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.within(cx, attempt)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_flush(cx);
        self.within(cx, attempt)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.within(cx, attempt)
    }
}

/// Reads certificate and key.
pub(crate) fn certificates(config: &TlsConfig, base: &Path) -> anyhow::Result<TlsAcceptor> {
    let path = base.join(&config.certificate);
    let at = || format!("http.tls.certificate: `{}`", path.display());
    let chain = CertificateDer::pem_file_iter(&path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(at)?;
    ensure!(!chain.is_empty(), "{} holds no certificate in PEM", at());
    let key = config.key.below(base).read().context("http.tls.key")?;
    // The error is left out: what it says could show the key.
    let key = PrivateKeyDer::from_pem_slice(key.reveal().as_bytes())
        .map_err(|_unreadable| anyhow::anyhow!("http.tls.key holds no private key in PEM"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("http.tls: certificate and key do not go together")?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(tls)))
}
