//! What an answer says of the time, beside the clock of this machine.

use jiff::{SignedDuration, Timestamp};

use super::answer::Answer;

/// `Date` names whole seconds.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// How far our clock is ahead of that of whoever answered between `began` and `ended`; nothing when the answer names no
/// time, or one from a cache on the way.
pub(super) fn ahead(answer: &Answer, began: Timestamp, ended: Timestamp) -> Option<SignedDuration> {
    if answer.header("age").is_some() {
        return None;
    }
    let said = jiff::fmt::rfc2822::parse(answer.header("date")?.trim()).ok()?.timestamp();
    // The answer may have been made at any moment of the exchange.
    let (fast, slow) = (began.duration_since(said) - SECOND, said.duration_since(ended));
    Some(if fast.is_positive() {
        fast
    } else if slow.is_positive() {
        -slow
    } else {
        SignedDuration::ZERO
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, StatusCode};

    use super::*;
    use crate::domain::mask::Masker;
    use crate::domain::service::Service;

    fn heard(headers: &[(&'static str, &'static str)], began: i64, ended: i64) -> Option<i64> {
        let answer = Answer {
            service: Service::Github,
            op: "look",
            status: StatusCode::OK,
            headers: headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
                .collect(),
            body: bytes::Bytes::new(),
            masker: Masker::default(),
            object: String::new(),
            limit: None,
        };
        let at = |second| Timestamp::from_second(784_111_777 + second).unwrap();
        ahead(&answer, at(began), at(ended)).map(|ahead| ahead.as_secs())
    }

    #[test]
    fn the_date_of_an_answer_shows_a_wrong_clock_and_a_slow_answer_shows_none() {
        let date = &[("date", "Sun, 06 Nov 1994 08:49:37 GMT")];
        assert_eq!(heard(date, 0, 1), Some(0));
        assert_eq!(heard(date, -300, 60), Some(0), "it may have been made in between");
        assert_eq!(heard(date, 86_401, 86_402), Some(86_400));
        assert_eq!(heard(date, -902, -900), Some(-900));
    }

    #[test]
    fn an_answer_without_a_time_or_out_of_a_cache_says_nothing() {
        assert_eq!(heard(&[], 0, 1), None);
        assert_eq!(heard(&[("date", "yesterday")], 0, 1), None);
        assert_eq!(heard(&[("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("age", "86400")], 86_400, 86_401), None);
    }
}
