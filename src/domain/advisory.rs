//! States of an advisory and what each of them allows.
