//! Where we may connect to: nowhere but public addresses, unless the operator says otherwise. A customer's URL must
//! not reach our own machine, its network or a cloud's metadata (server-side request forgery).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use url::{Host, Url};

/// The longest URL we accept, in characters.
const LONGEST_URL: usize = 2083;

/// What the operator allows beyond https to public addresses.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// Loopback, private and unique-local networks, for development. Everything else that is forbidden stays so.
    pub allow_private: bool,
    pub allow_http: bool,
    /// Networks that are allowed whatever they are.
    pub allow_networks: Vec<Cidr>,
}

/// A network: an address and how many of its leading bits count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

/// A text that is no network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a network is an address with or without a prefix length, like 10.0.0.0/8")]
pub struct NoCidr;

/// An address that we do not connect to, and what it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{address} is not a public address ({network})")]
pub struct Forbidden {
    pub address: IpAddr,
    /// Its kind, in a word or two.
    pub network: &'static str,
}

/// Why a URL cannot be used. The sentence is meant for whoever sent it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UrlProblem {
    #[error("must be a URL")]
    Malformed,
    #[error("must not be longer than 2083 characters")]
    TooLong,
    #[error("must begin with https://")]
    NotHttps,
    #[error("must begin with http:// or https://")]
    NotHttp,
    #[error("must not contain a user name or password")]
    Credentials,
    #[error("must point to a public address: {0}")]
    Forbidden(Forbidden),
}

/// Applies a [`Policy`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Guard {
    policy: Arc<Policy>,
}

impl Guard {
    pub fn new(policy: Policy) -> Self {
        Self { policy: Arc::new(policy) }
    }

    /// Reads a customer's URL and says at once what is wrong with it; what its name resolves to is seen later.
    pub fn check_url(&self, text: &str) -> Result<Url, UrlProblem> {
        if text.chars().nth(LONGEST_URL).is_some() {
            return Err(UrlProblem::TooLong);
        }
        // The parser would drop these silently, and what we show would not be what we call.
        if text.contains(|it: char| it.is_control() || it.is_whitespace()) {
            return Err(UrlProblem::Malformed);
        }
        let url = Url::parse(text).map_err(|_| UrlProblem::Malformed)?;
        self.check(&url)?;
        Ok(url)
    }

    /// The part of [`Guard::check_url`] that depends on the policy; asked before every request.
    pub fn check(&self, url: &Url) -> Result<(), UrlProblem> {
        match url.scheme() {
            "https" => (),
            "http" if self.policy.allow_http => (),
            _ if self.policy.allow_http => return Err(UrlProblem::NotHttp),
            _ => return Err(UrlProblem::NotHttps),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlProblem::Credentials);
        }
        let address = match url.host().ok_or(UrlProblem::Malformed)? {
            // The parser has already turned decimal, octal and hexadecimal forms into addresses.
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
            Host::Domain(name) if is_localhost(name) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Host::Domain(_) => return Ok(()),
        };
        self.permit(address).map_err(UrlProblem::Forbidden)
    }

    /// Whether we may connect to `address`.
    pub fn permit(&self, address: IpAddr) -> Result<(), Forbidden> {
        let canonical = address.to_canonical();
        if self.policy.allow_networks.iter().any(|network| network.contains(canonical)) {
            return Ok(());
        }
        let found = FORBIDDEN.iter().find(|(network, _)| network.contains(canonical));
        let network = match (found, canonical) {
            (Some((network, _)), _) if self.policy.allow_private && PRIVATE.contains(network) => return Ok(()),
            (Some((_, name)), _) => name,
            (None, IpAddr::V6(address)) if !is_global_unicast(address) => "not global unicast",
            (None, IpAddr::V4(_) | IpAddr::V6(_)) => return Ok(()),
        };
        Err(Forbidden { address: canonical, network })
    }
}

impl Cidr {
    const fn v4(a: u8, b: u8, c: u8, bits: u8) -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::new(a, b, c, 0)), bits }
    }

    const fn v6(a: u16, b: u16, c: u16, bits: u8) -> Self {
        Self { address: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), bits }
    }

    /// Whether `address` is in the network; IPv4 is never in IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = NoCidr;

    fn from_str(text: &str) -> Result<Self, NoCidr> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| NoCidr)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| NoCidr)?;
        if bits <= most { Ok(Self { address, bits }) } else { Err(NoCidr) }
    }
}

impl TryFrom<String> for Cidr {
    type Error = NoCidr;

    fn try_from(text: String) -> Result<Self, NoCidr> {
        text.parse()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

fn is_global_unicast(address: Ipv6Addr) -> bool {
    Cidr::v6(0x2000, 0, 0, 3).contains(IpAddr::V6(address))
}

/// What `allow_private` opens.
const PRIVATE: [Cidr; 6] = [
    Cidr::v4(127, 0, 0, 8),
    Cidr::v4(10, 0, 0, 8),
    Cidr::v4(172, 16, 0, 12),
    Cidr::v4(192, 168, 0, 16),
    Cidr::v6(0, 0, 0, 128),
    Cidr::v6(0xfc00, 0, 0, 7),
];
const FORBIDDEN: [(Cidr, &str); 0] = [];
