use insta::assert_snapshot;

use crate::rehearsal::fresh;

#[tokio::test]
async fn probe() {
    let town = fresh().await;
    for words in std::env::var("PROBE").unwrap_or_default().split(';') {
        let before = town.external_writes().len();
        let words = words.trim();
        if let Some(t) = words.strip_prefix("time ") { town.time_passes(t); continue; }
        if words == "promote" { town.payload_is_promoted(); continue; }
        if words == "stage" { town.stage_release_succeeds(); continue; }
        if words == "tested" { town.tests_of_the_promoted_build_are_accepted(); continue; }
        if words == "signed" { town.signature_is_published(); continue; }
        if words == "page" { town.advisory_page_opens(); continue; }
        println!("$ {words}\n{}", town.oar(words).await);
        println!("   writes {:#?}", &town.external_writes()[before..]);
    }
    println!("{}", town.file());
    println!("{:#?}", town.posted_messages());
    town.finish();
    assert_snapshot!("", @"");
}
