//! The arguments of `oar config`.

use std::path::PathBuf;

/// What can be done with settings.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum ConfigCommand {
    /// Show every setting with its value and where the value comes from
    ///
    /// With -r also what build data says about the release. Secrets are shown as ***.
    Show {
        /// With -r: tell for each value the assembly it comes from, and where older tools read another one
        #[arg(long)]
        explain: bool,
    },
    /// Check the settings and the sealed settings, or a file of build data
    Check {
        /// Resolve every assembly of this releases.yml instead
        #[arg(long, value_name = "FILE")]
        build_data: Option<PathBuf>,
    },
    /// Seal a JSON file of settings with the key in OAR_JWK
    Encrypt {
        /// Plain settings
        #[arg(value_name = "IN")]
        input: PathBuf,
        /// Sealed settings; must not exist; - prints them
        #[arg(value_name = "OUT")]
        output: PathBuf,
    },
    /// Open sealed settings with the key in OAR_JWK
    Decrypt {
        /// Sealed settings
        #[arg(value_name = "IN")]
        input: PathBuf,
        /// Plain settings; must not exist or lie in a repository; - prints them
        #[arg(value_name = "OUT")]
        output: PathBuf,
    },
}
