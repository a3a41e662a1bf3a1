use inngest::Step;

#[inngest::api_fn(id = "create-order")]
async fn create_order(_first: Step, _second: Step) {}

fn main() {}
