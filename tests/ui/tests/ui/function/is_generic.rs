use inngest::Step;

#[inngest::api_fn(id = "handler")]
async fn handler<T: Send>(_: Step) {}

fn main() {
    let _ = handler::<u8>;
}
