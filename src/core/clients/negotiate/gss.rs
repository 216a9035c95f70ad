//! The calls of the Kerberos library. Each may block.

use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext as _};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::error::{Error, MajorFlags};
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_MECH_SPNEGO, GSS_NT_HOSTBASED_SERVICE, Oid, OidSet};

use super::Kerberos;
use crate::domain::mask;

/// The part of a major code that says what went wrong. It is a number, not a set of flags.
const ROUTINE: u32 = 0x00ff_0000;

/// First code of the Kerberos error table; codes of the protocol are counted from here.
const TABLE: i32 = -1_765_328_384;

/// The Kerberos server does not know the service.
const SERVICE_UNKNOWN: i32 = TABLE + 7;

/// A ticket is over: the service's own, when the one of `kinit` is not.
const TICKET_EXPIRED: i32 = TABLE + 32;

/// No Kerberos server of the realm answers.
const KDC_UNREACHABLE: i32 = TABLE + 156;

/// Longest text of the library that an error carries, in characters.
const TEXT_CHARS: usize = 200;

/// Our side of one exchange.
pub(super) struct GssContext(ClientCtx);

impl GssContext {
    /// Begins an exchange with the HTTP service on `host`; the first token.
    pub(super) fn start(host: &str) -> Result<(Self, Vec<u8>), Kerberos> {
        let mut context = context(host, GSS_MECH_SPNEGO)?;
        match context.step(None, None) {
            Ok(Some(token)) => Ok((Self(context), token.to_vec())),
            Ok(None) => Err(Kerberos::Other("the library gave no token".to_owned())),
            Err(error) => Err(diagnosed(host, error)),
        }
    }

    /// Takes in the service's token; the next one of ours, when there is one.
    pub(super) fn feed(&mut self, token: &[u8]) -> Result<Option<Vec<u8>>, Kerberos> {
        let next = self.0.step(Some(token), None).map_err(|error| {
            tracing::debug!(why = described(error), "the service's Kerberos token is no proof");
            other(error)
        })?;
        Ok(next.map(|token| token.to_vec()).filter(|token| !token.is_empty()))
    }

    /// Did both sides prove who they are?
    pub(super) fn is_complete(&self) -> bool {
        self.0.is_complete()
    }
}

/// Is there a ticket that is not over?
pub(super) fn check_ticket() -> Result<std::time::Duration, Kerberos> {
    let mechanism = OidSet::singleton(GSS_MECH_KRB5).map_err(other)?;
    let ticket = Cred::acquire(None, None, CredUsage::Initiate, Some(&mechanism)).map_err(of_ticket)?;
    let left = ticket.lifetime().map_err(of_ticket)?;
    if left.is_zero() { Err(Kerberos::Expired) } else { Ok(left) }
}

fn context(host: &str, mechanism: Oid<'static>) -> Result<ClientCtx, Kerberos> {
    let target = Name::new(format!("HTTP@{host}").as_bytes(), Some(GSS_NT_HOSTBASED_SERVICE)).map_err(other)?;
    let flags = CtxFlags::GSS_C_MUTUAL_FLAG | CtxFlags::GSS_C_SEQUENCE_FLAG;
    Ok(ClientCtx::new(None, target, flags, Some(mechanism)))
}

fn of_ticket(error: Error) -> Kerberos {
    let routine = error.major.bits() & ROUTINE;
    if routine == MajorFlags::GSS_S_NO_CRED.bits() {
        Kerberos::NoTicket
    } else if routine == MajorFlags::GSS_S_CREDENTIALS_EXPIRED.bits() {
        Kerberos::Expired
    } else {
        other(error)
    }
}

/// Why there was no first token.
///
/// SPNEGO says only that it failed, and numbers the codes of the mechanism below it anew. So the
/// ticket is looked at, then the mechanism is asked itself: its codes are those of the protocol.
fn diagnosed(host: &str, error: Error) -> Kerberos {
    if let Err(found) = check_ticket() {
        return found;
    }
    let asked = match context(host, GSS_MECH_KRB5) {
        Ok(mut context) => context.step(None, None).err().unwrap_or(error),
        Err(found) => return found,
    };
    match asked.minor.cast_signed() {
        SERVICE_UNKNOWN => Kerberos::UnknownService { host: host.to_owned() },
        TICKET_EXPIRED => Kerberos::Expired,
        KDC_UNREACHABLE => Kerberos::Unreachable,
        _ => other(asked),
    }
}

fn other(error: Error) -> Kerberos {
    Kerberos::Other(described(error))
}

/// The library's text on one line, without names of people: errors are stored in public.
fn described(error: Error) -> String {
    let text = error.to_string().replace('\0', " ");
    let shown = text.split_whitespace().map(|part| if part.contains('@') { "(principal)" } else { part });
    mask::mask(&shown.collect::<Vec<_>>().join(" ")).chars().take(TEXT_CHARS).collect()
}
