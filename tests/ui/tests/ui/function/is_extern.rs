use inngest::Step;

#[inngest::api_fn(id = "handler")]
async extern "C" fn handler(_: Step) {}

fn main() {
    let _ = handler;
}
