//! The shipment merge request and its files.
