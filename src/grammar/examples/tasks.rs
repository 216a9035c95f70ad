//! Of each task: when it may start, what it writes and how it ends.

/// A task: its name, when it may start, what it writes, how it ends.
pub(super) type Teaching = (&'static str, &'static str, &'static str, &'static str);

const TASK_EXITS: &str = "0 passed, started or under way; 3 it may not start yet and that comes by itself; 4 a person is needed; 5 Fail; 6 a credential; 7 a service is down; 8 somebody else is at work";

pub(super) const TASKS: &[Teaching] = &[
    (
        "create-test-report",
        "as soon as build data lists the release",
        "the state file of the release; one that exists stays as it is",
        TASK_EXITS,
    ),
    (
        "take-ownership",
        "once build data names the advisories and the shipment merge request",
        "owner of the advisories, a comment on the merge request, sub-tasks of the ART ticket, the task's entry in the state",
        TASK_EXITS,
    ),
    (
        "check-cve-tracker-bug",
        "any time; needs the program elliott",
        "an issue about missed trackers and the task's entry in the state; nothing on advisories",
        TASK_EXITS,
    ),
    (
        "check-rhcos-security-alerts",
        "once build data names the advisories",
        "an issue about blocking alerts, which holds back only the final approval, and the task's entry in the state",
        TASK_EXITS,
    ),
    (
        "push-to-cdn-staging",
        "once the advisories are in a state that can be pushed; otherwise ART is needed",
        "push jobs in the Errata Tool and the task's entry in the state; no push is started twice",
        TASK_EXITS,
    ),
    (
        "image-consistency-check",
        "once the payload is Accepted and the stage release of the shipment succeeded",
        "one Prow job (none with --local), a note about image health on the merge request, the task's entry in the state",
        TASK_EXITS,
    ),
    (
        "stage-testing",
        "once the payload is Accepted, the stage release succeeded and the push has passed, with nobody else in the queue",
        "one Jenkins build and the task's entry in the state with the reference to that build",
        TASK_EXITS,
    ),
    (
        "image-signed-check",
        "any time; before promotion it waits",
        "the task's entry in the state",
        "0 signed, or not due yet; 5 still unsigned on the release date; 6 a credential; 7 a service is down",
    ),
    (
        "analyze-candidate-build",
        "once build data names the nightly and its tests ended",
        "the task's entry in the state; with --decide also the decision and its reason",
        TASK_EXITS,
    ),
    (
        "analyze-promoted-build",
        "once the payload is promoted and its tests ended",
        "the task's entry in the state; with --decide also the decision and its reason",
        TASK_EXITS,
    ),
    (
        "change-advisory-status",
        "one day before the release date, when every other task passed and no blocker is open",
        "approval of the merge request, advisories to REL_PREP, the task's entry in the state",
        TASK_EXITS,
    ),
    (
        "add-qe-approval",
        "while the shipment merge request is open",
        "our approval of the merge request; nothing in the state",
        TASK_EXITS,
    ),
    (
        "drive",
        "any time; only one driver of a release at a time",
        "whatever the tasks write that it runs, and a lease in the state",
        "0 done, or there is more to do (--once); 3 waiting; 4 a person is needed; 5 Fail; 6 a credential; 7 a service is down; 8 somebody else drives",
    ),
    ("plan", "any time", "nothing", "0 planned, whatever the plan says; 6 a credential; 7 a service is down"),
    (
        "status",
        "any time after create-test-report",
        "nothing",
        "0 shown; 4 there is no state; 6 a credential; 7 a service is down",
    ),
];
