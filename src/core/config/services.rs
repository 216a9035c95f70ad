//! Addresses of services, rewrites of addresses inside data, and which hosts may be talked to.

use std::collections::BTreeMap;

use url::Url;

use super::error::ConfigError;
use super::hosts::HostRule;
use super::origin::Origin;
use super::sources::{Sources, bad};
use crate::domain::build::Arch;
use crate::domain::release::Minor;
use crate::domain::service::Service;

/// How a simulator spells its own address inside data.
const SIMULATED: &str = "https://sim.example.com";

/// Where every service is.
#[derive(Debug, Clone)]
pub struct Services {
    urls: BTreeMap<Service, String>,
    registries: BTreeMap<String, String>,
    /// Prefixes of absolute addresses inside data and what replaces them; longest first.
    pub rewrites: Vec<(String, String)>,
    /// Which hosts may be talked to.
    pub allowed: HostRule,
    /// Base address of the simulator, without a final slash.
    pub simulator: Option<String>,
}

impl Services {
    /// Base address without a final slash; a template keeps its placeholder.
    ///
    /// # Errors
    ///
    /// The service has no default and was not set.
    pub fn url(&self, service: Service) -> Result<&str, ConfigError> {
        self.urls
            .get(&service)
            .map(String::as_str)
            .ok_or_else(|| ConfigError::NotSet { key: format!("services.{service}.url"), variable: service.url_env() })
    }

    /// How links for people begin, without a final slash. Under the simulator they name no port of this machine: what
    /// is stored must be the same each time.
    pub fn link_base(&self, service: Service) -> String {
        match &self.simulator {
            Some(_) => format!("{SIMULATED}/{service}"),
            None => self.url(service).unwrap_or_default().trim_end_matches('/').to_owned(),
        }
    }

    /// Address of the build data of a minor.
    ///
    /// # Errors
    ///
    /// Never with the built-in defaults.
    pub fn build_data_url(&self, minor: Minor) -> Result<String, ConfigError> {
        let (base, branch) = (self.url(Service::BuildData)?, minor.build_data_branch());
        Ok(match base.contains("%s") {
            true => base.replace("%s", &branch),
            false => format!("{base}/{branch}/releases.yml"),
        })
    }

    /// Base address of the release controller of `arch` (`amd64`, `multi`, …), without a final slash.
    ///
    /// # Errors
    ///
    /// Never with the built-in defaults.
    pub fn release_controller_url(&self, arch: &str) -> Result<String, ConfigError> {
        Ok(self.url(Service::ReleaseController)?.replace("{arch}", arch))
    }

    /// Base address of an image registry by the host that image names carry.
    pub fn registry_url(&self, host: &str) -> String {
        match (self.registries.get(host), &self.simulator) {
            (Some(url), _) => url.clone(),
            (None, Some(simulator)) => format!("{simulator}/{}", Service::Registry),
            (None, None) => format!("https://{host}"),
        }
    }

