//! Where an upstream is: a host and port, in the clear or through TLS, or a unix socket of this machine, and the path
//! under which it serves the protocol. It knows nothing of connections.

use std::fmt;
use std::path::PathBuf;

use url::{Host, Url};

/// The address of one upstream. Equal addresses are the same server.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Address {
    pub(super) place: Place,
    /// What comes before `/chat/completions`, without a slash at its end.
    pub(super) base: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Place {
    Tcp { host: String, port: u16, tls: bool },
    Socket(PathBuf),
}

/// Why a text is no address of an upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an upstream is an http or https URL up to and with /v1, without a user, a query and a fragment")]
pub struct NoAddress;

impl Address {
    /// Reads a URL such as `http://gpu-1:8000/v1`.
    pub fn parse(text: &str) -> Result<Self, NoAddress> {
        let url = Url::parse(text).map_err(|_| NoAddress)?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(NoAddress),
        };
        let bare = url.username().is_empty() && url.password().is_none();
        if !bare || url.query().is_some() || url.fragment().is_some() {
            return Err(NoAddress);
        }
        let host = match url.host().ok_or(NoAddress)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        let port = url.port_or_known_default().ok_or(NoAddress)?;
        Ok(Self { place: Place::Tcp { host, port, tls }, base: url.path().trim_end_matches('/').to_owned() })
    }

    /// The unix socket on which our own child process serves the protocol under `/v1`.
    pub fn socket(path: impl Into<PathBuf>) -> Self {
        Self { place: Place::Socket(path.into()), base: "/v1".to_owned() }
    }

    /// Whether it is a socket of our own child process.
    pub(super) fn is_child(&self) -> bool {
        match self.place {
            Place::Socket(_) => true,
            Place::Tcp { .. } => false,
        }
    }

    /// What goes into the header `Host`.
    pub(super) fn authority(&self) -> String {
        match &self.place {
            Place::Socket(_) => "localhost".to_owned(),
            Place::Tcp { host, port, tls } => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                if *port == if *tls { 443 } else { 80 } { host } else { format!("{host}:{port}") }
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Socket(path) => write!(f, "unix:{}", path.display()),
            Place::Tcp { tls, .. } => {
                write!(f, "{}://{}{}", if *tls { "https" } else { "http" }, self.authority(), self.base)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_operators_write() {
        let address = Address::parse("http://gpu-1:8000/v1/").unwrap();
        assert_eq!((address.authority().as_str(), address.base.as_str()), ("gpu-1:8000", "/v1"));
        assert_eq!(Address::parse("https://api.example.com/v1").unwrap().authority(), "api.example.com");
        assert_eq!(Address::parse("http://[::1]:8000").unwrap().authority(), "[::1]:8000");
        assert_eq!(Address::parse("http://gpu-1:8000/v1/"), Address::parse("http://gpu-1:8000/v1"));
    }

    #[test]
    fn refuses_what_it_would_have_to_ignore() {
        for text in
            ["gpu-1:8000", "ftp://a/v1", "http://me:secret@a/v1", "http://a/v1?x=1", "http://a/v1#x", ""]
        {
            assert_eq!(Address::parse(text), Err(NoAddress), "{text}");
        }
    }
}
