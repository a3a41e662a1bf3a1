use inngest::Step;

#[inngest::api_fn(id = "handler")]
async fn handler<'a>(_: Step) {}

fn main() {
    let _ = handler;
}
