use inngest::Step;

#[inngest::api_fn(id = "create-order", id = "order")]
async fn create_order(_step: Step) {}

fn main() {}
