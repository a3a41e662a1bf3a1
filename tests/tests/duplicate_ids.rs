//! Two functions with one id. A program of its own, since every app in this one fails to be set up.

use inngest::{Provider, SetupError, SetupOpts, Step};

#[inngest::api_fn(id = "create-order")]
async fn create_order(_step: Step) {}

mod legacy {
    use inngest::Step;

    #[inngest::api_fn(id = "create-order")]
    pub(super) async fn order(_step: Step) {}
}

#[tokio::test]
async fn two_functions_with_one_id_are_refused_at_setup_by_name_and_place() {
    create_order(Step::detached()).await;
    legacy::order(Step::detached()).await;

    let opts = SetupOpts::new("https://api.example.com").dev(true);
    let error = Provider::setup(opts).unwrap_err();
    assert!(matches!(&error, SetupError::DuplicateFunction { id, .. } if id == "create-order"), "{error:?}");
    let message = error.to_string();
    let file = file!();
    for part in ["duplicate_ids::create_order", "duplicate_ids::legacy::order", "create-order", file] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

#[test]
fn they_are_no_steps_to_compare_with_a_lock() {
    let error = inngest::steps_lock::check("steps.lock").unwrap_err();
    assert!(
        matches!(&error, inngest::steps_lock::StepsLockError::DuplicateFunction { id, .. } if id == "create-order"),
        "{error:?}"
    );
}
