//! Health grades of all images of a shipment.
