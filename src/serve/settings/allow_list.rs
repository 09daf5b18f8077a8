//! Addresses that may speak for others (`--forwarded-allow-ips`).

use std::net::{IpAddr, SocketAddr};

/// Addresses and networks, or everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowList {
    everybody: bool,
    networks: Vec<Network>,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

impl AllowList {
    /// Read addresses and networks, joined with commas; `*` is everybody.
    ///
    /// # Errors
    /// In Python's words, where one is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let items = || {
            text.split(',')
                .filter(|item| !item.is_empty())
                .map(str::trim)
        };
        let networks = items().filter(|item| *item != "*").map(Network::parse);
        Ok(Self {
            everybody: items().any(|item| item == "*"),
            networks: networks.collect::<Result<_, _>>()?,
            text: text.to_owned(),
        })
    }

    /// Whether the peer is in the list; without an address, on a local socket, it always is.
    #[must_use]
    pub fn holds(&self, peer: Option<SocketAddr>) -> bool {
        let Some(peer) = peer else {
            return true;
        };
        self.everybody || self.networks.iter().any(|network| network.holds(peer.ip()))
    }

    /// As it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Network {
    /// Python's `ipaddress.ip_network`, with a prefix length or a mask.
    fn parse(text: &str) -> Result<Self, String> {
        let malformed = || format!("'{text}' does not appear to be an IPv4 or IPv6 network");
        let (address, mask) = match text.split_once('/') {
            Some((address, mask)) => (address, Some(mask)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| malformed())?;
        let bits = bits_of(address);
        let prefix = match (mask, address) {
            (None, _) => bits,
            (Some(mask), IpAddr::V4(_)) if mask.contains('.') => {
                prefix_of(mask).ok_or_else(malformed)?
            }
            (Some(mask), _) => mask.parse().map_err(|_| malformed())?,
        };
        if prefix > bits {
            return Err(malformed());
        }
        let network = Self { address, prefix };
        if network.cut(address) != number_of(address) {
            return Err(format!("{text} has host bits set"));
        }
        Ok(network)
    }

    fn holds(self, address: IpAddr) -> bool {
        bits_of(address) == bits_of(self.address) && self.cut(address) == self.cut(self.address)
    }

    /// The address without the bits behind the prefix.
    fn cut(self, address: IpAddr) -> u128 {
        let host_bits = bits_of(self.address) - self.prefix;
        number_of(address)
            .checked_shr(host_bits)
            .unwrap_or(0)
            .checked_shl(host_bits)
            .unwrap_or(0)
    }
}

fn bits_of(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// The prefix length of `255.255.0.0`.
fn prefix_of(mask: &str) -> Option<u32> {
    let mask = u32::from(mask.parse::<std::net::Ipv4Addr>().ok()?);
    (mask.leading_ones() + mask.trailing_zeros() >= 32).then(|| mask.leading_ones())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(list: &str, peer: &str) -> bool {
        let peer: IpAddr = peer.parse().unwrap();
        AllowList::parse(list)
            .unwrap()
            .holds(Some((peer, 1).into()))
    }

    #[test]
    fn addresses_networks_and_everybody_are_understood() {
        assert!(holds("127.0.0.1,::1", "127.0.0.1"));
        assert!(holds("127.0.0.1,::1", "::1"));
        assert!(!holds("127.0.0.1,::1", "127.0.0.2"));
        assert!(holds("10.0.0.0/8", "10.9.8.7"));
        assert!(holds("10.0.0.0/255.0.0.0", "10.9.8.7"));
        assert!(!holds("10.0.0.0/8", "11.0.0.0"));
        assert!(holds("0.0.0.0/0", "11.0.0.0"));
        assert!(!holds("0.0.0.0/0", "::1"));
        assert!(holds("fe80::/10, 192.168.0.0/16", "fe80::5"));
        assert!(holds("*", "203.0.113.9"));
        assert!(!holds("", "127.0.0.1"));
        assert!(AllowList::parse("").unwrap().holds(None), "a local socket");
    }

    #[test]
    fn what_is_no_network_is_refused_in_pythons_words() {
        for (text, expected) in [
            ("x", "'x' does not appear to be an IPv4 or IPv6 network"),
            (
                "10.0.0.0/33",
                "'10.0.0.0/33' does not appear to be an IPv4 or IPv6 network",
            ),
            ("192.168.1.1/24", "192.168.1.1/24 has host bits set"),
        ] {
            assert_eq!(AllowList::parse(text), Err(expected.to_owned()));
        }
    }
}
