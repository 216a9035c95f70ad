//! Command lines to copy, one to three of every command.

/// Examples of one command: its words after `oar`, and lines of command and meaning.
pub(super) type Examples = (&'static str, &'static [(&'static str, &'static str)]);

/// Every command that does something. A test walks the commands and fails for one that is missing here.
pub(super) const EXAMPLES: &[Examples] = &[
    ("create-test-report", &[("oar -r 4.20.17 create-test-report", "begin the release")]),
    (
        "take-ownership",
        &[
            ("oar -r 4.20.17 take-ownership -e lead@example.com", "name the owner"),
            ("oar -r 4.20.17 take-ownership", "take the owner whom the settings name for 4.20"),
        ],
    ),
    (
        "check-cve-tracker-bug",
        &[
            ("oar -r 4.20.17 check-cve-tracker-bug", "look, record, tell ART what is missing"),
            ("oar -r 4.20.17 check-cve-tracker-bug --no-notify", "the same without messages"),
        ],
    ),
    ("check-rhcos-security-alerts", &[("oar -r 4.20.17 check-rhcos-security-alerts", "look and record")]),
    (
        "push-to-cdn-staging",
        &[
            ("oar -r 4.20.17 push-to-cdn-staging", "start what is missing; again later: look how it goes"),
            ("oar -r 4.20.17 push-to-cdn-staging --check-only", "only look"),
        ],
    ),
    (
        "image-consistency-check",
        &[
            ("oar -r 4.20.17 image-consistency-check", "start the job; again later: look how it goes"),
            ("oar -r 4.20.17 image-consistency-check --local --arch amd64 --arch arm64", "compare here, without a job"),
            (
                "oar -r 4.20.17 image-consistency-check -i 5e2a6b1c-9f0e-4d7b-8a33-0c1d2e3f4a5b",
                "hand over a job started by hand",
            ),
        ],
    ),
    (
        "stage-testing",
        &[
            ("oar -r 4.20.17 stage-testing", "start the pipeline; again later: look how it goes"),
            ("oar -r 4.20.17 stage-testing -n 1434", "hand over a build started by hand"),
            (
                "oar -r 4.20.17 stage-testing --force --reason \"pushed by hand, checked\"",
                "start although a gate is closed",
            ),
        ],
    ),
    ("image-signed-check", &[("oar -r 4.20.17 image-signed-check", "look and record")]),
    (
        "analyze-candidate-build",
        &[
            ("oar -r 4.20.17 analyze-candidate-build", "judge the tests of the nightly"),
            (
                "oar -r 4.20.17 analyze-candidate-build --decide accept --reason \"known flake\"",
                "accept a rejected nightly",
            ),
        ],
    ),
    (
        "analyze-promoted-build",
        &[
            ("oar -r 4.20.17 analyze-promoted-build", "judge the tests of the payload"),
            (
                "oar -r 4.20.17 analyze-promoted-build --decide reject --reason \"upgrade is broken\"",
                "reject it for good",
            ),
        ],
    ),
    (
        "change-advisory-status",
        &[
            ("oar -r 4.20.17 change-advisory-status", "one pass; repeat it until it passes"),
            ("oar -r 4.20.17 drive --watch", "have it repeated"),
        ],
    ),
    ("add-qe-approval", &[("oar -r 4.20.17 add-qe-approval", "approve the merge request only")]),
    (
        "status",
        &[
            ("oar -r 4.20.17 status", "where the release stands"),
            ("oar -r 4.20.17 status --json | jq .overall_status", "Green or Red, for a script"),
        ],
    ),
    (
        "is-shipped",
        &[
            ("oar -r 4.20.17 is-shipped", "ask GitLab and the Errata Tool"),
            ("oar -r 4.20.17 is-shipped --json | jq .shipped", "true, false, or null when not all could be asked"),
        ],
    ),
    (
        "metadata",
        &[
            ("oar -r 4.20.17 metadata", "advisories, merge request, builds and date"),
            ("oar -r 4.20.17 metadata --json | jq -r .release_date", "one value for a script"),
        ],
    ),
    (
        "active-releases",
        &[
            ("oar active-releases", "what needs somebody"),
            ("oar active-releases --all --json | jq -r '.releases[].release'", "every release that has a state"),
        ],
    ),
    (
        "plan",
        &[("oar -r 4.20.17 plan", "what is next and why"), ("oar -r 4.20.17 plan --json", "the same for programs")],
    ),
    (
        "drive",
        &[
            ("oar -r 4.20.17 drive", "do what can be done now"),
            ("oar -r 4.20.17 drive --watch", "stay until it is done or a person is needed"),
            ("oar -r 4.20.17 drive --retry stage-testing", "try a failed task again"),
        ],
    ),
    (
        "update-task-status",
        &[
            ("oar -r 4.20.17 update-task-status stage-testing Pass --reason \"checked by hand\"", "accept a finding"),
            ("oar -r 4.20.17 update-task-status stage-testing \"Not Started\"", "have it run again"),
        ],
    ),
    (
        "answer",
        &[
            (
                "oar -r 4.20.17 answer 1a2b3c4d did-not-happen --reason \"Prow shows no such job\"",
                "the next run starts it again",
            ),
            ("oar -r 4.20.17 answer 1a2b3c4d happened --reason \"build 1434 ran\"", "nothing is started again"),
        ],
    ),
    (
        "issue add",
        &[
            ("oar -r 4.20.17 issue add \"etcd upgrade fails\"", "a blocker of the whole release"),
            ("oar -r 4.20.17 issue add \"slow install\" --task stage-testing --no-blocker", "a note about one task"),
        ],
    ),
    (
        "issue resolve",
        &[(
            "oar -r 4.20.17 issue resolve 1a2b3c4d --resolution \"fixed in 4.20.18\"",
            "by the id that issue list shows",
        )],
    ),
    ("issue list", &[("oar -r 4.20.17 issue list", "open ones first")]),
    (
        "config show",
        &[
            ("oar config show", "every setting, and where its value comes from"),
            ("oar -r 4.20.17 config show --explain", "what build data says, assembly by assembly"),
        ],
    ),
    (
        "config check",
        &[
            ("oar config check", "read everything, talk to nobody"),
            ("oar config check --build-data releases.yml", "resolve every assembly of a file"),
        ],
    ),
    ("config encrypt", &[("oar config encrypt plain.json sealed.jwe", "seal with the key in OAR_JWK")]),
    (
        "config decrypt",
        &[
            ("oar config decrypt sealed.jwe -", "print the plain settings"),
            ("oar config decrypt sealed.jwe /tmp/plain.json", "into a file to edit; remove it afterwards"),
        ],
    ),
    (
        "state show",
        &[
            ("oar state show 4.20.17.yaml", "a file"),
            ("oar -r 4.20.17 state show --json | jq .tasks", "the stored state of a release, for a script"),
        ],
    ),
    (
        "state check",
        &[
            ("oar state check 4.20.17.yaml", "is it usable, what is odd"),
            ("oar state check *.yaml --json | jq '.files[] | select(.usable | not)'", "only the unusable ones"),
        ],
    ),
    (
        "state fmt",
        &[
            ("oar state fmt 4.20.17.yaml", "write it in the common form"),
            ("oar state fmt --check 4.20.17.yaml", "only tell whether it would change"),
        ],
    ),
    (
        "state unsent",
        &[
            ("oar state unsent", "of all releases"),
            ("oar -r 4.20.17 state unsent", "of one release"),
            ("oar state unsent --send", "send them now"),
        ],
    ),
    (
        "rehearse",
        &[
            ("oar rehearse 4.20.17", "a whole release, without any credential"),
            (
                "oar rehearse 4.20.17 --scenario stage-pipeline-fails-twice --people-help",
                "with something that goes wrong",
            ),
            ("oar rehearse --from 4.20.17.yaml", "go on from a real state file"),
        ],
    ),
    (
        "sim serve",
        &[
            ("oar sim serve", "a world on port 8500; copy what it prints into another terminal"),
            ("oar sim serve --port 0 --scenario smooth --seed 7", "a free port, another chance"),
        ],
    ),
    (
        "mcp serve",
        &[
            ("oar mcp serve", "over HTTP on 127.0.0.1:8000; prints a token at its first start"),
            ("oar mcp serve --toolsets all --read-only", "everything that changes nothing"),
            ("oar mcp serve --stdio", "for a client that starts the server itself"),
        ],
    ),
    ("mcp tools", &[("oar mcp tools", "names, groups and titles")]),
    (
        "mcp token add",
        &[
            ("oar mcp token add nightly-agent", "what agents may usually do"),
            ("oar mcp token add lead --scopes release:read,release:critical --expires 90d", "confirms, for 90 days"),
        ],
    ),
    ("mcp token list", &[("oar mcp token list", "names, scopes and ends; never the tokens")]),
    ("mcp token revoke", &[("oar mcp token revoke nightly-agent", "lets it in no more, at once")]),
    ("mcp audit verify", &[("oar mcp audit verify", "is the log whole, and how far does it go?")]),
    (
        "mcp install",
        &[
            ("oar mcp install", "sets Claude Code up for this project"),
            ("oar mcp install --transport stdio", "the client starts the server itself"),
        ],
    ),
    ("sim scenarios", &[("oar sim scenarios", "names for --scenario, and what happens in each")]),
    ("sim status", &[("oar sim status", "time, advisories, what comes next")]),
    (
        "sim event",
        &[
            ("oar sim event", "list what can happen"),
            ("oar sim event promote", "ART promotes the payload now"),
            ("oar sim event --body '{\"name\": \"mr-merged\"}'", "the whole request"),
        ],
    ),
    ("sim pause", &[("oar sim pause", "nothing happens by itself any more")]),
    ("sim resume", &[("oar sim resume", "what became due happens at once")]),
    ("sim advance", &[("oar sim advance 90m", "an hour and a half passes"), ("oar sim advance 2d", "two days pass")]),
    (
        "sim limits",
        &[("oar sim limits on", "services refuse too many requests"), ("oar sim limits off", "they do not")],
    ),
    (
        "ctl approval-checker",
        &[
            ("oarctl approval-checker -r 4.20.17", "one pass, from cron"),
            ("oar -r 4.20.17 ctl approval-checker --json", "the same for programs"),
        ],
    ),
    (
        "ctl image-consistency-check",
        &[(
            "oarctl image-consistency-check -p registry.example.com/ocp/release:4.20.17-x86_64 -m 123",
            "compare a payload with a merge request",
        )],
    ),
    (
        "job run",
        &[
            ("job run periodic-ci-x-e2e --payload registry.example.com/ocp/release:4.20.17-x86_64", "install it"),
            (
                "job run periodic-ci-x-upgrade --upgrade_to registry.example.com/ocp/release:4.20.17-x86_64",
                "upgrade to it",
            ),
            ("job run e2e-aws", "which jobs have that in their names"),
        ],
    ),
    (
        "job get-results",
        &[
            ("job get-results 1f0e0b2c-0001-4000-8000-000000000001", "where it stands"),
            ("job get-results 1f0e0b2c-0001-4000-8000-000000000001 --json | jq -r .jobURL", "its page"),
        ],
    ),
    ("job list", &[("job list --component openshift/openshift-tests-private", "tests, and names of their jobs")]),
    (
        "job run-required",
        &[(
            "job run-required --channel 4.20 --file required.json --version 4.20.17 --yes",
            "each job of the list once; the same line starts what is missing",
        )],
    ),
    (
        "job run-image-consistency-check",
        &[(
            "job run-image-consistency-check -p registry.example.com/ocp/release:4.20.17-x86_64 -m 123",
            "compare a payload with a merge request",
        )],
    ),
    (
        "job run-stage-testing",
        &[("job run-stage-testing -p registry.example.com/ocp/release:4.20.17-x86_64", "the stage test of its minor")],
    ),
    (
        "jobctl evaluate",
        &[
            ("jobctl evaluate ocp-test-result-4.20.17-amd64.json", "by the registry beside it"),
            (
                "jobctl evaluate --format tsv --registry-history versions ocp-test-result-*.json",
                "a table, each by the registry of its time",
            ),
            (
                "jobctl evaluate --json ocp-test-result-4.20.17-amd64.json | jq .coverage",
                "how many of the required jobs ran, for a script",
            ),
        ],
    ),
    (
        "jobctl start-controller",
        &[
            ("jobctl start-controller -r 4.20", "nightly builds of 4.20, once"),
            ("jobctl start-controller -r 4.20 --no-nightly", "stable builds"),
            ("jobctl start-controller --all", "both streams of every minor"),
        ],
    ),
    (
        "jobctl trigger-jobs-for-build",
        &[("jobctl trigger-jobs-for-build --build 4.20.17", "what it lacks; its runs are kept")],
    ),
    (
        "jobctl start-aggregator",
        &[
            ("jobctl start-aggregator", "judge what is open, once"),
            ("jobctl start-aggregator --shadow", "judge and report, change nothing"),
        ],
    ),
    (
        "jobctl promote-test-results",
        &[(
            "jobctl promote-test-results --build 4.20.17 --reason 'the failure is one of the test'",
            "accept it all the same",
        )],
    ),
    (
        "jobctl reject-payload",
        &[
            ("jobctl reject-payload --build 4.20.17 --reason 'it leaks memory'", "nobody takes it"),
            ("jobctl reject-payload --build 4.20.17 --take-back --reason 'it was the test'", "as before"),
        ],
    ),
    (
        "jobctl update-retried-job-run",
        &[(
            "jobctl update-retried-job-run --build 4.20.17 --job-name JOB --current-job-id 1f0e0b2c-0001-4000-8000-000000000001 --new-job-id 1f0e0b2c-0002-4000-8000-000000000002 --reason 'a network outage'",
            "let another run count",
        )],
    ),
    (
        "jobctl registry check",
        &[
            ("jobctl registry check ocp-4.20-test-jobs-amd64.json", "before a change is merged"),
            ("jobctl registry check", "all that are stored"),
        ],
    ),
    (
        "completions",
        &[
            ("oar completions bash > ~/.local/share/bash-completion/completions/oar", "bash"),
            ("oar completions zsh > ~/.zfunc/_oar", "zsh, with ~/.zfunc in fpath"),
            ("oar completions fish > ~/.config/fish/completions/oar.fish", "fish"),
        ],
    ),
    (
        "man",
        &[
            ("oar man | man -l -", "read the page of oar"),
            ("oar man --dir man/man1", "write the pages of all commands"),
        ],
    ),
];
