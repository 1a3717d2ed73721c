//! Where we may connect to: nowhere but public addresses, unless the operator says otherwise. A customer's URL must
//! not reach our own machine, its network or a cloud's metadata (server-side request forgery).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use url::{Host, Url};

use super::cidr::Cidr;

/// The longest URL we accept, in characters.
const LONGEST_URL: usize = 2083;

/// What the operator allows beyond https to public addresses.
#[expect(clippy::struct_field_names, reason = "the names are those of the settings")]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// Loopback, private and unique-local networks, for development. Everything else that is forbidden stays so.
    pub allow_private: bool,
    pub allow_http: bool,
    /// Networks that are allowed whatever they are.
    pub allow_networks: Vec<Cidr>,
}

/// An address that we do not connect to, and what it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{address} is not public ({network})")]
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
            (Some((network, _)), _) if self.policy.allow_private && PRIVATE.contains(network) => {
                return Ok(());
            }
            (Some((_, name)), _) => name,
            (None, IpAddr::V6(address)) if !is_global_unicast(address) => "not global unicast",
            (None, IpAddr::V4(_) | IpAddr::V6(_)) => return Ok(()),
        };
        Err(Forbidden { address: canonical, network })
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

fn is_global_unicast(address: Ipv6Addr) -> bool {
    Cidr::v6(0x2000, 0, 0, 3).contains(IpAddr::V6(address))
}

const LOOPBACK_V6: Cidr = Cidr::v6_host(Ipv6Addr::LOCALHOST);

/// What `allow_private` opens.
const PRIVATE: [Cidr; 6] = [
    Cidr::v4(127, 0, 0, 8),
    Cidr::v4(10, 0, 0, 8),
    Cidr::v4(172, 16, 0, 12),
    Cidr::v4(192, 168, 0, 16),
    LOOPBACK_V6,
    Cidr::v6(0xfc00, 0, 0, 7),
];

