//! TLS to `PostgreSQL`: what a database URL says about it, in the words of libpq, and the stream that the driver then
//! uses. The driver knows `sslmode=disable`, `prefer` (which it takes where none is given) and `require`; whom to trust is
//! decided here:
//!
//! | `sslmode` | `sslrootcert` | the server's certificate |
//! |---|---|---|
//! | `prefer`, `require` | | is not looked at: nobody listens in, but anybody can be the server |
//! | `require`, `verify-ca` | a file | must come from a certificate of the file |
//! | `verify-full` | a file | the same, and it must be made out to the host's name |
//! | `verify-full` | none, or `system` | the same, by the roots of the system |

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

/// Whom to trust.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Trust {
    Anybody,
    System,
    File { path: String, by_name: bool },
}

/// How to connect to the database at `url`, and by which TLS.
pub fn read(url: &str) -> anyhow::Result<(tokio_postgres::Config, Tls)> {
    let (url, trust) = split(url)?;
    let mut config = tokio_postgres::Config::from_str(&url)?;
    notice_silence(&mut config, &url);
    Ok((config, Tls(Arc::new(client(&trust)?))))
}

/// A server that is gone without a word is noticed within seconds, where `url` does not say otherwise. The system's own
/// limits are of minutes and hours.
fn notice_silence(config: &mut tokio_postgres::Config, url: &str) {
    let is_silent_about = |name: &str| !url.contains(&format!("{name}="));
    let second = Duration::from_secs(1);
    if is_silent_about("connect_timeout") {
        config.connect_timeout(5 * second);
    }
    if is_silent_about("keepalives_idle") {
        config.keepalives_idle(5 * second);
    }
    if is_silent_about("keepalives_interval") {
        config.keepalives_interval(2 * second);
    }
    if is_silent_about("keepalives_retries") {
        config.keepalives_retries(3);
    }
    if is_silent_about("tcp_user_timeout") {
        config.tcp_user_timeout(10 * second);
    }
}

/// The URL as the driver reads it, and what it does not know.
fn split(url: &str) -> anyhow::Result<(String, Trust)> {
    let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let Some((place, query)) = url.split_once('?').filter(|_| is_url) else {
        return Ok((url.to_owned(), Trust::Anybody));
    };
    let (mut mode, mut root, mut rest) = (String::new(), None, Vec::new());
    for pair in query.split('&') {
        // A plus means itself here.
        let read = url::form_urlencoded::parse(pair.replace('+', "%2B").as_bytes()).into_owned().next();
        match read {
            Some((name, value)) if name == "sslmode" => mode = value,
            Some((name, value)) if name == "sslrootcert" => {
                root = Some(value).filter(|text| !text.is_empty());
            }
            Some(_) | None => rest.push(pair.to_owned()),
        }
    }
    let (trust, driven) = trust(&mode, root)?;
    if !driven.is_empty() {
        rest.push(format!("sslmode={driven}"));
    }
    Ok((format!("{place}?{}", rest.join("&")), trust))
}

/// Whom to trust, and the mode that the driver knows for it.
fn trust(mode: &str, root: Option<String>) -> anyhow::Result<(Trust, &str)> {
    let is_system = root.as_deref() == Some("system");
    Ok(match (mode, root) {
        ("verify-full", None) => (Trust::System, "require"),
        ("verify-full", Some(_)) if is_system => (Trust::System, "require"),
        (_, Some(_)) if is_system => bail!("sslrootcert=system needs sslmode=verify-full"),
        ("verify-full", Some(path)) => (Trust::File { path, by_name: true }, "require"),
        ("verify-ca" | "require", Some(path)) => (Trust::File { path, by_name: false }, "require"),
        ("verify-ca", None) => bail!("sslmode=verify-ca needs sslrootcert, the file of a certificate"),
        (other, _) => (Trust::Anybody, other),
    })
}

fn client(trust: &Trust) -> anyhow::Result<ClientConfig> {
    let (path, by_name) = match trust {
        Trust::System => return Ok(crate::net::tls()),
        Trust::Anybody => (None, false),
        Trust::File { path, by_name } => (Some(path), *by_name),
    };
    let provider = Arc::new(ring::default_provider());
    let roots = path.map(|path| roots(Path::new(path))).transpose()?;
    let chains = roots.as_deref().map(|roots| by_chain(roots, &provider)).transpose()?;
    let roots = roots.unwrap_or_default();
    let verifier = Verifier { provider: Arc::clone(&provider), chains, roots, by_name };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("ring speaks TLS 1.2 and 1.3")?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn roots(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let roots = read.map_err(|error| anyhow::anyhow!("{error}"));
    let roots = roots.with_context(|| format!("reading sslrootcert={}", path.display()))?;
    ensure!(!roots.is_empty(), "there is no certificate in sslrootcert={}", path.display());
    Ok(roots)
}

fn by_chain(
    roots: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> anyhow::Result<Arc<WebPkiServerVerifier>> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).context("a certificate of sslrootcert")?;
    }
    Ok(WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider)).build()?)
}

