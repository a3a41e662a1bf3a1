use inngest::Step;

#[inngest::api_fn(id = "", retries = "three")]
fn create_order(_step: Step) {}

fn main() {
    // The function is emitted all the same, so this is no further error.
    let _ = create_order;
}
