//! Health grades of container images.
