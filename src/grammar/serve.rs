//! The arguments of `oar mcp serve`, and which of them fit together.

use std::path::PathBuf;

use clap::Args;

/// How to serve.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Speak over stdin and stdout instead of HTTP
    #[arg(long)]
    pub stdio: bool,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", env = "MCP_HOST", default_value = "127.0.0.1")]
    pub host: std::net::IpAddr,
    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT", env = "MCP_PORT", default_value_t = 8000)]
    pub port: u16,
    /// Groups of tools to offer: status, release, jobs, issues, analysis, admin, or all
    #[arg(long, value_name = "SETS", default_value = "status,release,issues")]
    pub toolsets: String,
    /// Offer only these of them
    #[arg(long, value_name = "NAMES")]
    pub tools: Option<String>,
    /// Offer all but these
    #[arg(long, value_name = "NAMES")]
    pub exclude_tools: Option<String>,
    /// Offer only what changes nothing
    #[arg(long)]
    pub read_only: bool,
    /// How callers show who they are; none works on this machine only
    #[arg(long, value_name = "HOW", default_value = "token")]
    pub auth: AuthMode,
    /// Certificate to speak TLS with, in PEM form with those of its issuers; read once, at the start
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Name of the proxy in front that speaks TLS with callers, when this server does not
    #[arg(long, value_name = "NAME")]
    pub behind_proxy: Option<String>,
    /// Start although variables that every tool needs are missing; tools then say which
    #[arg(long)]
    pub allow_degraded: bool,
    /// Do not serve the older transport at /sse
    #[arg(long)]
    pub no_legacy_sse: bool,
    /// Another name by which this server is called (host or host:port)
    #[arg(long, value_name = "HOST")]
    pub allowed_host: Vec<String>,
    /// An origin whose pages may call this server
    #[arg(long, value_name = "ORIGIN")]
    pub allowed_origin: Vec<String>,
    /// Also offer what the protocol's test suite looks for
    #[cfg(feature = "conformance")]
    #[arg(long)]
    pub fixtures: bool,
}

/// How callers show who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AuthMode {
    /// By a bearer token of ours, or of the OAuth server of the settings
    Token,
    /// By a token of the OAuth server of the settings
    Oauth,
    /// Not at all
    None,
}

impl ServeArgs {
    /// Other machines come in only with a credential that nobody on the way can read.
    pub fn may_listen(&self) -> Result<(), String> {
        let here = self.host.is_loopback() && self.behind_proxy.is_none();
        if self.stdio || here {
            return Ok(());
        }
        if self.auth == AuthMode::None {
            return Err("--auth none is for this machine only; leave it out, or serve on 127.0.0.1".to_owned());
        }
        match &self.behind_proxy {
            None if self.tls_cert.is_some() && self.allowed_host.is_empty() => {
                Err("other machines use a name of this one: add it with --allowed-host NAME".to_owned())
            }
            None if self.tls_cert.is_some() => Ok(()),
            None => Err(format!(
                "on {} tokens would travel in the clear; give --tls-cert and --tls-key, or put a proxy with TLS in front \
                 and name it: --behind-proxy NAME",
                self.host
            )),
            Some(name) if name.trim().is_empty() => Err("--behind-proxy needs the name of the proxy".to_owned()),
            Some(_) if self.allowed_host.is_empty() => {
                Err("behind a proxy, callers use its name: add it with --allowed-host NAME".to_owned())
            }
            Some(_) => Ok(()),
        }
    }
}
