//! The arguments of `oar sim`.

use clap::Subcommand;

/// The simulator on its own.
#[derive(Debug, Subcommand)]
pub enum SimCommand {
    /// Serve a simulated world and print what to export to talk to it
    ///
    /// Time stands still unless oar waits or you advance it:
    /// oar sim advance 1h
    Serve {
        /// Port on this machine; 0 takes a free one
        #[arg(long, default_value_t = 8500)]
        port: u16,
        /// Which world
        #[arg(long, value_name = "NAME", default_value = "smooth")]
        scenario: String,
        /// Seed of all chance
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Chance per request of one random fault, 0 to 1
        #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
        faults: f64,
    },
    /// List the scenarios
    Scenarios,
    /// Show where the world behind OAR_SIM_URL stands and what will happen next
    Status,
    /// Let something happen in the world behind OAR_SIM_URL; without a name, list what can happen
    Event {
        /// What happens
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// The whole request instead of a name
        #[arg(long, value_name = "JSON", conflicts_with = "name")]
        body: Option<String>,
    },
    /// Hold back everything that happens by itself in the world behind OAR_SIM_URL
    Pause,
    /// Let it happen again; what became due meanwhile happens at once
    Resume,
    /// Let time pass in the world behind OAR_SIM_URL: 90m, 2h, 1d
    Advance {
        /// How long
        #[arg(value_name = "DURATION", value_parser = span)]
        by: jiff::Span,
    },
    /// Switch the rate limits of GitHub, Gangway and Slack in the world behind OAR_SIM_URL
    Limits {
        /// on or off
        #[arg(value_name = "WHICH", value_parser = ["on", "off"])]
        which: String,
    },
    /// Stand-in for the program elliott; answers from the world behind OAR_SIM_URL
    #[command(hide = true, disable_help_flag = true)]
    Elliott {
        /// elliott's own arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn span(text: &str) -> Result<jiff::Span, String> {
    text.parse().map_err(|_| "write a number and a unit, such as 90m, 2h or 1d".to_owned())
}

/// Reads a chance between 0 and 1.
///
/// # Errors
///
/// The text is no such number.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
    rate.ok_or_else(|| "it takes a number from 0 to 1, such as 0.05".to_owned())
}
