//! What the file that `kinit` writes says of the ticket: the library tells its end, not until when it can be
//! renewed. Other kinds of caches than files are left to the library.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// Larger files are no caches of tickets.
const MOST_BYTES: u64 = 1 << 20;

/// What is known of a ticket beside its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The realm of whoever it is of.
    pub realm: Option<String>,
    /// Until when it can be renewed.
    pub renew_until: Option<Timestamp>,
}

/// The file that `KRB5CCNAME` names, or the usual one of `user`; nothing for a cache of another kind.
pub fn place(named: Option<&str>, user: u32) -> Option<PathBuf> {
    match named {
        None => Some(PathBuf::from(format!("/tmp/krb5cc_{user}"))),
        Some(name) => match name.split_once(':') {
            Some(("FILE", path)) => Some(PathBuf::from(path)),
            Some(_) => None,
            None => Some(PathBuf::from(name)),
        },
    }
}

/// Reads the cache at `path`; what cannot be read tells nothing.
pub fn details(path: &Path) -> Details {
    let small = std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= MOST_BYTES);
    let bytes = if small { std::fs::read(path).unwrap_or_default() } else { Vec::new() };
    parse(&bytes).unwrap_or_default()
}

/// Version 4 of the format, which is the only one written in this century.
fn parse(bytes: &[u8]) -> Option<Details> {
    let mut rest = UnreadBytes(bytes);
    if rest.short()? != 0x0504 {
        return None;
    }
    let header = rest.short()?;
    rest.take(usize::from(header))?;
    let (realm, _) = rest.principal()?;
    let own = String::from_utf8(realm.to_vec()).ok();
    let mut renew_until = None;
    // A cut entry ends the list, what was read before counts.
    while let Some((service, until)) = rest.entry() {
        if service == b"krbtgt" && until > 0 {
            renew_until = renew_until.max(Timestamp::from_second(i64::from(until)).ok());
        }
    }
    Some(Details { realm: own, renew_until })
}

struct UnreadBytes<'a>(&'a [u8]);

impl<'a> UnreadBytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn data(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    /// Realm and first part of the name.
    fn principal(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        self.number()?;
        let parts = self.number()?;
        let realm = self.data()?;
        let mut first: &[u8] = &[];
        for part in 0..parts {
            let text = self.data()?;
            if part == 0 {
                first = text;
            }
        }
        Some((realm, first))
    }

    /// Addresses and the like: a kind and data each.
    fn list(&mut self) -> Option<()> {
        for _ in 0..self.number()? {
            self.short()?;
            self.data()?;
        }
        Some(())
    }

    /// The service of the next ticket, and until when it can be renewed (0: not at all).
    fn entry(&mut self) -> Option<(&'a [u8], u32)> {
        self.principal()?;
        let (_, service) = self.principal()?;
        self.short()?;
        self.data()?;
        self.take(12)?;
        let until = self.number()?;
        self.take(5)?;
        self.list()?;
        self.list()?;
        self.data()?;
        self.data()?;
        Some((service, until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap();
        [&length.to_be_bytes()[..], text.as_bytes()].concat()
    }

    fn principal(parts: &[&str]) -> Vec<u8> {
        let count = u32::try_from(parts.len()).unwrap();
        let mut bytes = [1_u32.to_be_bytes(), count.to_be_bytes()].concat();
        bytes.extend(data("EXAMPLE.COM"));
        parts.iter().for_each(|part| bytes.extend(data(part)));
        bytes
    }

    fn entry(service: &[&str], until: u32) -> Vec<u8> {
        let mut bytes = [principal(&["tester"]), principal(service), vec![0, 18], data("key")].concat();
        bytes.extend([1_u32, 2, 3, until].map(u32::to_be_bytes).concat());
        bytes.extend([0; 5]);
        bytes.extend([0; 8]);
        bytes.extend(data("ticket"));
        bytes.extend(data(""));
        bytes
    }

    fn cache(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![5, 4, 0, 4, 0, 1, 0, 0];
        bytes.extend(principal(&["tester"]));
        entries.iter().for_each(|entry| bytes.extend(entry));
        bytes
    }

    #[test]
    fn the_ticket_of_kinit_tells_until_when_it_can_be_renewed() {
        let whole = cache(&[entry(&["HTTP", "x"], 9), entry(&["krbtgt", "EXAMPLE.COM"], 1_780_000_000)]);
        let until = Timestamp::from_second(1_780_000_000).ok();
        let realm = Some("EXAMPLE.COM".to_owned());
        assert_eq!(parse(&whole), Some(Details { realm: realm.clone(), renew_until: until }));
        let never = cache(&[entry(&["krbtgt", "EXAMPLE.COM"], 0)]);
        assert_eq!(parse(&never), Some(Details { realm, renew_until: None }));
        for length in 0..whole.len() {
            let ticket = parse(&whole[..length]).unwrap_or_default();
            assert_eq!(ticket.renew_until, None, "cut after {length}");
        }
        assert_eq!(parse(b"\x05\x03 of another version"), None);
    }

    #[test]
    fn only_files_are_looked_at() {
        assert_eq!(place(None, 7), Some(PathBuf::from("/tmp/krb5cc_7")));
        assert_eq!(place(Some("FILE:/x/y"), 7), Some(PathBuf::from("/x/y")));
        assert_eq!(place(Some("/x/y"), 7), Some(PathBuf::from("/x/y")));
        assert_eq!(place(Some("KCM:1000"), 7), None);
    }
}
