//! `oar state …`: looks at state files on disk.