/// The special-purpose networks of the IANA registries (RFC 6890). IPv6 outside `2000::/3` is refused besides.
const FORBIDDEN: [(Cidr, &str); 32] = [
    (Cidr::v4(0, 0, 0, 8), "this network"),
    (Cidr::v4(10, 0, 0, 8), "private"),
    (Cidr::v4(100, 64, 0, 10), "carrier-grade NAT"),
    (Cidr::v4(127, 0, 0, 8), "loopback"),
    (Cidr::v4(169, 254, 0, 16), "link-local"),
    (Cidr::v4(172, 16, 0, 12), "private"),
    (Cidr::v4(192, 0, 0, 24), "protocol assignments"),
    (Cidr::v4(192, 0, 2, 24), "documentation"),
    (Cidr::v4(192, 88, 99, 24), "6to4 relay"),
    (Cidr::v4(192, 168, 0, 16), "private"),
    (Cidr::v4(198, 18, 0, 15), "benchmarking"),
    (Cidr::v4(198, 51, 100, 24), "documentation"),
    (Cidr::v4(203, 0, 113, 24), "documentation"),
    (Cidr::v4(224, 0, 0, 4), "multicast"),
    (Cidr::v4(240, 0, 0, 4), "reserved"),
    (Cidr::v6_host(Ipv6Addr::UNSPECIFIED), "unspecified"),
    (LOOPBACK_V6, "loopback"),
    (Cidr::v6(0, 0, 0, 96), "IPv4-compatible"),
    (Cidr::v6(0x64, 0xff9b, 0, 96), "NAT64"),
    (Cidr::v6(0x64, 0xff9b, 1, 48), "local NAT64"),
    (Cidr::v6(0x100, 0, 0, 64), "discard"),
    (Cidr::v6(0x2001, 0, 0, 32), "Teredo"),
    (Cidr::v6(0x2001, 2, 0, 48), "benchmarking"),
    (Cidr::v6(0x2001, 0x10, 0, 28), "ORCHID"),
    (Cidr::v6(0x2001, 0xdb8, 0, 32), "documentation"),
    (Cidr::v6(0x2002, 0, 0, 16), "6to4"),
    (Cidr::v6(0x3fff, 0, 0, 20), "documentation"),
    (Cidr::v6(0x5f00, 0, 0, 16), "SRv6"),
    (Cidr::v6(0xfc00, 0, 0, 7), "unique-local"),
    (Cidr::v6(0xfe80, 0, 0, 10), "link-local"),
    (Cidr::v6(0xfec0, 0, 0, 10), "site-local"),
    (Cidr::v6(0xff00, 0, 0, 8), "multicast"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allow_private: bool, allow_http: bool, networks: &[&str]) -> Guard {
        let allow_networks = networks.iter().map(|text| text.parse().unwrap()).collect();
        Guard::new(Policy { allow_private, allow_http, allow_networks })
    }

    fn kind(guard: &Guard, address: &str) -> Option<&'static str> {
        guard.permit(address.parse().unwrap()).err().map(|forbidden| forbidden.network)
    }

    /// First and last address of each forbidden network, and by what name it is refused.
    const CASES: [(&str, &str, &str); 33] = [
        ("0.0.0.0", "0.255.255.255", "this network"),
        ("10.0.0.0", "10.255.255.255", "private"),
        ("100.64.0.0", "100.127.255.255", "carrier-grade NAT"),
        ("127.0.0.0", "127.255.255.255", "loopback"),
        ("169.254.0.0", "169.254.169.254", "link-local"),
        ("172.16.0.0", "172.31.255.255", "private"),
        ("192.0.0.0", "192.0.0.255", "protocol assignments"),
        ("192.0.2.0", "192.0.2.255", "documentation"),
        ("192.88.99.0", "192.88.99.255", "6to4 relay"),
        ("192.168.0.0", "192.168.255.255", "private"),
        ("198.18.0.0", "198.19.255.255", "benchmarking"),
        ("198.51.100.0", "198.51.100.255", "documentation"),
        ("203.0.113.0", "203.0.113.255", "documentation"),
        ("224.0.0.0", "239.255.255.255", "multicast"),
        ("240.0.0.0", "255.255.255.255", "reserved"),
        ("::", "::", "unspecified"),
        ("::1", "::1", "loopback"),
        ("::2", "::8.8.8.8", "IPv4-compatible"),
        ("64:ff9b::", "64:ff9b::ffff:ffff", "NAT64"),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "local NAT64"),
        ("100::", "100::ffff:ffff:ffff:ffff", "discard"),
        ("2001::", "2001:0:ffff::1", "Teredo"),
        ("2001:2::", "2001:2:0:ffff::", "benchmarking"),
        ("2001:10::", "2001:1f:ffff::", "ORCHID"),
        ("2001:db8::", "2001:db8:ffff::1", "documentation"),
        ("2002::", "2002:ffff::1", "6to4"),
        ("3fff::", "3fff:fff::1", "documentation"),
        ("5f00::", "5f00:ffff::1", "SRv6"),
        ("fc00::", "fdff:ffff::1", "unique-local"),
        ("fe80::", "febf:ffff::1", "link-local"),
        ("fec0::", "feff:ffff::1", "site-local"),
        ("ff00::", "ffff:ffff::1", "multicast"),
        ("4000::", "64:ff9a::1", "not global unicast"),
    ];

    #[test]
    fn every_special_network_is_refused_from_end_to_end() {
        let strict = guard(false, false, &[]);
        for (first, last, name) in CASES {
            assert_eq!(
                (kind(&strict, first), kind(&strict, last)),
                (Some(name), Some(name)),
                "{first} {last}"
            );
        }
        for (network, name) in FORBIDDEN {
            assert!(
                CASES
                    .iter()
                    .any(|(first, _, kind)| network.contains(first.parse().unwrap()) && *kind == name),
                "{network}"
            );
        }
    }

    #[test]
    fn neighbours_of_special_networks_are_public() {
        let strict = guard(false, false, &[]);
        let public = [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "8.8.8.8",
            "2606:4700::1111",
            "2001:4860::8888",
            "2003::1",
            "::ffff:8.8.8.8",
        ];
        for address in public {
            assert_eq!(kind(&strict, address), None, "{address}");
        }
    }

    #[test]
    fn mapped_addresses_are_judged_as_what_they_are() {
        let strict = guard(false, false, &[]);
        assert_eq!(kind(&strict, "::ffff:127.0.0.1"), Some("loopback"));
        assert_eq!(kind(&strict, "::ffff:a9fe:a9fe"), Some("link-local"));
        assert_eq!(kind(&guard(false, false, &["10.0.0.0/8"]), "::ffff:10.1.1.1"), None);
    }

    #[test]
    fn operators_can_open_networks() {
        let development = guard(true, true, &[]);
        for address in ["127.0.0.1", "::1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "fd00::1"] {
            assert_eq!(kind(&development, address), None, "{address}");
        }
        for address in ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1", "100.64.0.1", "64:ff9b::7f00:1"]
        {
            assert!(kind(&development, address).is_some(), "{address}");
        }
        let narrow = guard(false, false, &["10.1.0.0/16"]);
        assert_eq!((kind(&narrow, "10.1.2.3"), kind(&narrow, "10.2.2.3")), (None, Some("private")));
    }

    #[test]
    fn urls_are_checked_at_once() {
        let strict = guard(false, false, &[]);
        let problem = |text: &str| strict.check_url(text).unwrap_err();
        let address = |text: &str| match problem(text) {
            UrlProblem::Forbidden(forbidden) => forbidden.address.to_string(),
            other => panic!("{text}: {other}"),
        };
        assert!(strict.check_url("https://bot.example/hook?a=b#c").is_ok());
        assert!(strict.check_url("https://8.8.8.8:8443/").is_ok());
        assert_eq!(problem("http://bot.example/"), UrlProblem::NotHttps);
        assert_eq!(problem("ftp://bot.example/"), UrlProblem::NotHttps);
        assert_eq!(guard(false, true, &[]).check_url("file:///etc/passwd"), Err(UrlProblem::NotHttp));
        assert_eq!(problem("https://user@bot.example/"), UrlProblem::Credentials);
        for text in [
            "",
            "bot.example",
            "https://",
            "https://a b/",
            "https://a\n.example/",
            " https://a.example",
            "https://[::1",
        ] {
            assert_eq!(problem(text), UrlProblem::Malformed, "{text}");
        }
        for text in [
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://localhost:3000/",
            "https://a.LOCALHOST./",
        ] {
            assert_eq!(address(text), "127.0.0.1", "{text}");
        }
        assert_eq!(address("https://[::ffff:169.254.169.254]/latest"), "169.254.169.254");
        assert_eq!(address("https://１２７.0.0.1/"), "127.0.0.1");
        let long = format!("https://a.example/{}", "x".repeat(LONGEST_URL - 18));
        assert!(strict.check_url(&long).is_ok());
        assert_eq!(problem(&format!("{long}x")), UrlProblem::TooLong);
    }
}
