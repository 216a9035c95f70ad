//! What a run ends with, as its file keeps it and as whoever waits for it reads it.

use serde_json::json;

use super::reply::{Code, Reply};
use crate::runs::record::Document;
use crate::runs::run::{Ending, TrackedRun, WorkAnswer};

/// Where the log of a run is read.
pub fn log_address(id: &str) -> String {
    format!("oar://runs/{id}/log")
}

/// What a tool answered, for the executor.
pub fn answer(reply: Reply) -> WorkAnswer {
    WorkAnswer { is_cancelled: reply.code == Some(Code::Cancelled), document: reply.body }
}

/// The document of how `run` ended.
pub fn of(ending: Ending, run: &TrackedRun) -> Document {
    let address = log_address(&run.id);
    let mut reply = worded(ending).with("run_id", json!(run.id));
    if let Some(confirmed) = &run.confirmed {
        reply = reply.with("confirmation", json!(confirmed));
    }
    reply.fitting(|_| address).body
}

/// The reply for whoever waited for a run that ended with `document`.
pub fn reply(document: Document) -> Reply {
    let text = |field: &str| document.get(field).and_then(|value| value.as_str()).map(str::to_owned);
    let (run, rest) = (text("run_id"), text("rest"));
    let mut reply = Reply::of_document(document);
    if let Some(run) = run {
        reply = reply.linking(log_address(&run), "log of this run");
    }
    match rest {
        Some(rest) => reply.linking(rest, "the whole answer"),
        None => reply,
    }
}

fn worded(ending: Ending) -> Reply {
    const LOOK_FIRST: &str = "look at the status of the release, then call it again: it goes on where it is";
    match ending {
        Ending::Answered(answer) => Reply::of_document(answer.document),
        Ending::NeverBegan => {
            Reply::error(Code::Cancelled, "the run was cancelled before it began; nothing was done", "call it again")
        }
        Ending::Stopped => Reply::error(Code::Cancelled, "the server is stopping", "call it again"),
        Ending::Panicked => {
            let hint = "look at the status of the release before you call it again, and report this as a bug";
            Reply::error(Code::Internal, "the run ended by a mistake of ours", hint)
        }
        Ending::TimedOut { limit, answer } => {
            let what = format!("the run was ended after its {} s", limit.as_secs());
            let reply = Reply::error(Code::Timeout, what, LOOK_FIRST);
            match answer.document.get("done") {
                Some(done) => reply.with("changed", json!(true)).with("done", done.clone()),
                None => reply,
            }
        }
        Ending::LeftAfter { limit } => {
            let what = format!("the run was ended after its {} s and may have done a part", limit.as_secs());
            perhaps(Reply::error(Code::Timeout, what, LOOK_FIRST))
        }
        Ending::LeftWhenCancelled => {
            perhaps(Reply::error(Code::Cancelled, "the run was cancelled and may have done a part", LOOK_FIRST))
        }
    }
}

/// Nobody saw what the work did last, so nobody may count on nothing having changed.
fn perhaps(reply: Reply) -> Reply {
    reply.with("changed", json!(true)).with("done", json!(["perhaps a part: nobody waited for its last answer"]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn fields(ending: Ending) -> (String, String, String) {
        let body = worded(ending).body;
        let text = |value: Option<&serde_json::Value>| value.map(ToString::to_string).unwrap_or_default();
        (text(body["error"].get("code")), text(body.get("changed")), text(body.get("done")))
    }

    fn cancelled(done: bool) -> WorkAnswer {
        let reply = Reply::error(Code::Cancelled, "cancelled", "again");
        answer(if done { reply.with("done", json!(["moved 1 advisory"])) } else { reply })
    }

    #[test]
    fn every_end_of_a_run_has_its_code_and_says_what_was_done() {
        let limit = Duration::from_secs(7);
        let all = [
            Ending::NeverBegan,
            Ending::Stopped,
            Ending::Panicked,
            Ending::TimedOut { limit, answer: cancelled(true) },
            Ending::TimedOut { limit, answer: cancelled(false) },
            Ending::LeftAfter { limit },
            Ending::LeftWhenCancelled,
            Ending::Answered(cancelled(true)),
        ];
        let (done, perhaps) = (r#"["moved 1 advisory"]"#, r#"["perhaps a part: nobody waited for its last answer"]"#);
        let wanted = [
            ("\"CANCELLED\"", "false", ""),
            ("\"CANCELLED\"", "false", ""),
            ("\"INTERNAL\"", "false", ""),
            ("\"TIMEOUT\"", "true", done),
            ("\"TIMEOUT\"", "false", ""),
            ("\"TIMEOUT\"", "true", perhaps),
            ("\"CANCELLED\"", "true", perhaps),
            ("\"CANCELLED\"", "false", done),
        ];
        let wanted = wanted.map(|(code, changed, done)| (code.to_owned(), changed.to_owned(), done.to_owned()));
        assert_eq!(all.map(fields), wanted);
    }

    #[test]
    fn a_reply_survives_the_way_through_the_record() {
        let large = Reply::said("long", "x".repeat(100_000)).with("run_id", json!("019e"));
        let kept = large.linking(log_address("019e"), "log of this run").fitting(|_| log_address("019e"));
        assert_eq!(reply(kept.body.clone()), kept);
        let refused = Reply::error(Code::Denied, "no", "ask").with("run_id", json!("019e"));
        let refused = refused.linking(log_address("019e"), "log of this run");
        assert_eq!(reply(refused.body.clone()), refused);
    }
}
