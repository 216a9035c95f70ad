//! Test records and job registries in the state repository.
