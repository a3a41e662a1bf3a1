use inngest::Step;

#[inngest::api_fn(id = "handler")]
async fn handler(name: impl Into<String>, _: Step) {
    let _ = name;
}

fn main() {}
