use inngest::Step;

#[inngest::api_fn(id = "create-order", retry = 3)]
async fn create_order(_step: Step) {}

fn main() {}
