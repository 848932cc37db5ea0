//! The networks that a key can be used from.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

use crate::Invalid;

const FIELD: &str = "allowed_cidrs";

/// 1–64 networks, of IPv4 and IPv6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedCidrs(Arc<[IpNet]>);

impl AllowedCidrs {
    /// The most networks that there can be.
    pub const MAX: usize = 64;

    /// Checks networks in the notation of RFC 4632 and RFC 4291, `192.0.2.0/24` or `2001:db8::/32`; an address alone is a network
    /// of one.
    ///
    /// # Errors
    /// `allowed_cidrs`, with the place of the first that is none, and what was expected.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, Invalid> {
        if texts.is_empty() || texts.len() > Self::MAX {
            let rule = format!("must have 1 to {} networks; leave them out for all", Self::MAX);
            return Err(Invalid::new(FIELD, rule));
        }
        let mut networks = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            networks
                .push(network(text.as_ref()).map_err(|rule| Invalid::new(format!("{FIELD}[{at}]"), rule))?);
        }
        networks.sort_unstable();
        networks.dedup();
        Ok(Self(networks.into()))
    }

    /// Whether the address is in one of them. An IPv4 address that came in IPv6's clothes (RFC 4291, section 2.5.5.2) is an IPv4
    /// address; one that is not known is nowhere.
    pub fn include(&self, address: Option<IpAddr>) -> bool {
        let address = address.map(|address| address.to_canonical());
        address.is_some_and(|address| self.0.iter().any(|network| network.contains(&address)))
    }

    /// Each of them as text.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(ToString::to_string)
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text
            .parse::<IpNet>()
            .map_err(|_| "must be a network such as 192.0.2.0/24 or 2001:db8::/32".to_owned())?,
    };
    if network.trunc() != network {
        return Err(format!("must have no bits set beyond its prefix: perhaps {}", network.trunc()));
    }
    match network.network() {
        // No address would ever be found in it.
        IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => {
            Err("must be written as a network of IPv4".to_owned())
        }
        _ => Ok(network),
    }
}

impl serde::Serialize for AllowedCidrs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.texts())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn should_include_the_addresses_of_its_networks_and_no_others() {
        let networks =
            AllowedCidrs::parse(&["192.0.2.0/24", "2001:db8::/32", "203.0.113.7"]).expect("networks");
        let check = |address: &str, expected| {
            assert_eq!(networks.include(Some(address.parse().expect(address))), expected, "{address}");
        };
        check("192.0.2.0", true);
        check("192.0.2.255", true);
        check("192.0.3.0", false);
        check("::ffff:192.0.2.9", true);
        check("::ffff:192.0.3.9", false);
        check("::192.0.2.9", false);
        check("203.0.113.7", true);
        check("203.0.113.8", false);
        check("2001:db8:ffff::1", true);
        check("2001:db9::1", false);
        assert!(!networks.include(None), "an address that is not known");
        let everything = AllowedCidrs::parse(&["0.0.0.0/0", "::/0"]).expect("networks");
        assert!(!everything.include(None), "not even of all there are");
    }

    #[test]
    fn should_say_which_network_is_none_and_why() {
        let check = |texts: &[&str], field: &str, rule: &str| {
            let error = AllowedCidrs::parse(texts).expect_err(rule);
            assert_eq!((error.field.as_ref(), error.message.contains(rule)), (field, true), "{error}");
        };
        check(&[], "allowed_cidrs", "1 to 64");
        check(&["10.0.0.0/8"; 65], "allowed_cidrs", "1 to 64");
        check(&["10.0.0.0/8", "example.com"], "allowed_cidrs[1]", "such as 192.0.2.0/24");
        check(&["10.0.0.0/33"], "allowed_cidrs[0]", "such as 192.0.2.0/24");
        check(&["10.0.0.1/8"], "allowed_cidrs[0]", "perhaps 10.0.0.0/8");
        check(&["::ffff:10.0.0.0/104"], "allowed_cidrs[0]", "IPv4");
        check(&["::ffff:10.0.0.1"], "allowed_cidrs[0]", "IPv4");
    }

    fn any_network() -> impl Strategy<Value = IpNet> {
        let v4 = (any::<[u8; 4]>(), 0..=32_u8).prop_map(|(octets, prefix)| (IpAddr::from(octets), prefix));
        // Global addresses only: what begins with zeros may be a mapped one.
        let v6 = (any::<[u8; 16]>(), 3..=128_u8).prop_map(|(mut octets, prefix)| {
            octets[0] = octets[0] & 0x1f | 0x20;
            (IpAddr::from(octets), prefix)
        });
        prop_oneof![v4, v6]
            .prop_map(|(address, prefix)| IpNet::new(address, prefix).expect("a prefix in range").trunc())
    }

    proptest! {
        #[test]
        fn should_come_back_from_its_texts(networks in vec(any_network(), 1..=AllowedCidrs::MAX)) {
            let texts: Vec<String> = networks.iter().map(ToString::to_string).collect();
            let allowed = AllowedCidrs::parse(&texts).expect("networks");
            let again: Vec<String> = allowed.texts().collect();
            prop_assert_eq!(AllowedCidrs::parse(&again), Ok(allowed.clone()));
            for network in networks {
                prop_assert!(allowed.include(Some(network.network())) && allowed.include(Some(network.broadcast())));
            }
        }

        #[test]
        fn should_treat_a_mapped_address_as_what_it_maps(network in any_network(), octets: [u8; 4]) {
            let allowed = AllowedCidrs::parse(&[network.to_string()]).expect("a network");
            let address = std::net::Ipv4Addr::from(octets);
            let plain = allowed.include(Some(address.into()));
            prop_assert_eq!(allowed.include(Some(address.to_ipv6_mapped().into())), plain);
            prop_assert_eq!(plain, network.contains(&IpAddr::V4(address)));
        }

        #[test]
        fn should_never_panic_on_any_texts(texts: Vec<String>) {
            let _ = AllowedCidrs::parse(&texts);
        }
    }
}
