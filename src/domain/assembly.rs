//! Build data: one assembly of a minor, resolved by ART's inheritance rules.