/// Looks at the server's certificate as far as the URL asks for it.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// Nothing, where anybody is trusted.
    chains: Option<Arc<WebPkiServerVerifier>>,
    roots: Vec<CertificateDer<'static>>,
    by_name: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chains) = &self.chains else { return Ok(ServerCertVerified::assertion()) };
        // Who signed its own certificate shows the very one that is trusted. As the end of a chain it would be refused.
        let found = if self.roots.contains(end_entity) {
            rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)
        } else {
            let found = chains.verify_server_cert(end_entity, intermediates, name, ocsp, now);
            found.map(drop).map_err(named)
        };
        match found {
            Err(error) if self.by_name || !is_about_the_name(&error) => Err(error),
            Ok(()) | Err(_) => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A certificate that somebody signed for themselves has no name of its own among the errors.
fn named(error: rustls::Error) -> rustls::Error {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other))
            if other.to_string().contains("CaUsedAsEndEntity") =>
        {
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)
        }
        other => other,
    }
}

/// Whether a certificate is good, and only made out to somebody else.
const fn is_about_the_name(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    )
}

/// Makes TLS out of the driver's connections.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

/// The same for one connection, to the host of this name.
pub struct Handshake {
    config: Arc<ClientConfig>,
    host: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Tls {
    type Stream = Encrypted<S>;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Handshake> {
        Ok(Handshake { config: Arc::clone(&self.0), host: host.to_owned() })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Handshake {
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let name = ServerName::try_from(self.host).map_err(io::Error::other)?;
            TlsConnector::from(self.config).connect(name, stream).await.map(Encrypted)
        })
    }
}

/// A connection inside TLS.
pub struct Encrypted<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> (String, Trust) {
        let (url, trust) = split(&format!("postgres://user:p%3Fw@host/db{query}")).unwrap();
        (url.strip_prefix("postgres://user:p%3Fw@host/db").unwrap().to_owned(), trust)
    }

    #[test]
    fn a_url_says_whom_to_trust() {
        let file = |by_name| Trust::File { path: "/a b+c.crt".to_owned(), by_name };
        for (query, driven, trust) in [
            ("", "", Trust::Anybody),
            ("?sslmode=disable", "?sslmode=disable", Trust::Anybody),
            ("?application_name=x&sslmode=prefer", "?application_name=x&sslmode=prefer", Trust::Anybody),
            ("?sslmode=require&connect_timeout=3", "?connect_timeout=3&sslmode=require", Trust::Anybody),
            ("?sslmode=require&sslrootcert=/a%20b+c.crt", "?sslmode=require", file(false)),
            ("?sslrootcert=/a%20b+c.crt&sslmode=verify-ca", "?sslmode=require", file(false)),
            ("?sslrootcert=/a%20b+c.crt&sslmode=verify-full", "?sslmode=require", file(true)),
            ("?sslmode=verify-full", "?sslmode=require", Trust::System),
            ("?sslmode=verify-full&sslrootcert=system", "?sslmode=require", Trust::System),
        ] {
            assert_eq!(of(query), (driven.to_owned(), trust), "{query}");
        }
        for wrong in ["?sslmode=verify-ca", "?sslmode=require&sslrootcert=system", "?sslrootcert=system"] {
            assert!(split(&format!("postgres://host/db{wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (url, why) in [
            ("postgres://host/db?sslmode=sometimes", "sslmode"),
            (
                "postgres://host/db?sslmode=verify-ca&sslrootcert=/no/such.crt",
                "reading sslrootcert=/no/such.crt",
            ),
            (
                "postgres://host/db?sslmode=verify-full&sslrootcert=Cargo.toml",
                "no certificate in sslrootcert=Cargo.toml",
            ),
            ("postgres://host/db?sslcert=x", "sslcert"),
        ] {
            let error = format!("{:#}", read(url).err().expect(url));
            assert!(error.contains(why), "{url}: {error}");
        }
    }
}
