//! Front ends ask no service, neither by name nor through the context, which knows all of them.

use super::source::{Source, code_only, tokens};
use super::{below, source};

/// Where the context makes its clients.
const CLIENTS: &str = "src/core/context/clients.rs";

/// Modules that make requests and show answers.
const SHOWING: [&str; 5] = ["cli", "mcp", "web", "grammar", "render"];

/// What a front end takes from the context all the same, with the reason; the list may only become shorter.
const KNOWN: [(&str, &str); 1] =
    [("src/cli/serve.rs: asks oauth", "whoever may come in is decided before there is a request")];

/// Clients that front ends make for themselves.
fn clients_made(sources: &[Source], clients: &Source) -> Vec<String> {
    let code = tokens(&code_only(clients.product()));
    let made: Vec<_> = code.windows(5).filter(|five| five[0] == "fn" && five[2..] == ["(", "&", "self"]).collect();
    let is_client = |name: &str| made.iter().any(|five| five[1] == name);
    let mut found = Vec::new();
    for source in sources {
        if !source.module().first().is_some_and(|module| SHOWING.contains(&module.as_str())) {
            continue;
        }
        for four in tokens(&code_only(source.product())).windows(4) {
            if four[0] == "ctx" && four[1] == "." && four[3] == "(" && is_client(&four[2]) {
                found.push(format!("{}: asks {}", source.file, four[2]));
            }
        }
        // To hand the store on is no question to it.
        let of_store =
            |six: &&[String]| six[..4] == ["ctx", ".", "statebox", "."] && six[4] != "clone" && six[5] == "(";
        if tokens(&code_only(source.product())).windows(6).any(|six| of_store(&six)) {
            found.push(format!("{}: asks the store", source.file));
        }
    }
    found
}

#[test]
fn a_front_end_that_asks_a_service_through_the_context_is_found() {
    let clients = source(CLIENTS, "impl Context { pub fn jira(&self) -> Jira { x } fn auth(service: Service) {} }");
    let text = "fn f() { call.ctx.jira().look(); ctx.auth(); ctx.statebox.load(r); ctx.statebox.clone(); }";
    let files = [source("src/mcp/tool.rs", text), source("src/operators/run.rs", text)];
    assert_eq!(clients_made(&files, &clients), ["src/mcp/tool.rs: asks jira", "src/mcp/tool.rs: asks the store"]);
}

#[test]
fn front_ends_ask_services_through_operators_alone() {
    let sources = below("src", &[".rs"]);
    let clients = sources.iter().find(|source| source.file == CLIENTS).expect("the clients");
    let known: Vec<_> = KNOWN.iter().map(|(known, _)| *known).collect();
    assert_eq!(clients_made(&sources, clients), known, "what is asked for is a view of `operators`");
    assert!(KNOWN.iter().all(|(_, reason)| reason.len() > 20));
}
