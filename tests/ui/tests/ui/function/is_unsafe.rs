use inngest::Step;

#[inngest::api_fn(id = "handler")]
async unsafe fn handler(_: Step) {}

fn main() {
    let _ = handler;
}
