//! Masking of mail addresses, tokens and people in every text that is stored or logged.
