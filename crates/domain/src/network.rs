//! Networks that an operator names: those that definitions may call, those whose proxies are believed.

use std::{net::IpAddr, str::FromStr, sync::Arc};

use ipnet::IpNet;

/// A list of networks, empty unless somebody names one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Arc<[IpNet]>);

/// A text that is not a list of networks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no network: expected CIDR notation, as in 10.1.0.0/16 or fd00::/8")]
pub struct InvalidNetwork {
    /// The part that could not be read.
    pub text: String,
}

impl Networks {
    /// Whether the address is in one of them. An IPv4 address in IPv6's clothes (RFC 4291, section 2.5.5.2) is an IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromIterator<IpNet> for Networks {
    fn from_iter<T: IntoIterator<Item = IpNet>>(networks: T) -> Self {
        Self(networks.into_iter().collect())
    }
}

impl FromStr for Networks {
    type Err = InvalidNetwork;

    /// Networks in CIDR notation (RFC 4632), separated by commas. An empty text names none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = |part: &str| part.parse().map_err(|_| InvalidNetwork { text: part.to_owned() });
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_name_the_network_that_it_cannot_read() {
        assert_eq!(" ,".parse(), Ok(Networks::default()));
        for (text, wrong) in
            [("127.0.0.1", "127.0.0.1"), ("10.0.0.0/8,home", "home"), ("10.0.0.0/33", "10.0.0.0/33")]
        {
            assert_eq!(text.parse::<Networks>(), Err(InvalidNetwork { text: wrong.to_owned() }));
        }
    }

    #[test]
    fn should_contain_what_is_in_one_of_them() {
        let networks: Networks = "10.1.2.3/8, fd00::/8".parse().expect("networks");
        for (address, inside) in [
            ("10.0.0.0", true),
            ("10.255.255.255", true),
            ("::ffff:10.1.1.1", true),
            ("fd12::1", true),
            ("11.0.0.0", false),
            ("fe00::1", false),
        ] {
            assert_eq!(networks.contains(address.parse().expect("an address")), inside, "{address}");
        }
    }
}
