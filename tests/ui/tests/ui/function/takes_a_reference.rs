use inngest::Step;

#[inngest::api_fn(id = "handler")]
async fn handler(step: &Step) {
    let _ = step;
}

fn main() {
    let _ = handler;
}
