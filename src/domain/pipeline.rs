//! Where the stage or production release of a shipment stands.
