//! The arguments of `oar state`.

use std::path::PathBuf;

/// What can be done with state files.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum StateCommand {
    /// Show what state files say (without FILE: the state of -r RELEASE)
    Show {
        /// State files
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Tell whether state files can be used, and what is odd about them (without FILE: -r RELEASE)
    ///
    /// Exit 0: usable; 2: not usable.
    Check {
        /// State files
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Write state files back in the form that every tool writes
    ///
    /// A file that cannot be read is left as it is (exit 2).
    Fmt {
        /// Change nothing; exit 5 and show the first line that would change
        #[arg(long)]
        check: bool,
        /// State files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// List changes that could not be stored yet (with -r: of this release), and those refused later
    ///
    /// They are kept on this machine and sent by the next command that changes their release. With --send they
    /// are sent now; exit 7 when the store does not answer.
    Unsent {
        /// Send them now
        #[arg(long)]
        send: bool,
    },
}

impl StateCommand {
    /// Does the command name no file, so that the state of `-r` is meant?
    pub fn means_the_release(&self) -> bool {
        match self {
            Self::Show { files } | Self::Check { files } | Self::Fmt { files, .. } => files.is_empty(),
            Self::Unsent { .. } => false,
        }
    }
}
