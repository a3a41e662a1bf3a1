use inngest::Step;

#[inngest::api_fn(id = "create-order", retries = 21)]
async fn create_order(_step: Step) {}

fn main() {}
