use super::*;

fn challenges(values: &[&'static str]) -> HeaderMap {
    values.iter().map(|value| (header::WWW_AUTHENTICATE, HeaderValue::from_static(value))).collect()
}

#[test]
fn the_token_is_found_among_all_challenges_of_all_headers() {
    for values in [
        &["Negotiate c2VydmVy"][..],
        &["negotiate  c2VydmVy "],
        &["Basic realm=\"x\"", "NEGOTIATE c2VydmVy"],
        &["Basic realm=\"x\", Negotiate c2VydmVy"],
    ] {
        assert_eq!(offered(&challenges(values)).as_deref(), Some(b"server".as_slice()), "{values:?}");
    }
}

#[test]
fn an_invitation_without_token_and_a_damaged_token_are_no_token() {
    for values in [&[][..], &["Negotiate"], &["Negotiate ***"], &["Basic c2VydmVy"]] {
        assert_eq!(offered(&challenges(values)), None, "{values:?}");
    }
}

#[test]
fn a_token_is_not_shown_by_debug_output() {
    let value = credential(b"invented");
    assert_eq!(value.to_str().unwrap(), "Negotiate aW52ZW50ZWQ=");
    assert!(!format!("{value:?}").contains("aW52"));
}

#[test]
fn only_an_unproved_answer_may_belong_to_a_write_that_happened() {
    assert!(Kerberos::Unproved.may_have_happened());
    assert!(!Kerberos::NotAccepted(401).may_have_happened() && !Kerberos::NoTicket.may_have_happened());
}

#[cfg(not(feature = "kerberos"))]
#[tokio::test]
async fn a_build_without_kerberos_says_so_and_names_the_way_out() {
    let error = check_ticket().await.unwrap_err();
    assert_eq!(error.to_string(), "cannot be asked: this oar was built without Kerberos");
    assert!(error.next_step(Service::Errata).contains("OAR_ERRATA_AUTH=bearer"));
}
