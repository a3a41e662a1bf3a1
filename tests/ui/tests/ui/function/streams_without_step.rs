use inngest::Live;

#[inngest::api_fn(id = "handler")]
async fn handler(live: Live) -> String {
    live.push("thinking");
    String::new()
}

fn main() {
    let _ = handler;
}