    /// Every configured host (with its port, when it has one): those whose addresses people may paste.
    pub fn hosts(&self) -> Vec<String> {
        let inside_data = self.rewrites.iter().map(|(from, _)| from);
        let known = self.urls.values().chain(self.registries.values()).chain(inside_data);
        let each_arch = |url: &String| -> Vec<String> {
            let arches = Arch::NAMES.iter().filter(|_| url.contains("{arch}"));
            let named: Vec<_> = arches.map(|arch| url.replace("{arch}", arch)).collect();
            if named.is_empty() { vec![url.clone()] } else { named }
        };
        let authority = |url: String| {
            let url = Url::parse(&url).ok()?;
            let host = url.host_str()?.to_owned();
            Some(url.port().map_or(host.clone(), |port| format!("{host}:{port}")))
        };
        let mut hosts: Vec<_> = known.flat_map(each_arch).filter_map(authority).collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    /// Reads all addresses. `sealed` holds those that the sealed settings name.
    pub(super) fn read(
        sources: &mut Sources<'_>,
        sealed: &BTreeMap<Service, (String, Origin)>,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        let simulator = read_simulator(sources)?;
        let mut urls = BTreeMap::new();
        let mut rewrites = Vec::new();
        for service in Service::ALL.iter().copied().filter(|service| service.has_address()) {
            let key = format!("services.{service}.url");
            let given = sources.given_for_this_run(&key, service.url_env());
            let built_in = sources.built_in(&key);
            let sealed = sealed.get(&service).filter(|(url, _)| !is_one_of(url, built_in.as_ref())).cloned();
            let configured: Vec<_> = [sources.in_file(&key), sealed, built_in].into_iter().flatten().collect();
            let aliases = aliases(sources, service);
            if let Some((base, _)) = &simulator {
                let real = configured.iter().map(|(url, _)| url.as_str());
                for from in real.chain(aliases.split(',')).filter(|from| !from.is_empty()) {
                    rewrites.extend(to_simulator(from, &format!("{base}/{service}")));
                }
            }
            let chosen = match (given, &simulator) {
                (Some(given), Some(_)) => Some(must_be_local(&key, given)?),
                (Some(given), None) => Some(given),
                (None, Some((base, origin))) => {
                    if let Some((url, at)) = configured.first()
                        && !matches!(at, Origin::Default | Origin::Sealed { .. })
                    {
                        warnings.push(format!("{key} = {url} ({at}) is not used: OAR_SIM_URL is set"));
                    }
                    Some((format!("{base}/{service}"), origin.clone()))
                }
                (None, None) => configured.first().cloned(),
            };
            if let Some((url, origin)) = chosen {
                let url = checked(&key, &url, &origin)?;
                sources.note(&key, service.url_env(), &url, origin);
                urls.insert(service, url);
            }
        }
        let allowed = match (&simulator, sources.optional("network.allow", "OAR_NETWORK_ALLOW")) {
            (Some(_), _) => HostRule::Loopback,
            (None, Some(hosts)) => HostRule::Listed(hosts.split(',').map(|host| host.trim().to_owned()).collect()),
            (None, None) => HostRule::Any,
        };
        if let Some((base, _)) = &simulator {
            // Addresses inside simulated data name no port, so that state files of two rehearsals are equal.
            rewrites.push((SIMULATED.to_owned(), base.clone()));
        }
        let registries = pairs(sources, "registries", "OAR_REGISTRY_MAP")?;
        rewrites.extend(pairs(sources, "url_rewrites", "OAR_URL_REWRITES")?);
        // Longest first; of two equal ones the later given by a person comes first.
        rewrites.reverse();
        rewrites.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        rewrites.dedup_by(|later, earlier| later.0 == earlier.0);
        let simulator = simulator.map(|(base, _)| base);
        Ok(Self { urls, registries: registries.into_iter().collect(), rewrites, allowed, simulator })
    }
}

/// Further addresses under which a service occurs inside data.
fn aliases(sources: &mut Sources<'_>, service: Service) -> String {
    let key = format!("services.{service}.aliases");
    sources.make_known(&key);
    let both = [sources.built_in(&key), sources.in_file(&key)];
    both.into_iter().flatten().map(|(text, _)| text).collect::<Vec<_>>().join(",")
}

/// Older sealed settings name one host of a service that has one per architecture; the template
/// says more, so it stays.
fn is_one_of(url: &str, template: Option<&(String, Origin)>) -> bool {
    let url = url.trim_end_matches('/');
    template.is_some_and(|(template, _)| {
        template.contains("{arch}") && Arch::NAMES.iter().any(|arch| template.replace("{arch}", arch) == url)
    })
}

fn read_simulator(sources: &mut Sources<'_>) -> Result<Option<(String, Origin)>, ConfigError> {
    let key = "simulator.url";
    let Some(given) = sources.given_for_this_run(key, "OAR_SIM_URL") else { return Ok(None) };
    let (url, origin) = must_be_local(key, given)?;
    sources.note(key, "OAR_SIM_URL", &url, origin.clone());
    Ok(Some((url.trim_end_matches('/').to_owned(), origin)))
}

/// A real address and the simulator's; templates stand for every address they can become.
fn to_simulator(from: &str, to: &str) -> Vec<(String, String)> {
    let from = from.trim_end_matches('/');
    if from.contains("{arch}") {
        return Arch::NAMES.iter().map(|arch| (from.replace("{arch}", arch), to.to_owned())).collect();
    }
    let from = from.split("%s").next().unwrap_or(from).trim_end_matches('/');
    vec![(from.to_owned(), to.to_owned())]
}

fn must_be_local(key: &str, given: (String, Origin)) -> Result<(String, Origin), ConfigError> {
    match Url::parse(&given.0) {
        Ok(url) if HostRule::Loopback.allows(&url) => Ok(given),
        Ok(_) => Err(ConfigError::NotLoopback { key: key.to_owned(), url: given.0, origin: given.1 }),
        Err(_) => Err(bad(key, given.0, given.1, "an address such as http://127.0.0.1:8080")),
    }
}

/// An address with a scheme and a host, without credentials; placeholders are allowed.
fn checked(key: &str, url: &str, origin: &Origin) -> Result<String, ConfigError> {
    let filled = url.replace("%s", "branch").replace("{arch}", "arch");
    match Url::parse(&filled) {
        Ok(parsed) if parsed.password().is_some() || !parsed.username().is_empty() => {
            let hidden = "(an address with credentials)".to_owned();
            Err(bad(key, hidden, origin.clone(), "an address without credentials"))
        }
        Ok(parsed) if parsed.has_host() => Ok(url.trim_end_matches('/').to_owned()),
        Ok(_) | Err(_) => Err(bad(key, url.to_owned(), origin.clone(), "an address such as https://host/path")),
    }
}

/// `a=b,c=d` of a variable over the entries of a table.
fn pairs(sources: &mut Sources<'_>, table: &str, variable: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let mut all = Vec::new();
    for (from, to, origin) in sources.table(table) {
        sources.note(&format!("{table}.{from}"), variable, &to, origin);
        all.push((from, to));
    }
    if let Some((text, origin)) = sources.given_for_this_run(table, variable) {
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let Some((from, to)) = pair.split_once('=') else {
                return Err(bad(table, text.clone(), origin, "pairs such as from=to,from=to"));
            };
            sources.note(&format!("{table}.{from}"), variable, to, origin.clone());
            all.push((from.trim().to_owned(), to.trim().trim_end_matches('/').to_owned()));
        }
    }
    Ok(all)
}
