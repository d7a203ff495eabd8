//! Simulated addresses: where the processes of a run would listen, for code that thinks in addresses rather than in numbers.
//!
//! Node n of data centre d listens at `10.d.n.1:4500`, or `[fd00:d:n::1]:4500`; d is 0 where a schedule declares no data centres.
//! An endpoint is an address and a token of 128 bits that names a receiver there; some tokens are reserved for what every process
//! offers (as in FoundationDB's FlowTransport).

use std::{
    fmt::{self, Display, Formatter},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use thiserror::Error;

use crate::node::NodeId;

/// The port at which nodes listen.
pub const PORT: u16 = 4500;

/// Where a process listens: `10.0.1.1:4500`, `[fd00:0:1::1]:4500`, with its flags behind it: `10.0.1.1:4500:tls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The machine, by version 4 or 6 of the protocol.
    pub ip: IpAddr,
    /// The port.
    pub port: u16,
    /// How it is reached.
    pub flags: Flags,
}

/// How an address is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flags {
    /// Encrypted.
    pub tls: bool,
    /// Only from within the cluster.
    pub private: bool,
}

/// The name of a receiver, which is never given to another. Text: 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u128);

/// Receivers that every process has, under reserved ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u64)]
pub enum WellKnown {
    /// Hears of messages for a receiver that is not there.
    NotFound = 0,
    /// Answers whether the process runs.
    Ping = 1,
    /// Takes the messages of other nodes.
    Peer = 2,
    /// Takes the requests of clients.
    Client = 3,
}

/// A receiver of a process: `10.0.1.1:4500/ffffffffffffffff0000000000000002`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Where its process listens.
    pub address: Address,
    /// Which of the receivers there.
    pub token: Id,
}

/// Why a text is no address, id or endpoint.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    /// It does not begin with a machine and a port.
    #[error("`{0}` is no machine and port, expected one such as `10.0.1.1:4500` or `[fd00::1]:4500`")]
    Place(String),
    /// A flag that does not exist.
    #[error("unknown flag `{0}`, expected `tls` or `private`")]
    Flag(String),
    /// An id that is not 32 hexadecimal digits.
    #[error("`{0}` is no id, expected 32 hexadecimal digits")]
    Id(String),
    /// An endpoint without a `/`.
    #[error("`{0}` is no endpoint, expected an address and an id with `/` between them")]
    Endpoint(String),
}

impl Address {
    /// Where a node listens; `dc` counts from 1, 0 is no data centre.
    pub fn of(node: NodeId, dc: u8) -> Self {
        Self { ip: Ipv4Addr::new(10, dc, node as u8, 1).into(), port: PORT, flags: Flags::default() }
    }

    /// The same machine and port by version 6 of the protocol: `10.d.n.1` is `fd00:d:n::1`. One that is not of that shape is mapped
    /// as `::ffff:a.b.c.d`.
    pub fn v6(self) -> Self {
        let ip = match self.ip {
            IpAddr::V4(v4) => match v4.octets() {
                [10, dc, node, 1] => Ipv6Addr::new(0xfd00, dc.into(), node.into(), 0, 0, 0, 0, 1),
                _ => v4.to_ipv6_mapped(),
            },
            IpAddr::V6(v6) => v6,
        };
        Self { ip: ip.into(), ..self }
    }

    /// A receiver at this address.
    pub fn endpoint(self, token: Id) -> Endpoint {
        Endpoint { address: self, token }
    }
}

impl Id {
    /// The upper half of reserved ids.
    const RESERVED: u128 = 0xffff_ffff_ffff_ffff << 64;

    /// The id of a receiver that every process has.
    pub fn well_known(receiver: WellKnown) -> Self {
        Self(Self::RESERVED | receiver as u128)
    }

    /// Whether it is reserved, known or not.
    pub fn is_reserved(self) -> bool {
        self.0 & Self::RESERVED == Self::RESERVED
    }

