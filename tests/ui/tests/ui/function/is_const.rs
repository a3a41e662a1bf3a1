use inngest::Step;

#[inngest::api_fn(id = "handler")]
const fn handler(_: Step) {}

fn main() {
    let _ = handler;
}
