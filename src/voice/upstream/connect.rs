//! Opens the byte stream to an upstream: TCP without delay, TLS on top, or a unix socket. Nothing of HTTP.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::address::{Address, Place};

/// Any of the three kinds of byte stream.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

pub(super) async fn open(address: &Address) -> io::Result<Box<dyn ByteStream>> {
    match &address.place {
        Place::Socket(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        Place::Tcp { host, port, tls } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            if !tls {
                return Ok(Box::new(stream));
            }
            let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
            Ok(Box::new(connector().connect(name, stream).await?))
        }
    }
}

/// The system's roots are read once, when the first https upstream is called.
fn connector() -> TlsConnector {
    static TLS: OnceLock<Arc<rustls::ClientConfig>> = OnceLock::new();
    TlsConnector::from(Arc::clone(TLS.get_or_init(|| Arc::new(crate::net::tls()))))
}
