//! What an answer is good for.

use super::*;

fn at(hour: i64) -> Timestamp {
    "2026-06-09T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour)
}

fn proposal(plan: &str) -> Proposal {
    Proposal {
        tool: "oar_change_advisory_status".into(),
        subject: "4.20.17".into(),
        arguments: "a".into(),
        facts: plan.into(),
        covers: Some("c".into()),
        plan: plan.into(),
        needs_reason: false,
        requester: "agent".into(),
    }
}

fn lead() -> Principal {
    Principal::new("lead", [Scope::Critical])
}

#[test]
fn an_approval_is_used_once() {
    let home = tempfile::tempdir().unwrap();
    let approvals = ApprovalStore::below(home.path());
    let asked = approvals.ask(&proposal("p"), at(0)).unwrap();
    assert_eq!(approvals.take(&proposal("p"), at(1)).unwrap(), None);
    approvals.answer(&asked.id, &lead(), true, Some(" seen ".into()), at(1)).unwrap();
    let again = ApprovalStore::below(home.path());
    let Some(PersonsAnswer::Yes(yes)) = again.take(&proposal("p"), at(2)).unwrap() else { panic!("it was approved") };
    assert_eq!((yes.who.as_str(), yes.reason.as_deref()), ("lead", Some("seen")));
    assert_eq!(approvals.take(&proposal("p"), at(2)).unwrap(), None);
    assert_eq!(approvals.covering(&proposal("later pass"), at(70)), Some(yes.clone()));
    assert_eq!(approvals.covering(&proposal("later pass"), at(80)), None);
    assert_eq!(approvals.earlier(&proposal("x")), Some(yes));
}

#[test]
fn whoever_asks_cannot_answer_and_that_is_noted() {
    let home = tempfile::tempdir().unwrap();
    let approvals = ApprovalStore::below(home.path());
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let notes = Arc::clone(&seen);
    approvals.heard_by(Arc::new(move |noted| {
        notes.lock().unwrap().push(format!("{} {} {}", noted.who, noted.what, noted.tool));
        Ok(())
    }));
    let asked = approvals.ask(&proposal("p"), at(0)).unwrap();
    let agent = Principal::new("agent", Scope::ALL);
    assert!(matches!(approvals.answer(&asked.id, &agent, true, None, at(1)), Err(AnswerRefused::Own)));
    let reader = Principal::new("reader", [Scope::Read]);
    assert!(matches!(approvals.answer(&asked.id, &reader, true, None, at(1)), Err(AnswerRefused::MayNot)));
    assert_eq!(approvals.take(&proposal("p"), at(1)).unwrap(), None);
    assert_eq!(
        *seen.lock().unwrap(),
        [
            "agent asked oar_change_advisory_status",
            "agent refused oar_change_advisory_status",
            "reader refused oar_change_advisory_status"
        ]
    );
}

#[test]
fn a_credential_that_was_made_after_the_question_confirms_nothing() {
    let home = tempfile::tempdir().unwrap();
    let approvals = ApprovalStore::below(home.path());
    let asked = approvals.ask(&proposal("p"), at(0)).unwrap();
    let opened = asked.opened_at.unwrap();
    for young in [opened, opened + SignedDuration::from_hours(1)] {
        let made = Principal { since: Some(young), ..lead() };
        assert!(matches!(approvals.answer(&asked.id, &made, true, None, at(1)), Err(AnswerRefused::Young)));
    }
    let before = Principal { since: Some(opened - SignedDuration::from_nanos(1)), ..lead() };
    assert_eq!(approvals.open_of("agent", "4.20.17", at(1)).len(), 1);
    assert!(approvals.open_of("agent", "4.20.18", at(1)).is_empty());
    assert!(approvals.open_of("lead", "4.20.17", at(1)).is_empty());
    approvals.answer(&asked.id, &before, true, None, at(1)).unwrap();
    assert!(approvals.open_of("agent", "4.20.17", at(1)).is_empty());
}

#[test]
fn an_approval_of_other_facts_or_of_yesterday_counts_nothing() {
    let home = tempfile::tempdir().unwrap();
    let approvals = ApprovalStore::below(home.path());
    let asked = approvals.ask(&proposal("p"), at(0)).unwrap();
    approvals.answer(&asked.id, &lead(), true, None, at(1)).unwrap();
    assert_eq!(approvals.take(&proposal("changed"), at(1)).unwrap(), None);
    assert_eq!(approvals.take(&proposal("p"), at(24)).unwrap(), None, "expired");
    let fresh = approvals.ask(&proposal("changed"), at(2)).unwrap();
    assert_ne!(fresh.id, asked.id);
    assert_eq!(approvals.get(&asked.id).unwrap().state, RequestState::Outdated);
    assert_eq!(approvals.take(&proposal("p"), at(3)).unwrap(), None, "withdrawn");
    assert!(matches!(approvals.answer(&asked.id, &lead(), true, None, at(3)), Err(AnswerRefused::Answered)));
    assert!(matches!(approvals.answer(&fresh.id, &lead(), true, None, at(30)), Err(AnswerRefused::Expired)));
    assert!(approvals.get("../../etc/passwd").is_none());
}

#[test]
fn asking_twice_gives_one_link_and_a_no_is_reported_once() {
    let home = tempfile::tempdir().unwrap();
    let approvals = ApprovalStore::below(home.path());
    let asked = approvals.ask(&proposal("p"), at(0)).unwrap();
    assert_eq!(approvals.ask(&proposal("p"), at(1)).unwrap().id, asked.id);
    approvals.answer(&asked.id, &lead(), false, Some("not today".into()), at(1)).unwrap();
    assert!(matches!(approvals.take(&proposal("p"), at(2)).unwrap(), Some(PersonsAnswer::No(_))));
    assert_eq!(approvals.take(&proposal("p"), at(2)).unwrap(), None);
    assert_ne!(approvals.ask(&proposal("p"), at(3)).unwrap().id, asked.id);
}

#[test]
fn an_answer_that_cannot_be_noted_does_not_count() {
    let home = tempfile::tempdir().unwrap();
    let asked = ApprovalStore::below(home.path()).ask(&proposal("p"), at(0)).unwrap();
    let approvals = ApprovalStore::below(home.path());
    approvals.heard_by(Arc::new(|_| Err(io::Error::other("the disk is full"))));
    let answer = approvals.answer(&asked.id, &lead(), true, None, at(1));
    assert!(matches!(answer, Err(AnswerRefused::Store(_))));
    assert_eq!(approvals.get(&asked.id).unwrap().state, RequestState::Open);
    let consent = Consent { who: "lead".into(), how: How::Elicitation, at: at(1), reason: None };
    assert!(approvals.keep(&proposal("p"), &consent).is_err() && approvals.ask(&proposal("q"), at(1)).is_err());
    assert_eq!(approvals.earlier(&proposal("p")), None);
}

#[test]
fn an_override_needs_a_reason() {
    let home = tempfile::tempdir().unwrap();
    let approvals = ApprovalStore::below(home.path());
    let asked = approvals.ask(&Proposal { needs_reason: true, ..proposal("p") }, at(0)).unwrap();
    let blank = approvals.answer(&asked.id, &lead(), true, Some("  ".into()), at(1));
    assert!(matches!(blank, Err(AnswerRefused::NeedsReason)));
    assert!(approvals.answer(&asked.id, &lead(), true, Some("known flake".into()), at(1)).is_ok());
}
