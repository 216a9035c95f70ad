//! Does the record say that a release was given up?
//!
//! People close the blocker that ended a release with words to that effect; there is no field for it.
//! Going on would ship what everybody agreed not to ship, so the words stop the drive and a person decides.

/// Phrases that give a release up. Seen in real resolutions: "withdrawn due to this blocking issue",
/// "will not ship", "will be cancelled due to promoted build test failures".
const PHRASES: [&str; 8] = [
    "withdrawn",
    "will not ship",
    "won't ship",
    "will not be shipped",
    "will be cancelled",
    "was cancelled",
    "will be canceled",
    "was canceled",
];

/// Does the resolution of a blocker give up `release`? It has to name the release and say so.
pub fn gives_up(release: &str, resolution: &str) -> bool {
    let text = resolution.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    text.contains(&format!("release {release} ")) && PHRASES.iter().any(|phrase| text.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::gives_up;

    #[test]
    fn a_blocker_closed_because_the_release_was_given_up_is_recognised() {
        assert!(gives_up("4.14.64", "Release 4.14.64 withdrawn due to this\n  blocking issue. Release will not ship."));
        assert!(gives_up("4.15.63", "Release 4.15.63 will be cancelled due to promoted build test failures"));
    }

    #[test]
    fn other_resolutions_do_not_stop_a_release() {
        for resolution in [
            "RPM advisory 166186 was intentionally closed with DROP_NO_SHIP. Release proceeding with RHCOS only.",
            "job 4.15.63 was cancelled and started again",
            "Release 4.15.6 withdrawn",
            "",
        ] {
            assert!(!gives_up("4.15.63", resolution), "{resolution}");
        }
    }
}
