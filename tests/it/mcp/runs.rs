//! Calls that change something.

use serde_json::json;

use super::served::Served;

#[tokio::test]
async fn a_task_called_twice_is_done_once_and_says_so() {
    let served = Served::start(&[]).await;
    let first = served.call("oar_create_test_report", json!({ "release": "4.20.17" })).await;
    assert_eq!(first["isError"], false, "{first}");
    let text = first["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("task [Create Test Report] status is changed to [Pass]"), "{text}");
    let second = served.call("oar_create_test_report", json!({ "release": "4.20.17" })).await;
    assert_eq!(second["structuredContent"]["changed"], false, "{second}");
}
