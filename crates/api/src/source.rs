//! Where a request came from.
//!
//! The connection says so, unless a proxy of the operator's is at its other end. Then `X-Forwarded-For` says so: each proxy on the
//! way appends the address that it heard from. Anybody can send that header, so it is read from its end, and only as far as whoever
//! wrote it is trusted.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use tenantry_domain::Networks;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client, as far as it can be known: the nearest on the way that is no trusted proxy; or, where all are, the farthest
/// that was named.
pub(crate) fn of(peer: IpAddr, headers: &HeaderMap, trusted: &Networks) -> IpAddr {
    let mut source = peer.to_canonical();
    let mut named = None;
    while trusted.contains(source) {
        let named = named.get_or_insert_with(|| entries_from_the_end(headers));
        let Some(address) = named.next().and_then(address) else { break };
        source = address;
    }
    source
}

/// What several lines say is one list.
fn entries_from_the_end(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','))
}

/// The address that an entry names. Some proxies add the port.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(entry).ok()?.trim();
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    text.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(peer: &str, lines: &[&str], expected: &str) {
        let trusted = "10.0.0.0/8, 192.168.7.0/24, fd00::/8".parse().expect("networks");
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).expect("a value"));
        }
        let source = of(peer.parse().expect("an address"), &headers, &trusted);
        assert_eq!(source.to_string(), expected, "{peer} {lines:?}");
    }

    #[test]
    fn should_take_the_peers_word_only_if_it_is_a_trusted_proxy() {
        check("198.51.100.1", &[], "198.51.100.1");
        check("198.51.100.1", &["203.0.113.9"], "198.51.100.1");
        check("198.51.100.1", &["10.0.0.1"], "198.51.100.1");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["203.0.113.9"], "203.0.113.9");
        check("fd00::1", &["2001:db8::5"], "2001:db8::5");
        check("2001:db8::1", &["203.0.113.9"], "2001:db8::1");
    }

    #[test]
    fn should_walk_from_the_right_to_the_first_that_is_not_trusted() {
        check("10.0.0.1", &["1.1.1.1, 203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &["1.1.1.1,203.0.113.9,192.168.7.4"], "203.0.113.9");
        check("10.0.0.1", &["203.0.113.9, 198.51.100.1, fd00::2, 10.9.9.9"], "198.51.100.1");
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3");
        check("10.0.0.1", &["203.0.113.9, 192.168.8.1"], "192.168.8.1");
    }

    #[test]
    fn should_take_several_lines_for_one_list() {
        check("10.0.0.1", &["203.0.113.9", "10.0.0.2"], "203.0.113.9");
        check("10.0.0.1", &["1.1.1.1", "203.0.113.9, 10.0.0.3", "10.0.0.2"], "203.0.113.9");
        check("10.0.0.1", &["203.0.113.9", "198.51.100.1"], "198.51.100.1");
    }

    #[test]
    fn should_stop_at_what_is_no_address() {
        check("10.0.0.1", &["unknown"], "10.0.0.1");
        check("10.0.0.1", &[""], "10.0.0.1");
        check("10.0.0.1", &["203.0.113.9,"], "10.0.0.1");
        check("10.0.0.1", &["203.0.113.9, , 10.0.0.2"], "10.0.0.2");
        check("10.0.0.1", &["203.0.113.9, 10.0.0.999, 10.0.0.2"], "10.0.0.2");
        check("10.0.0.1", &["203.0.113.9, _hidden, 10.0.0.2"], "10.0.0.2");
        check("10.0.0.1", &["203.0.113.9; 10.0.0.2"], "10.0.0.1");
        check("10.0.0.1", &["203.0.113.9é"], "10.0.0.1");
    }

    #[test]
    fn should_read_an_address_however_it_is_written() {
        check("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9");
        check("::ffff:198.51.100.1", &[], "198.51.100.1");
        check("10.0.0.1", &["203.0.113.9, ::ffff:10.0.0.2"], "203.0.113.9");
        check("10.0.0.1", &["::ffff:203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &["203.0.113.9:4711, 10.0.0.2:80"], "203.0.113.9");
        check("10.0.0.1", &["[2001:db8::5]:4711"], "2001:db8::5");
        check("10.0.0.1", &["  203.0.113.9\t,\t10.0.0.2 "], "203.0.113.9");
    }
}
