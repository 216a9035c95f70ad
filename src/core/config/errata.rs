//! How we and the Errata Tool prove ourselves to each other.

use super::choice::choices;

choices! {
    /// How we prove ourselves to the Errata Tool.
    ErrataAuth {
        /// With a Kerberos ticket.
        Negotiate = "negotiate",
        /// With `ERRATA_TOKEN`.
        Bearer = "bearer",
        /// Not at all.
        None = "none",
    }
}

choices! {
    /// Has a service that takes our ticket to prove with Kerberos who it is?
    MutualAuth {
        /// An answer without proof is not used.
        Required = "required",
        /// TLS proves it.
        Optional = "optional",
    }
}
