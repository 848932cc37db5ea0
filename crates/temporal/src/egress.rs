//! Which addresses a definition may call.
//!
//! A tenant chooses the URL and the server makes the call, from inside the operator's network. So the address is judged
//! after the name was resolved, the connection goes to the very address that was judged, and every hop of a redirect is
//! judged again. An address that nobody owns on the public Internet is refused unless the operator allows its network.

pub(crate) mod client;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::IpNet;
use tenantry_domain::{Networks, network::InvalidNetwork};

/// IPv4 networks that are not the public Internet, after the IANA registry of special-purpose addresses (RFC 6890), and
/// the two that clouds use for their own services.
const REFUSED_V4: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::UNSPECIFIED, 8),            // this host, this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private, RFC 1918
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // carrier-grade NAT, RFC 6598; the metadata of Alibaba Cloud
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // the host's agent on Azure
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local; cloud metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private, RFC 1918
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // IETF protocol assignments; the metadata of Oracle Cloud
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private, RFC 1918
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved; broadcast
];

/// What of `2000::/3`, the public part of IPv6, is not public after all.
const REFUSED_V6: &[(Ipv6Addr, u8)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // IETF protocol assignments; Teredo
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Decides which addresses may be called. By default only those of the public Internet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    allowed: Networks,
}

impl Policy {
    /// The public Internet and nothing else.
    pub fn strict() -> Self {
        Self::default()
    }

    /// The public Internet and these networks, which the operator vouches for.
    pub fn allowing(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self { allowed: networks.into_iter().collect() }
    }

    /// Whether a definition may call this address.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allowed.contains(address) || is_public(address.to_canonical())
    }
}

impl FromStr for Policy {
    type Err = InvalidNetwork;

    /// The networks to allow beside the public Internet, separated by commas. An empty text allows none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { allowed: text.parse()? })
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !REFUSED_V4.iter().any(|&(network, length)| {
        let mask = u32::MAX << (32 - u32::from(length));
        address.to_bits() & mask == network.to_bits()
    })
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(embedded) = embedded_v4(address) {
        return is_public_v4(embedded);
    }
    let within = |&(network, length): &(Ipv6Addr, u8)| {
        let mask = u128::MAX << (128 - u32::from(length));
        address.to_bits() & mask == network.to_bits()
    };
    within(&(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3)) && !REFUSED_V6.iter().any(within)
}

/// The IPv4 address that packets to this one end up at: by 6to4 (RFC 3056) or NAT64 (RFC 6052). The mapped form is made
/// canonical before; every other form is outside `2000::/3` and so refused.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        [0x2002, high, low, ..] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => join(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &Policy, addresses: &[&str], expected: bool) {
        for text in addresses {
            let address = text.parse().expect(text);
            assert_eq!(policy.allows(address), expected, "{text}");
        }
    }

    #[test]
    fn should_refuse_every_address_that_is_not_public() {
        check(
            &Policy::strict(),
            &[
                "0.0.0.0",
                "0.1.2.3",
                "10.0.0.1",
                "10.255.255.255",
                "100.64.0.1",
                "100.100.100.200",
                "100.127.255.255",
                "127.0.0.1",
                "127.255.255.254",
                "168.63.129.16",
                "169.254.169.254",
                "172.16.0.1",
                "172.31.255.255",
                "192.0.0.192",
                "192.0.2.1",
                "192.88.99.1",
                "192.168.0.1",
                "198.18.0.1",
                "198.19.255.255",
                "198.51.100.7",
                "203.0.113.9",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
            ],
            false,
        );
    }

    #[test]
    fn should_allow_the_neighbours_of_refused_networks() {
        check(
            &Policy::strict(),
            &[
                "1.1.1.1",
                "9.255.255.255",
                "11.0.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "126.255.255.255",
                "128.0.0.0",
                "168.63.129.17",
                "169.253.255.255",
                "169.255.0.0",
                "172.15.255.255",
                "172.32.0.0",
                "192.0.1.0",
                "192.167.255.255",
                "192.169.0.0",
                "198.17.255.255",
                "198.20.0.0",
                "223.255.255.255",
                "2606:4700:4700::1111",
                "2a00:1450::1",
                "2001:4860:4860::8888",
            ],
            true,
        );
    }

    #[test]
    fn should_refuse_every_ipv6_address_that_is_not_public() {
        check(
            &Policy::strict(),
            &[
                "::",
                "::1",
                "fe80::1",
                "febf::1",
                "fec0::1",
                "fc00::1",
                "fd00:ec2::254",
                "ff02::1",
                "100::1",
                "2001:db8::1",
                "3fff::1",
                "2001::1",
                "2001:0:4136:e378::1",
                "5f00::1",
                "4000::1",
                "64:ff9b:1::1",
            ],
            false,
        );
    }

    #[test]
    fn should_see_the_ipv4_address_inside_an_ipv6_address() {
        let refused = [
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "::10.0.0.1",
            "::ffff:0:127.0.0.1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2002:a9fe:a9fe::1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b::10.0.0.1",
        ];
        check(&Policy::strict(), &refused, false);
        check(&Policy::strict(), &["::ffff:1.1.1.1", "2002:101:101::1", "64:ff9b::1.1.1.1"], true);
    }

    #[test]
    fn should_allow_what_the_operator_allows_and_nothing_beside() {
        let policy = "127.0.0.0/8, ::1/128 ,10.1.0.0/16".parse().expect("a list of networks");
        check(&policy, &["127.0.0.1", "::ffff:127.0.0.1", "::1", "10.1.2.3", "1.1.1.1"], true);
        check(&policy, &["10.2.0.1", "192.168.0.1", "::2", "2002:7f00:1::", "169.254.169.254"], false);
    }
}
