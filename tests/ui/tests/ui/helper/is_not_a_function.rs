#[inngest::step_fn]
struct Order;

trait Charges {
    #[inngest::step_fn]
    async fn charge(&self, step: &inngest::Step);
}

fn main() {
    let _ = Order;
}
