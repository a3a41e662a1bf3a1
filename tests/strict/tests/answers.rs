//! The library's endpoints work.

use inngest::function::ApiFn as _;
use stephttp_strict::{buy, inner, item, routes, tracked, unused, Shop};
use stephttp_tests::World;

#[tokio::test]
async fn a_strict_library_has_endpoints() {
    let world = World::of(routes().with_state(Shop::new(7))).await;
    let answers = [
        ("/tracked", "tracked"),
        ("/unused", "unused"),
        ("/item", "item"),
        ("/with-use", "use"),
        ("/private", "private"),
    ];
    for (path, expected) in answers {
        assert_eq!(world.post(path).send().await.unwrap().text().await.unwrap(), expected);
    }
    let response = world.post("/buy").header("content-type", "application/json").body(r#"{"item": "tea"}"#);
    let response = response.send().await.unwrap().text().await.unwrap();
    assert!(response.starts_with("POST 01"), "{response}");
    world.delivered().await;
    world.assert_clean();
}

#[test]
fn what_is_known_of_them_is_public() {
    let ids =
        [buy::OPTS, tracked::OPTS, unused::OPTS, item::OPTS, inner::with_use::OPTS].map(|opts| opts.id());
    assert_eq!(ids, ["strict-buy", "strict-tracked", "strict-unused", "strict-item", "strict-with-use"]);
    assert_eq!(inngest::function::registered().count(), 7);
    assert_eq!(buy::STEPS.len(), 2);
}

#[tokio::test]
async fn a_strict_library_has_helpers() {
    let packed = Shop::new(7).pack(&inngest::Step::detached(), &"tea").await.unwrap();
    assert_eq!(packed, "packed 7 tea");
    let mut helpers = inngest::function::registered_helpers();
    assert!(helpers.any(|helper| helper.function() == "stephttp_strict::pack" && helper.steps().len() == 1));
}
