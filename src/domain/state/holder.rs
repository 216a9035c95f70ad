//! Who holds a lease or announced an effect: role, host and process, and an id that no copy of a machine shares.
//!
//! `release-engineer on bastion-1, pid 4242, id 1f2e3d4c5b6a7988`. The process is for people; the id tells
//! two holders apart. Older names, which others may have written, are the whole text.

use super::text;

const PROCESS: &str = ", pid ";
const ID: &str = ", id ";

/// The name of a process.
pub fn name(role: &str, host: &str, process: u32, id: &str) -> String {
    text::note(&format!("{role} on {host}{PROCESS}{process}{ID}{id}"))
}

/// Are both the same machine, whatever process? Only one process of a machine works on a thing at a time, so
/// the next one may go on where the last one ended.
pub fn is_same(one: &str, other: &str) -> bool {
    id(one) == id(other)
}

/// As people read it.
pub fn shown(name: &str) -> String {
    let (name, _) = name.rsplit_once(ID).unwrap_or((name, ""));
    match name.rsplit_once(PROCESS) {
        Some((name, process)) => format!("{name} (process {process})"),
        None => name.to_owned(),
    }
}

fn id(name: &str) -> &str {
    name.rsplit_once(ID).map_or(name, |(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_process_of_a_machine_is_the_same_holder_and_another_machine_is_not() {
        let ours = name("release-engineer", "bastion-1", 4242, "1f2e");
        assert_eq!(ours, "release-engineer on bastion-1, pid 4242, id 1f2e");
        assert!(is_same(&ours, &name("release-engineer", "bastion-1", 7, "1f2e")));
        assert!(!is_same(&ours, &name("release-engineer", "bastion-1", 4242, "3d4c")));
        assert_eq!(shown(&ours), "release-engineer on bastion-1 (process 4242)");
    }

    #[test]
    fn a_name_of_old_is_compared_and_shown_as_it_is() {
        assert!(is_same("lead@0123", "lead@0123") && !is_same("lead@0123", "lead@0124"));
        assert_eq!(shown("lead@0123"), "lead@0123");
    }
}
