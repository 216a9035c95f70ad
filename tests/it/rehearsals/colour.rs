//! What is coloured, and what is not: a status and a label where we write them, never a word of somebody else.

use insta::assert_snapshot;

use crate::rehearsal::{TestWorld, promoted, with_state_file};

/// What `oar LINE` prints in colour, with names for the escapes.
async fn coloured(world: &TestWorld, line: &str) -> String {
    let mut shown = world.oar(&format!("--color always {line}")).await;
    for (escape, name) in [
        ("\u{1b}[1m\u{1b}[31m", "<red>"),
        ("\u{1b}[32m", "<green>"),
        ("\u{1b}[33m", "<yellow>"),
        ("\u{1b}[36m", "<cyan>"),
        ("\u{1b}[0m", "</>"),
    ] {
        shown = shown.replace(escape, name);
    }
    assert!(!shown.contains('\u{1b}'), "{shown}");
    shown
}

#[tokio::test]
async fn a_failed_task_is_red_where_it_is_said_and_where_it_is_listed() {
    let world = promoted().await;
    world.oar("stage-testing").await;
    world.time_passes("2m");
    world.oar("stage-testing").await;
    world.stage_pipeline_ends("FAILURE");

    assert_snapshot!(coloured(&world, "stage-testing").await, @"
    stage-testing <red>Fail</>: jenkins 1434 <https://sim.example.com/jenkins/job/zstreams/job/Stage-Pipeline/1434/> ended with FAILURE
      <cyan>next:</> look into it; when it is mended: oar -r 4.20.17 drive --retry stage-testing
            to accept it as it is: oar -r 4.20.17 update-task-status stage-testing Pass --reason TEXT
    exit 5
    ");
    assert_snapshot!(coloured(&world, "status").await, @"
    4.20.17  <red>Red</>
    release date 2026-Jun-10, Konflux flow, updated 2026-06-03T06:02:00Z
    shipment https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117
      take-ownership              <green>Pass</>         2026-06-03T06:00:00Z
      check-cve-tracker-bug       <green>Pass</>         2026-06-03T06:00:00Z
      check-rhcos-security-alerts <green>Pass</>         2026-06-03T06:00:00Z
      push-to-cdn-staging         <green>Pass</>         2026-06-03T06:00:00Z
      analyze-candidate-build     <green>Pass</>         2026-06-03T06:00:00Z
      analyze-promoted-build      <green>Pass</>         2026-06-03T06:00:00Z
      image-consistency-check     Not Started
      stage-testing               <red>Fail</>         2026-06-03T06:02:00Z
            jenkins 1434
            <https://sim.example.com/jenkins/job/zstreams/job/Stage-Pipeline/1434/>
            ended with FAILURE
      image-signed-check          Not Started
      change-advisory-status      Not Started
    <red>FAILED</>  stage-testing failed: its job failed
    <cyan>next</>    oar -r 4.20.17 drive (image-consistency-check)
            read the result: oar -r 4.20.17 status
            to try again: oar -r 4.20.17 drive --retry stage-testing
            to accept it as it is: oar -r 4.20.17 update-task-status stage-testing
            Pass --reason TEXT
    exit 0
    ");
    assert_snapshot!(coloured(&world, "plan").await, @"
    4.20.17  <red>Red</>  there is something to do: oar -r 4.20.17 drive
    passed:  take-ownership, check-cve-tracker-bug, check-rhcos-security-alerts, push-to-cdn-staging, analyze-candidate-build, analyze-promoted-build
    <green>now:</>     oar -r 4.20.17 image-consistency-check
    post:    the next drive would tell people: stage-testing failed: its job failed
    post:    the next drive would tell people: the approval cannot be reached: stage-testing failed
    note:    image-consistency-check runs now
    <red>FAILED:</>  stage-testing failed: its job failed
             -> read the result: oar -r 4.20.17 status
             -> to try again: oar -r 4.20.17 drive --retry stage-testing
             -> to accept it as it is: oar -r 4.20.17 update-task-status stage-testing Pass --reason TEXT
             https://sim.example.com/jenkins/job/zstreams/job/Stage-Pipeline/1434/
    <red>FAILED:</>  the approval cannot be reached: stage-testing failed
             -> see what is said about each task
    <cyan>next:</>    image-signed-check, change-advisory-status
    exit 0
    ");
    world.finish();
}

#[tokio::test]
async fn a_strangers_title_neither_steers_the_terminal_nor_poses_as_a_status() {
    let world = with_state_file().await;
    let title = r"\e[31mPass error: https://docs.example.com/Fail \e]0;owned\a";
    let issues = format!(
        "issues:\n- issue: \"{title}\"\n  reported_at: '2026-06-01T00:00:00Z'\n  resolved: false\n  resolution: null\n  \
         blocker: true\n  related_tasks:\n  - stage-testing\n"
    );
    world.someone_else_edits_the_text(|file| file.replace("issues: []\n", &issues));

    assert_snapshot!(coloured(&world, "issue list").await, @"
    1796cf04  <red>BLOCKER</>   �[31mPass error: https://docs.example.com/Fail �]0;owned� (stage-testing)
    exit 0
    ");
    assert_snapshot!(coloured(&world, "status").await, @"
    4.20.17  <green>Green</>, held back by 1 blocker
    release date 2026-Jun-10, Konflux flow, updated 2026-06-03T06:00:00Z
    shipment https://sim.example.com/gitlab/hybrid-platforms/art/ocp-shipment-data/-/merge_requests/2117
      take-ownership              Not Started
      check-cve-tracker-bug       Not Started
      check-rhcos-security-alerts Not Started
      push-to-cdn-staging         Not Started
      analyze-candidate-build     Not Started
      analyze-promoted-build      Not Started
      image-consistency-check     Not Started
      stage-testing               Not Started
      image-signed-check          Not Started
      change-advisory-status      Not Started
    <red>BLOCKER</> 1796cf04: �[31mPass error: https://docs.example.com/Fail �]0;owned�
    <cyan>wait</>    4.20.17 is not promoted yet (not listed yet); this takes 6 to 24 h (look
            again at 2026-06-03T06:30:00Z)
    <cyan>next</>    oar -r 4.20.17 drive (take-ownership, analyze-candidate-build)
    exit 0
    ");
    world.finish();
}
