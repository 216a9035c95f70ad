//! Outside writes that must not happen twice: intent, look-up, ledger.
