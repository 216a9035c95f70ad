use super::*;

#[test]
fn every_task_is_found_by_its_own_name() {
    for task in Task::ALL {
        assert_eq!(task.name().parse(), Ok(task));
    }
    assert!("Stage Testing".parse::<Task>().is_err());
}

#[test]
fn the_marker_line_is_spelled_as_other_tools_expect() {
    assert_eq!(
        marker(Task::PushToCdnStaging, TaskStatus::InProgress),
        "task [Push to CDN Staging] status is changed to [In Progress]"
    );
}

#[test]
fn a_konflux_release_tracks_ten_tasks() {
    assert_eq!(Task::tracked(Flow::Konflux).count(), 10);
}

#[test]
fn a_mistyped_task_or_status_is_answered_with_the_one_that_was_meant() {
    let text = "stage-test".parse::<Task>().unwrap_err().to_string();
    assert!(text.starts_with("\"stage-test\" is not a task; did you mean \"stage-testing\"?; tasks are: "), "{text}");
    assert_eq!(
        "fail".parse::<TaskStatus>().unwrap_err().to_string(),
        "\"fail\" is not a status; did you mean \"Fail\"?; statuses are: \"Not Started\", \"In Progress\", Pass, Fail"
    );
}
