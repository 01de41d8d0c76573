//! Addresses as plain data, whole: serde's own form of an IPv6 address leaves out its scope, without which a
//! link-local one means nothing, and two that differ in it would be one in a snapshot or a trace.
//!
//! For fields: `#[serde(with = "crate::address")]`.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use heapless::Vec;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Instant;

pub(crate) fn serialize<T: Addressed, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.to_plain().serialize(serializer)
}

pub(crate) fn deserialize<'de, T: Addressed, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::Plain::deserialize(deserializer).map(T::of_plain)
}

/// An address, or something around one.
pub(crate) trait Addressed {
    /// The same with [`Whole`] in place of the address.
    type Plain: Serialize + DeserializeOwned;

    fn to_plain(&self) -> Self::Plain;

    fn of_plain(plain: Self::Plain) -> Self;
}

/// Everything that is in an address.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Whole {
    V4 { ip: Ipv4Addr, port: u16 },
    V6 { ip: Ipv6Addr, port: u16, flow: u32, scope: u32 },
}

impl Addressed for SocketAddr {
    type Plain = Whole;

    fn to_plain(&self) -> Whole {
        match self {
            Self::V4(v4) => Whole::V4 { ip: *v4.ip(), port: v4.port() },
            Self::V6(v6) => {
                Whole::V6 { ip: *v6.ip(), port: v6.port(), flow: v6.flowinfo(), scope: v6.scope_id() }
            }
        }
    }

    fn of_plain(plain: Whole) -> Self {
        match plain {
            Whole::V4 { ip, port } => Self::V4(SocketAddrV4::new(ip, port)),
            Whole::V6 { ip, port, flow, scope } => Self::V6(SocketAddrV6::new(ip, port, flow, scope)),
        }
    }
}

impl<T: Addressed> Addressed for Option<T> {
    type Plain = Option<T::Plain>;

    fn to_plain(&self) -> Self::Plain {
        self.as_ref().map(T::to_plain)
    }

    fn of_plain(plain: Self::Plain) -> Self {
        plain.map(T::of_plain)
    }
}

impl<T: Addressed> Addressed for (Instant, T) {
    type Plain = (Instant, T::Plain);

    fn to_plain(&self) -> Self::Plain {
        let (at, address) = self;
        (*at, address.to_plain())
    }

    fn of_plain((at, plain): Self::Plain) -> Self {
        (at, T::of_plain(plain))
    }
}

impl<T: Addressed, const N: usize> Addressed for Vec<T, N> {
    type Plain = Vec<T::Plain, N>;

    fn to_plain(&self) -> Self::Plain {
        self.iter().map(T::to_plain).collect()
    }

    fn of_plain(plain: Self::Plain) -> Self {
        plain.into_iter().map(T::of_plain).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tests::restored;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        #[serde(with = "crate::address")]
        one: SocketAddr,
        #[serde(with = "crate::address")]
        maybe: Option<SocketAddr>,
        #[serde(with = "crate::address")]
        later: Option<(Instant, SocketAddr)>,
        #[serde(with = "crate::address")]
        many: Vec<SocketAddr, 3>,
    }

    #[test]
    fn an_address_comes_back_whole() {
        let scoped = |scope| SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 9, 7, scope));
        let plain = SocketAddr::from(([10, 0, 0, 1], 4));
        let holder = Holder {
            one: scoped(3),
            maybe: Some(scoped(4)),
            later: Some((Instant::from_micros(5), plain)),
            many: Vec::from_iter([plain, scoped(5)]),
        };
        assert_eq!(restored(&holder), holder);
    }
}
