//! GitHub: contents and GraphQL of the state repository.
