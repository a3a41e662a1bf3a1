#[inngest::api_fn(id = "create-order")]
struct CreateOrder;

fn main() {}