    /// An id from two drawn halves, never a reserved one.
    pub fn drawn(high: u64, low: u64) -> Self {
        let high = if high == u64::MAX { 0 } else { high };
        Self(u128::from(high) << 64 | u128::from(low))
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", SocketAddr::new(self.ip, self.port))?;
        f.write_str(if self.flags.tls { ":tls" } else { "" })?;
        f.write_str(if self.flags.private { ":private" } else { "" })
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        // Flags begin with a letter behind the last bracket; of version 6 only what is inside brackets has colons and letters.
        let after = text.rfind(']').unwrap_or(0);
        let port = after + text[after..].find(':').ok_or_else(|| AddressError::Place(text.into()))? + 1;
        let flags = text[port..].find(':').map_or(text.len(), |at| port + at);
        let place: SocketAddr = text[..flags].parse().map_err(|_| AddressError::Place(text[..flags].into()))?;
        let mut address = Self { ip: place.ip(), port: place.port(), flags: Flags::default() };
        for flag in text[flags..].split(':').skip(1) {
            match flag {
                "tls" => address.flags.tls = true,
                "private" => address.flags.private = true,
                other => return Err(AddressError::Flag(other.into())),
            }
        }
        Ok(address)
    }
}

impl Display for Id {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Id {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = digits.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        id.map(Self).ok_or_else(|| AddressError::Id(text.into()))
    }
}

impl Display for Endpoint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.token)
    }
}

impl FromStr for Endpoint {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (address, token) = text.split_once('/').ok_or_else(|| AddressError::Endpoint(text.into()))?;
        Ok(Self { address: address.parse()?, token: token.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, AddressError, Endpoint, Flags, Id, WellKnown};

    #[test]
    fn whatever_is_printed_reads_back_as_the_same() {
        for node in [1, 2, 16] {
            for dc in 0..=5 {
                for flags in [(false, false), (true, false), (false, true), (true, true)] {
                    let flags = Flags { tls: flags.0, private: flags.1 };
                    for address in [Address::of(node, dc), Address::of(node, dc).v6()] {
                        let address = Address { flags, ..address };
                        assert_eq!(address.to_string().parse(), Ok(address));
                        let endpoint = address.endpoint(Id::drawn(u64::MAX, u64::from(node)));
                        assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
                    }
                }
            }
        }
        assert_eq!(Address::of(2, 1).to_string(), "10.1.2.1:4500");
        assert_eq!(Address::of(2, 1).v6().to_string(), "[fd00:1:2::1]:4500");
        let tls = Address { flags: Flags { tls: true, private: true }, ..Address::of(2, 0) };
        assert_eq!(tls.to_string(), "10.0.2.1:4500:tls:private");
    }

    #[test]
    fn a_mistake_says_what_was_found_and_what_was_expected() {
        let wrong = |text: &str| text.parse::<Address>().expect_err(text);
        for place in ["", "10.0.0.1", "10.0.0.256:1", "10.0.0.1:65536", "fd00::1:4500", "[fd00::1]", "10.0.0.1:tls"] {
            assert!(matches!(wrong(place), AddressError::Place(_)), "{place}");
        }
        assert_eq!(wrong("10.0.0.1:1:tsl"), AddressError::Flag("tsl".into()));
        assert_eq!(wrong("10.0.0.1:1:").to_string(), "unknown flag ``, expected `tls` or `private`");
        let no_id = "10.0.0.1:1/abc".parse::<Endpoint>();
        assert_eq!(no_id, Err(AddressError::Id("abc".into())));
        assert!(matches!("10.0.0.1:1".parse::<Endpoint>(), Err(AddressError::Endpoint(_))));
        assert!("+0000000000000000000000000000000f".parse::<Id>().is_err());
    }

    #[test]
    fn reserved_ids_are_never_drawn() {
        let peer = Id::well_known(WellKnown::Peer);
        assert_eq!(peer.to_string(), "ffffffffffffffff0000000000000002");
        assert!(peer.is_reserved() && Id::well_known(WellKnown::NotFound).is_reserved());
        assert!(!Id::drawn(u64::MAX, 2).is_reserved() && !Id::drawn(1, u64::MAX).is_reserved());
    }
}
