//! The simulated Kubernetes API beside the official Python client: what it writes, it reads back.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oar::core::clock::VirtualClock;
use oar::sim::auth::KUBE_TOKEN;
use oar::sim::faults::rules::Faults;
use oar::sim::scenario::Scenario;
use oar::sim::server::{Simulator, StartOptions};

use crate::real_files::skipped;

/// Labels a payload, reads it back in three ways, and takes the label off; each line is one answer.
const PROGRAM: &str = r#"
import sys
from kubernetes import client
from kubernetes.client.rest import ApiException
address, token, name = sys.argv[1:]
settings = client.Configuration()
settings.host = address
settings.api_key = {"authorization": "Bearer " + token}
api = client.CustomObjectsApi(client.ApiClient(settings))
place = ("release.openshift.io", "v1alpha1", "ocp", "releasepayloads")
label = "release.openshift.io/qe_state"
def labelled(value):
    return api.patch_namespaced_custom_object(*place, name, {"metadata": {"labels": {label: value}}})
print(labelled("Accepted")["metadata"]["labels"])
print(api.get_namespaced_custom_object(*place, name)["metadata"]["labels"])
found = api.list_namespaced_custom_object(*place, label_selector=label + "=Accepted")["items"]
print([one["metadata"]["name"] == name for one in found])
print(labelled(None)["metadata"]["labels"])
for wrong in [lambda: api.get_namespaced_custom_object(*place, "none"), lambda: labelled("no label")]:
    try:
        wrong()
    except ApiException as error:
        print(error.status)
"#;

const EXPECTED: &str = "\
{'release.openshift.io/qe_state': 'Accepted'}
{'release.openshift.io/qe_state': 'Accepted'}
[True]
{}
404
422
";

/// The interpreter that has the client, if there is one.
#[expect(clippy::disallowed_methods, reason = "the interpreter with the client is named by the surroundings")]
fn python() -> Option<PathBuf> {
    let named = std::env::var("OAR_KUBERNETES_PYTHON").ok();
    let local = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/kubernetes-venv/bin/python");
    let python = named.map_or(local, PathBuf::from);
    let usable = Command::new(&python).args(["-c", "import kubernetes"]).stderr(Stdio::null()).status();
    usable.is_ok_and(|status| status.success()).then_some(python)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_reads_back_the_label_that_it_has_set() {
    let Some(python) = python() else {
        skipped("no Python client for Kubernetes (set OAR_KUBERNETES_PYTHON)");
        return;
    };
    let mut scenario = Scenario::named("smooth", None, None).unwrap();
    (scenario.plan.sizes.images, scenario.plan.sizes.components) = (6, 6);
    let name = scenario.plan.nightly().unwrap().to_owned();
    let clock = VirtualClock::starting_at(scenario.start());
    let options = StartOptions { port: 0, scenario, seed: 7, clock, faults: Faults::none() };
    let simulator = Simulator::start(options).await.unwrap();
    let address = format!("{}/kube", simulator.base_url());
    let asked = tokio::task::spawn_blocking(move || {
        Command::new(python).args(["-c", PROGRAM, &address, KUBE_TOKEN, &name]).output().expect("python starts")
    });
    let output = asked.await.unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(said, EXPECTED, "{errors}");
    assert_eq!(simulator.unmatched(), Vec::<String>::new());
}
