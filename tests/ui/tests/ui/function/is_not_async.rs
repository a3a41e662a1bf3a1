use inngest::Step;

#[inngest::api_fn(id = "create-order")]
fn create_order(_step: Step) {}

fn main() {}
