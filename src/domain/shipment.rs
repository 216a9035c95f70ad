//! What a shipment merge request and its files say.
