//! Which addresses scripts may reach. Whoever may write a script could otherwise speak, as this server, to what only
//! this machine and its network can reach: databases, routers, the keys that a cloud hands to its machines.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A network, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    base: IpAddr,
    prefix: u8,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("{text:?} is no network such as 10.0.0.0/8 or fd00::/8, and no address");
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| refused())?;
        let bits = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse::<u8>().ok().filter(|p| *p <= bits).ok_or_else(refused)?,
            None => bits,
        };
        Ok(Self { base, prefix })
    }
}

impl Network {
    /// Whether an address belongs to it.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        let same = |a: u128, b: u128, bits: u32| {
            let shift = bits - u32::from(self.prefix);
            a.checked_shr(shift).unwrap_or(0) == b.checked_shr(shift).unwrap_or(0)
        };
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                same(u128::from(base.to_bits()), u128::from(address.to_bits()), 32)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => same(base.to_bits(), address.to_bits(), 128),
            _ => false,
        }
    }
}

/// Refuses an address that is not one of the public internet, unless it is allowed by name.
pub(super) fn check(address: IpAddr, allowed: &[Network]) -> Result<(), String> {
    // `::ffff:127.0.0.1` is 127.0.0.1.
    let address = address.to_canonical();
    if allowed.iter().any(|network| network.contains(address)) {
        return Ok(());
    }
    let kind = match address {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => kind_v6(address),
    };
    match kind {
        None => Ok(()),
        Some(kind) => Err(format!(
            "{address} is {kind} address, which scripts may not reach here (setting script.http.allow)"
        )),
    }
}

/// What an address is if not one of the internet.
fn kind_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    Some(match (a, b, c) {
        (0, ..) => "an unspecified",
        (127, ..) => "a loopback",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "a private",
        (169, 254, _) => "a link-local",
        (100, 64..=127, _) => "a carrier's private",
        (224..=239, ..) => "a multicast",
        (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 18 | 19, _)
        | (198, 51, 100)
        | (203, 0, 113)
        | (240.., ..) => "a reserved",
        _ => return None,
    })
}

fn kind_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let [first, second, third, ..] = segments;
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        kind_v4(Ipv4Addr::new(a, b, c, d))
    };
    Some(match (first, second) {
        _ if address.is_unspecified() => "an unspecified",
        _ if address.is_loopback() => "a loopback",
        // An address of the old internet within: through a translator it is that one.
        (0x64, 0xff9b) if segments[2..6] == [0; 4] => return inner(segments[6], segments[7]),
        (0x2002, _) => return inner(second, third),
        (0xfc00..=0xfdff, _) => "a private",
        (0xfe80..=0xfebf, _) => "a link-local",
        (0xff00.., _) => "a multicast",
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => "a reserved",
        (0x2000..=0x3fff, _) => return None,
        _ => "a reserved",
    })
}
