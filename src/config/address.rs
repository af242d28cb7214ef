//! One entry of `listeners` and `advertised.listeners`.

use std::fmt;
use std::str::FromStr;

/// `NAME://HOST:PORT` as Kafka writes it. An empty host means all interfaces.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ListenerAddress {
    /// Upper case. With no `listener.security.protocol.map`, the name is the protocol.
    pub name: String,
    pub host: String,
    pub port: u16,
}

/// Why a text is no listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressError {
    NoName,
    NoPort,
    BadPort,
    BadHost,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoName => "a listener is NAME://HOST:PORT, and here is no NAME://",
            Self::NoPort => "a listener is NAME://HOST:PORT, and here is no :PORT",
            Self::BadPort => "the port is not a number from 0 to 65535",
            Self::BadHost => "the host is not a name or an address (IPv6 goes in brackets)",
        })
    }
}

impl std::error::Error for AddressError {}

impl FromStr for ListenerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (name, rest) = text.split_once("://").ok_or(AddressError::NoName)?;
        let name_is_word =
            name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if name.is_empty() || !name_is_word {
            return Err(AddressError::NoName);
        }
        let (host, port) = rest.rsplit_once(':').ok_or(AddressError::NoPort)?;
        let port = port.parse().map_err(|_| AddressError::BadPort)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) if inner.parse::<std::net::Ipv6Addr>().is_ok() => inner,
            Some(_) => return Err(AddressError::BadHost),
            None if host.contains([':', '/', '[', ']', ' ']) => return Err(AddressError::BadHost),
            None => host,
        };
        Ok(Self { name: name.to_ascii_uppercase(), host: host.to_owned(), port })
    }
}

impl fmt::Display for ListenerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "{}://[{}]:{}", self.name, self.host, self.port),
            false => write!(f, "{}://{}:{}", self.name, self.host, self.port),
        }
    }
}
